/**
 * Runs, adapters and models on the same scenarios: two as the arms of a scorecard, any number as a table. What this version measured of a run or model is taken from
 * the store; an adapter given by its folder has a name of its own there.
 */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { withCorrection } from '../calibration/correct.ts';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { adapterHash, loadAdapter } from '../engine/adapter.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { About, Scorecard } from '../metrics/scorecard.ts';
import { Budget } from '../models/budget.ts';
import type { Target } from '../models/target.ts';
import { openSqlite } from '../store/sqlite.ts';
import { runNamed } from './named-run.ts';
import { namedTarget } from './named-target.ts';
import { requireWeights } from './remote-targets.ts';
import { comparisonTable, type ComparisonTable } from '../report/table.ts';
import { aboutSet, evaluationSet, type Wanted } from './evaluation.ts';
import { invalidText, scorecardOf } from './scorecard.ts';
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

export interface Measured {
  readonly name: string;
  readonly judged: readonly Judged[];
  readonly about: About;
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
  const judged = await workplace.measure(`compare: ${name}`, set.scenarios, target);
  return { name, judged, about: aboutSet(workplace, set, target.choose === undefined) };
}

/** A scenario that is not the same in all arms, and is compared in none. */
export interface Refused {
  readonly key: string;
  /** Names of the arms that have one of this key; where all have, their hashes differ. */
  readonly in: readonly string[];
}

/** What all arms have, by the scenarios' hashes, and what is refused. Errors: `absent` if nothing is left. */
export function shared(arms: readonly Measured[]): { ids: ReadonlySet<string>; refused: Refused[] } {
  const byKey = new Map<string, { name: string; id: string }[]>();
  for (const { name, judged } of arms)
    for (const { scenario } of judged) {
      const key = `${scenario.suite}: ${scenario.key}`;
      byKey.set(key, [...(byKey.get(key) ?? []), { name, id: scenario.id }]);
    }
  const ids = new Set<string>();
  const refused: Refused[] = [];
  for (const [key, found] of byKey) {
    const different = new Set(found.map(({ id }) => id));
    if (found.length === arms.length && different.size === 1) ids.add(found[0]!.id);
    else refused.push({ key, in: found.map(({ name }) => name) });
  }
  if (ids.size === 0)
    throw new TemperError(
      'absent',
      `${arms.map(({ name }) => name).join(' and ')} have no scenario in common\n${refusedText(refused, arms.length)}`,
      { hint: 'Give all of them the same suites and seed.' },
    );
  return { ids, refused };
}

const MOST_NAMED = 5;

/** `12 scenarios are not the same everywhere and are left out: theft-01 (other content), ...` */
function refusedText(refused: readonly Refused[], arms: number): string {
  const named = refused
    .slice(0, MOST_NAMED)
    .map(({ key, in: names }) =>
      names.length === arms ? `${key} (other content)` : `${key} (only in ${names.join(', ')})`,
    );
  const more = refused.length > named.length ? ', ...' : '';
  return `${refused.length} scenarios are not the same in all of them and are left out: ${named.join(', ')}${more}`;
}

/** All arms over the scenarios that all of them have. */
async function measureArms(
  config: Config,
  names: readonly string[],
  wanted: Wanted,
  tools: RunOptions,
): Promise<{ arms: Measured[]; refused: Refused[]; notes: string[] }> {
  const arms: Arm[] = [];
  for (const name of names) arms.push(await armOf(config, name));
  const { budget = new Budget(config.calls.budget) } = tools;
  const measured: Measured[] = [];
  for (const arm of arms) measured.push(await measureArm(arm, wanted, config, { ...tools, budget }));
  const { ids, refused } = shared(measured);
  const unlike = (['judge', 'simulator'] as const)
    .filter((part) => new Set(measured.map(({ about }) => about[part])).size > 1)
    .map((part) =>
      measured.length === 2
        ? `The two have different ${part}s: not all that differs is the model's doing.`
        : `They have different ${part}s: not all that differs is the models' doing.`,
    );
  const notes = [
    ...measured.flatMap(({ about }) => about.notes ?? []),
    ...unlike,
    ...(refused.length > 0 ? [`${refusedText(refused, measured.length)}.`] : []),
  ];
  return {
    arms: measured.map((arm) => ({
      ...arm,
      judged: arm.judged.filter(({ scenario }) => ids.has(scenario.id)),
    })),
    refused,
    notes: [...new Set(notes)],
  };
}

/** Two arms as one scorecard, paired, without a gate. Errors: `absent` if an arm is unknown or they share no scenario. */
export async function compareArms(
  config: Config,
  [a, b]: readonly [string, string],
  wanted: Wanted,
  tools: RunOptions = {},
): Promise<Scorecard> {
  const { arms, notes } = await measureArms(config, [a, b], wanted, tools);
  const [{ judged: before, about }, { judged: after, about: other }] = arms as [Measured, Measured];
  const target = about.target === other.target ? about.target : `${about.target} against ${other.target}`;
  const card = scorecardOf({
    about: { ...about, ...(notes.length > 0 ? { notes } : {}), target, adapter: `${a} against ${b}` },
    before,
    after,
  });
  await using store = openSqlite(storePath(config));
  // A correction is of one judge.
  const corrected = about.judge === other.judge ? withCorrection(card, await store.calibrations()) : card;
  return { ...corrected, gate: null };
}

/** Any number of arms as one table, each paired with the first. Errors: as `compareArms`. */
export async function compareTable(
  config: Config,
  names: readonly string[],
  wanted: Wanted,
  tools: RunOptions = {},
): Promise<ComparisonTable> {
  const { arms, refused, notes } = await measureArms(config, names, wanted, tools);
  const [first, ...others] = arms as [Measured, ...Measured[]];
  const cards = others.map(({ judged }) =>
    scorecardOf({ about: first.about, before: first.judged, after: judged }),
  );
  const spoilt = arms.map(({ name, judged }) => invalidText(judged, `conversations of ${name}`));
  return comparisonTable({
    about: {
      ...first.about,
      notes: [...notes, ...spoilt.filter((text) => text !== null)],
    },
    models: arms.map(({ name, about }) => ({ name, target: about.target })),
    cards,
    refused,
  });
}
