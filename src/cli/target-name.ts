/** Names for the targets of conversations, which ids alone tell nothing about: the run that measured them, and as what. */
import type { Config } from '../config/config.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { AFTER, armsOf } from '../loop/arms.ts';
import { type Link, LINK } from '../loop/chain.ts';
import { DEFAULT_MODEL } from '../models/catalog.ts';
import type { RunRecord, Store } from '../store/store.ts';

const CANDIDATE = /^choose: (?!base$)(.+)$/;

function modelOf({ config, scorecard }: RunRecord): string {
  const told = (scorecard as Scorecard | undefined)?.about.target;
  const { path, model } = ((config as Partial<Config>).target ?? {}) as Partial<Config['target']>;
  return told ?? path ?? (model === undefined || model === 'embedded' ? DEFAULT_MODEL.description : model);
}

/** `SmolLM2-135M-Instruct + 50 % dpo, strength 1.25 (verify: after, run 60657af5)`; null: no run measured any of these conversations. */
export async function targetName(store: Store, conversations: readonly string[]): Promise<string | null> {
  const wanted = new Set(conversations);
  for (const run of await store.runs())
    for (const [arm, ids] of await armsOf(store, run)) {
      if (!ids.some((id) => wanted.has(id))) continue;
      const link = (await store.stage(run.id, LINK)) as Link | null;
      const adapter =
        CANDIDATE.exec(arm)?.[1] ??
        (arm === AFTER ? ((run.scorecard as Scorecard | undefined)?.about.adapter ?? 'adapter') : undefined);
      const found = arm === 'break' && link?.previous ? ' as the round before left it' : '';
      return `${modelOf(run)}${adapter === undefined ? '' : ` + ${adapter}`}${found} (${arm}, run ${run.id.slice(0, 8)})`;
    }
  return null;
}
