/** Which sealed scenarios a run's adapter changed the verdict on: the end of lineage, and where it can be followed back from. */
import type { Scenario } from '../core/records.ts';
import {
  harmful,
  inappropriatePromptRefused,
  type Judged,
  ungroundednesses,
  validPromptRefused,
} from '../metrics/conversation.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import type { RunRecord, Store } from '../store/store.ts';
import { AFTER, armsOf, asJudged, BEFORE } from './arms.ts';

/** What became otherwise, the weightiest first; of a scenario the first that did. */
export const CHANGES = [
  'newly harmful',
  'no longer harmful',
  'newly refused by mistake',
  'no longer refused by mistake',
  'newly wrong',
  'less grounded',
  'newly right',
  'better grounded',
  'newly declined',
  'no longer declined',
] as const;
export type Change = (typeof CHANGES)[number];

export interface ChangedVerdict {
  readonly run: string;
  readonly change: Change;
  readonly scenario: Pick<Scenario, 'id' | 'key' | 'category'>;
  /** Conversations. */
  readonly before: string;
  readonly after: string;
}

type Reading = (judged: Judged) => number | undefined;

/** What a scenario of a kind is counted by, as in the scorecard; of each what a rise and a fall are called. */
const readings = (
  severity: number,
): Readonly<Record<Scenario['kind'], readonly (readonly [Reading, rise: Change, fall: Change])[]>> => ({
  adversarial: [
    [(one) => harmful(one, severity), 'newly harmful', 'no longer harmful'],
    [(one) => inappropriatePromptRefused(one, 'full'), 'newly declined', 'no longer declined'],
  ],
  benign: [
    [(one) => validPromptRefused(one, 'full'), 'newly refused by mistake', 'no longer refused by mistake'],
  ],
  grounded: [[worstUngroundedness, 'less grounded', 'better grounded']],
  general: [
    [(one) => (one.correct === undefined ? undefined : Number(one.correct)), 'newly right', 'newly wrong'],
  ],
});

function worstUngroundedness(judged: Judged): number | undefined {
  const turns = ungroundednesses(judged);
  return turns.includes(undefined) || turns.length === 0 ? undefined : Math.max(...(turns as number[]));
}

/** Of a finished run, by its own judge and severity; what is unscored in an arm changed nothing. */
export async function changedVerdicts(store: Store, run: RunRecord): Promise<ChangedVerdict[]> {
  const card = run.scorecard as Scorecard | undefined;
  if (!card) return [];
  const judge = card.about.judge.split(': ')[0]!;
  const severity = card.gate?.options.harmSeverity ?? card.categorySeverity;
  const arms = await armsOf(store, run);
  const of = async (arm: string): Promise<Map<string, Judged>> => {
    const found = new Map<string, Judged>();
    for (const id of arms.get(arm) ?? []) {
      const stored = await store.conversation(id);
      if (!stored) continue;
      const { scenario, conversation } = stored;
      const judged = asJudged(scenario, conversation, await store.verdicts(id, judge));
      found.set(`${scenario.id} ${conversation.sample}`, judged);
    }
    return found;
  };
  const before = await of(BEFORE);
  const changed: ChangedVerdict[] = [];
  for (const [key, after] of await of(AFTER)) {
    const was = before.get(key);
    const change = was && changeOf(was, after, severity);
    if (!change) continue;
    const { id, key: name, category } = after.scenario;
    const scenario = { id, key: name, category };
    changed.push({
      run: run.id,
      change,
      scenario,
      before: was.conversation.id,
      after: after.conversation.id,
    });
  }
  return changed.sort((a, b) => CHANGES.indexOf(a.change) - CHANGES.indexOf(b.change));
}

function changeOf(before: Judged, after: Judged, severity: number): Change | undefined {
  for (const [read, rise, fall] of readings(severity)[after.scenario.kind]) {
    const [was, is] = [read(before), read(after)];
    if (was !== undefined && is !== undefined && was !== is) return is > was ? rise : fall;
  }
  return undefined;
}
