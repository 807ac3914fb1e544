/** Which conversations a run measured: as it noted them, or, of before it did, by the targets that its configuration leads to. */
import { basename } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Conversation, Scenario, Verdict } from '../core/records.ts';
import type { Judged } from '../metrics/conversation.ts';
import { DEFAULT_MODEL } from '../models/catalog.ts';
import { targetId } from '../models/target.ts';
import type { RunRecord, Store } from '../store/store.ts';
import { isCorrect } from './measure.ts';
import type { Selection } from './select.ts';

export const BEFORE = 'verify: before';
export const AFTER = 'verify: after';

/** Suite of what people asked by hand. */
export const BY_HAND = 'console';

export type Arms = ReadonlyMap<string, readonly string[]>;

/** The arms of a run by name. Empty where a run of an earlier temper, with a model of its own, noted none. */
export async function armsOf(store: Store, run: RunRecord): Promise<Arms> {
  const noted = await store.arms(run.id);
  if (noted.size > 0) return noted;
  const found = new Map<string, readonly string[]>();
  for (const [arm, target] of await targetsOf(store, run)) {
    const split = arm.startsWith('verify') ? 'sealed' : 'dev';
    const ids: string[] = [];
    for await (const { scenario, conversation } of store.conversations(target))
      if (scenario.split === split && scenario.suite !== BY_HAND) ids.push(conversation.id);
    if (ids.length > 0) found.set(arm, ids);
  }
  return found;
}

/** Targets of the default model, whose identity no file has to be read for. */
async function targetsOf(store: Store, run: RunRecord): Promise<[string, string][]> {
  const { target, curation, selection } = run.config as Partial<Config>;
  if (target?.model !== 'embedded' || target.path !== undefined || target.adapter !== undefined) return [];
  const { system, temperature, topP, maxTokens } = target;
  const id = (most: number, adapter?: { adapter: string; strength: number }): string =>
    targetId({
      model: DEFAULT_MODEL.sha256,
      ...adapter,
      ...(system === undefined ? {} : { system }),
      decoding: { temperature, topP, maxTokens: most },
    });
  const chosen = (await store.stage(run.id, 'select')) as Selection | null;
  return [
    ['break', id(curation?.maxTokens ?? maxTokens)],
    [BEFORE, id(maxTokens)],
    ...(run.adapter === undefined
      ? []
      : ([[AFTER, id(maxTokens, { adapter: basename(run.adapter), strength: 1 })]] as [string, string][])),
    ...(chosen && selection
      ? [
          ['choose: base', id(selection.maxTokens)] as [string, string],
          ...chosen.frontier.map(({ adapter, checkpoint, strength }): [string, string] => [
            `choose: ${checkpoint} x ${strength}`,
            id(selection.maxTokens, { adapter, strength }),
          ]),
        ]
      : []),
  ];
}

/** A stored conversation as the scorecard counts it. */
export function asJudged(
  scenario: Scenario,
  conversation: Conversation,
  verdicts: readonly Verdict[],
): Judged {
  const correct = isCorrect(scenario, conversation);
  return { scenario, conversation, verdicts, ...(correct === undefined ? {} : { correct }) };
}
