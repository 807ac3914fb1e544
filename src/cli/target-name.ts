/** Names for the targets of conversations, which ids alone tell nothing about: the run that measured them, and as what. */
import { existsSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { AFTER, armsOf } from '../loop/arms.ts';
import { type Link, LINK } from '../loop/chain.ts';
import { isEmbedded } from '../loop/remote-targets.ts';
import { locateModel } from '../loop/targets.ts';
import { DEFAULT_MODEL } from '../models/catalog.ts';
import { targetId } from '../models/target.ts';
import type { RunRecord, Store } from '../store/store.ts';

const CANDIDATE = /^choose: (?!base$)(.+)$/;

function modelOf({ config, scorecard }: RunRecord): string {
  const told = (scorecard as Scorecard | undefined)?.about.target;
  const { path, model } = ((config as Partial<Config>).target ?? {}) as Partial<Config['target']>;
  return told ?? path ?? (model === undefined || model === 'embedded' ? DEFAULT_MODEL.description : model);
}

/** The configured model by itself, where this is its target; what `eval` and `attack` measure belongs to no run. */
async function configuredName(config: Config, target: string): Promise<string | null> {
  const { path, adapter, system, temperature, topP, maxTokens } = config.target;
  if (!isEmbedded(config.target) || adapter !== undefined) return null;
  if (path === undefined ? config.engine.provider !== 'cpu' : !existsSync(path)) return null;
  const model =
    path === undefined
      ? { id: DEFAULT_MODEL.sha256, name: DEFAULT_MODEL.description }
      : await locateModel(config.target, config);
  const ids = [maxTokens, config.curation.maxTokens].map((most) =>
    targetId({
      model: model.id,
      ...(system === undefined ? {} : { system }),
      decoding: { temperature, topP, maxTokens: most },
    }),
  );
  return ids.includes(target) ? `${model.name} (as configured)` : null;
}

/**
 * `SmolLM2-135M-Instruct + 50 % dpo, strength 1.25 (verify: after, run 60657af5)`. `conversations`: some with the target. null: no run
 * measured it, and it is not what is configured.
 */
export async function targetName(
  config: Config,
  store: Store,
  target: string,
  conversations: readonly string[],
): Promise<string | null> {
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
  return configuredName(config, target);
}
