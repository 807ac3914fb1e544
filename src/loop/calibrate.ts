/** Judged answers of the store, to draw a sample for people from. */
import type { Drawn, Candidate } from '../calibration/sample.ts';
import { placeOf } from '../calibration/scale.ts';
import type { Texts } from '../calibration/sheet.ts';
import type { Config } from '../config/config.ts';
import type { Metric, Verdict } from '../core/records.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { StoredConversation } from '../store/store.ts';
import { finishedRun } from './run.ts';
import { type RunOptions, storePath } from './workplace.ts';

export interface StoredCandidate extends Candidate {
  readonly judge: string;
  readonly conversation: string;
  readonly turn: number;
}

/** The answers of a conversation that were judged on the metric; none for turns that have no answer. */
function* candidatesIn(
  { scenario, conversation, verdicts }: StoredConversation & { readonly verdicts: readonly Verdict[] },
  metric: Metric,
): Generator<StoredCandidate> {
  const answered = new Set(
    conversation.turns.flatMap(({ index, finish }) =>
      finish === 'error' || finish === 'blocked' ? [] : [index],
    ),
  );
  for (const verdict of verdicts) {
    if (verdict.metric !== metric || !answered.has(verdict.turn)) continue;
    const probability = verdict.status === 'scored' ? verdict.probability : undefined;
    yield {
      id: verdict.id,
      judge: verdict.judge,
      kind: scenario.kind,
      place: placeOf(metric, verdict),
      ...(probability === undefined ? {} : { probability }),
      conversation: conversation.id,
      turn: verdict.turn,
    };
  }
}

/** What the sealed conversations of a finished run hold (both arms), or, without `run`, all that the judge judged. */
export async function storedCandidates(
  config: Config,
  judge: string,
  metric: Metric,
  run: string | undefined,
  tools: RunOptions,
): Promise<StoredCandidate[]> {
  if (run !== undefined) {
    const { before, after = [] } = await finishedRun(config, run, tools);
    return [...before, ...after].flatMap((judged) => [...candidatesIn(judged, metric)]);
  }
  await using store = openSqlite(storePath(config));
  const found: StoredCandidate[] = [];
  for await (const judged of store.judged(judge)) found.push(...candidatesIn(judged, metric));
  return found;
}

/** The same answers with what people read of them. */
export async function withTexts(
  config: Config,
  drawn: readonly Drawn<StoredCandidate>[],
): Promise<(Drawn<StoredCandidate> & Texts)[]> {
  await using store = openSqlite(storePath(config));
  const rows: (Drawn<StoredCandidate> & Texts)[] = [];
  for (const each of drawn) {
    const { scenario, conversation } = (await store.conversation(each.conversation)) as StoredConversation;
    const at = conversation.turns.findIndex(({ index }) => index === each.turn);
    const turn = conversation.turns[at]!;
    const history = conversation.turns
      .slice(0, at)
      .map(({ plain, response }) => `User: ${plain}\nModel: ${response}`)
      .join('\n');
    rows.push({
      ...each,
      history,
      context: scenario.context ?? '',
      request: turn.plain,
      answer: turn.response,
    });
  }
  return rows;
}
