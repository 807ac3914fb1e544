/**
 * Two arms on the same sealed scenarios: runs, adapters, models. What this version measured of a run or model is taken from
 * the store; an adapter given by its folder has a name of its own there.
 */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { withCorrection } from '../calibration/correct.ts';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { adapterHash, loadAdapter } from '../engine/adapter.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { About, Scorecard } from '../metrics/scorecard.ts';
import { Budget } from '../models/budget.ts';
import type { Target } from '../models/target.ts';
import { openSqlite } from '../store/sqlite.ts';
import { namedTarget } from './named-target.ts';
import { requireWeights } from './remote-targets.ts';
import { scorecardOf } from './scorecard.ts';
import type { EmbeddedTargets } from './targets.ts';
import { type RunOptions, settingsOf, storePath, Workplace } from './workplace.ts';

interface Arm {
  readonly name: string;
  readonly config: Config;
  /** `id`: the adapter's name in the conversations of its run. */
  readonly adapter?: { readonly directory: string; readonly id?: string };
}

/** What `namedTarget` knows, a finished run, or the folder of an adapter. */
async function armOf(config: Config, name: string): Promise<Arm> {
  const target = namedTarget(config, name);
  if (target) return { name, config: { ...config, target } };
  if (existsSync(name)) return { name, config, adapter: { directory: name } };
  if (existsSync(storePath(config))) {
    await using store = openSqlite(storePath(config));
    const run = await store.run(name);
    if (run?.adapter !== undefined) {
      const id = basename(run.adapter);
      return {
        name,
        config: settingsOf(run, config),
        adapter: { directory: join(config.directory, 'adapters', id), id },
      };
    }
  }
  throw new TemperError(
    'absent',
    `'${name}' is no adapter folder, no model and no finished run of this store`,
    {
      hint: 'Use `base`, `embedded`, a path, provider:model, a name under `targets`, or an id that `temper runs` lists as finished.',
    },
  );
}

function adapted(targets: EmbeddedTargets, { directory, id }: NonNullable<Arm['adapter']>): Promise<Target> {
  const adapter = loadAdapter(directory, targets.model.config);
  return targets.adapted({ id: id ?? adapterHash(adapter), adapter }, 1);
}

async function measureArm(
  { name, config, adapter }: Arm,
  tools: RunOptions,
): Promise<{ judged: Judged[]; about: About }> {
  await using workplace = await Workplace.open(config, tools);
  const { targets, scenarios } = workplace;
  const target = adapter
    ? await adapted(requireWeights(targets, 'an adapter'), adapter)
    : await targets.base();
  const judged = await workplace.measure(`compare: ${name}`, scenarios.sealed, target);
  return { judged, about: workplace.about(new Date().toISOString(), 'sealed') };
}

/**
 * The two as the arms of one scorecard, paired, over the scenarios that both have; without a gate. Errors: `absent` if
 * an arm is unknown or they share no scenario.
 */
export async function compareArms(
  config: Config,
  a: string,
  b: string,
  tools: RunOptions = {},
): Promise<Scorecard> {
  const arms = [await armOf(config, a), await armOf(config, b)] as const;
  const { budget = new Budget(config.calls.budget) } = tools;
  const { judged: before, about } = await measureArm(arms[0], { ...tools, budget });
  const { judged: after, about: other } = await measureArm(arms[1], { ...tools, budget });
  const ids = (judged: readonly Judged[]): Set<string> => new Set(judged.map(({ scenario }) => scenario.id));
  const theirs = ids(after);
  const common = new Set([...ids(before)].filter((id) => theirs.has(id)));
  if (common.size === 0)
    throw new TemperError('absent', `${a} and ${b} have no sealed scenario in common`, {
      hint: 'Give both the same suites and seed.',
    });
  const shared = (judged: readonly Judged[]): Judged[] =>
    judged.filter(({ scenario }) => common.has(scenario.id));
  const target = about.target === other.target ? about.target : `${about.target} against ${other.target}`;
  const differing = (['judge', 'simulator'] as const).filter((part) => about[part] !== other[part]);
  const unlike = differing.map(
    (part) => `The two have different ${part}s: not all that differs is the model's doing.`,
  );
  const notes = [...new Set([...(about.notes ?? []), ...(other.notes ?? []), ...unlike])];
  const card = scorecardOf({
    about: { ...about, ...(notes.length > 0 ? { notes } : {}), target, adapter: `${a} against ${b}` },
    before: shared(before),
    after: shared(after),
  });
  await using store = openSqlite(storePath(config));
  // A correction is of one judge.
  const corrected = differing.includes('judge') ? card : withCorrection(card, await store.calibrations());
  return { ...corrected, gate: null };
}
