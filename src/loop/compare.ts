/**
 * Runs, adapters and models on the same scenarios: two as the arms of a scorecard, any number as a table. What this version measured of a run or model is taken from
 * the store; an adapter given by its folder has a name of its own there.
 */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { adapterHash, loadAdapter } from '../engine/adapter.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { Budget } from '../models/budget.ts';
import type { Target } from '../models/target.ts';
import { openSqlite } from '../store/sqlite.ts';
import { noteMeasured } from './measured.ts';
import { runNamed } from './named-run.ts';
import { namedTarget } from './named-target.ts';
import { requireWeights } from './remote-targets.ts';
import type { ComparisonTable } from '../report/table.ts';
import { aboutSet, evaluationSet, type Wanted } from './evaluation.ts';
import { type Measured, overShared, pairedCard, pairedTable, type Shared } from './paired.ts';
import type { EmbeddedTargets } from './targets.ts';
import { adapterPath } from './trainer.ts';
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
    const run = await runNamed(store, name);
    if (run?.adapter !== undefined) {
      const id = basename(run.adapter);
      return {
        name,
        config: settingsOf(run, config),
        adapter: { directory: adapterPath(config.directory, id), id },
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
  wanted: Wanted,
  given: Config,
  tools: RunOptions,
): Promise<Measured> {
  // A run has its own suites and seed; where data lie and who translates is this command's.
  const suites = { ...config.suites, benchmarks: given.suites.benchmarks };
  const set = await evaluationSet(
    { ...given, seed: config.seed, selection: config.selection, suites },
    wanted,
    tools,
  );
  await using workplace = await Workplace.open(config, tools);
  const { targets } = workplace;
  const target = adapter
    ? await adapted(requireWeights(targets, 'an adapter'), adapter)
    : await targets.base();
  const { samples } = wanted;
  const judged = await workplace.measure(`compare: ${name}`, set.scenarios, target, samples);
  const about = aboutSet(workplace, set, { samples, speaks: target.choose === undefined });
  const measured = { name, judged, about, ...(adapter && { adapter: adapter.id ?? adapter.directory }) };
  // What a run released has its own place in the store.
  if (adapter?.id === undefined) await noteMeasured(workplace.store, measured);
  return measured;
}

/** All arms over the scenarios that all of them have. */
async function measureArms(
  config: Config,
  names: readonly string[],
  wanted: Wanted,
  tools: RunOptions,
): Promise<Shared> {
  const arms: Arm[] = [];
  for (const name of names) arms.push(await armOf(config, name));
  const { budget = new Budget(config.calls.budget) } = tools;
  const measured: Measured[] = [];
  for (const arm of arms) measured.push(await measureArm(arm, wanted, config, { ...tools, budget }));
  return overShared(measured);
}

/** Two arms as one scorecard, paired, without a gate. Errors: `absent` if an arm is unknown or they share no scenario. */
export async function compareArms(
  config: Config,
  [a, b]: readonly [string, string],
  wanted: Wanted,
  tools: RunOptions = {},
): Promise<Scorecard> {
  const measured = await measureArms(config, [a, b], wanted, tools);
  await using store = openSqlite(storePath(config));
  return pairedCard(measured, await store.calibrations());
}

/** Any number of arms as one table, each paired with the first. Errors: as `compareArms`. */
export async function compareTable(
  config: Config,
  names: readonly string[],
  wanted: Wanted,
  tools: RunOptions = {},
): Promise<ComparisonTable> {
  return pairedTable(await measureArms(config, names, wanted, tools));
}
