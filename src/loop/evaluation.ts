/** What is measured: a split of the suites, suites by their names, or a public benchmark from its file. */
import { join } from 'node:path';
import { withCorrection } from '../calibration/correct.ts';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { type Emit, silent } from '../core/events.ts';
import type { Scenario } from '../core/records.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { About, Scorecard } from '../metrics/scorecard.ts';
import { type BenchmarkData, drawn, loadBenchmark } from '../scenarios/benchmarks/benchmark.ts';
import { fetchBenchmark } from '../scenarios/benchmarks/hub.ts';
import { benchmarkOf } from '../scenarios/benchmarks/index.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { expandRai, loadRaiSuites, raiSuitesNamed } from '../scenarios/rai.ts';
import { loadSplits, roundScenarios } from './scenarios.ts';
import { scorecardOf } from './scorecard.ts';
import { type RunOptions, Workplace } from './workplace.ts';

/** What a command asks for: one of `split`, `suites` and `benchmark`. */
export interface Wanted {
  readonly split?: 'dev' | 'sealed';
  /** `rai`, or names of its suites. */
  readonly suites?: readonly string[];
  readonly benchmark?: string;
  /** File or folder of the benchmark, or `hub`; default: what the configuration says. */
  readonly data?: string;
  /** Scenarios at most. */
  readonly limit?: number;
}

export interface EvaluationSet {
  /** What the scorecard says of it. */
  readonly about: Pick<About, 'suite' | 'split' | 'simulator'> & { readonly notes: readonly string[] };
  readonly scenarios: readonly Scenario[];
}

const AS_PUBLISHED = 'none, prompts as published';

/** Errors: `config`, `data`, `network`. */
export async function evaluationSet(
  config: Config,
  wanted: Wanted,
  { emit = silent, signal }: { emit?: Emit; signal?: AbortSignal } = {},
): Promise<EvaluationSet> {
  if (wanted.benchmark !== undefined) return benchmarkSet(config, wanted.benchmark, wanted, { emit, signal });
  if (wanted.suites !== undefined) return raiSet(config, wanted.suites, wanted.limit);
  const { split = 'sealed' } = wanted;
  const suites = loadSplits(config);
  const scenarios = roundScenarios(config, suites)[split];
  const suite = suites[split].map(({ id, version }) => `${id}@${version}`).join(', ');
  return { about: { suite, split, simulator: '', notes: [] }, scenarios };
}

/** The responsible-AI suites of those names; a limit is of each. */
function raiSet(config: Config, names: readonly string[], limit: number | undefined): EvaluationSet {
  const suites = raiSuitesNamed(loadRaiSuites(BUILT_IN.rai), names);
  return {
    about: {
      suite: suites.map(({ id, version }) => `${id}@${version}`).join(', '),
      split: 'sealed',
      simulator: '',
      notes: [],
    },
    scenarios: suites.flatMap((suite) => drawn(expandRai(suite, config.seed), limit, config.seed)),
  };
}

async function benchmarkSet(
  config: Config,
  name: string,
  { data, limit: most }: Wanted,
  { emit, signal }: { emit: Emit; signal: AbortSignal | undefined },
): Promise<EvaluationSet> {
  const benchmark = benchmarkOf(name);
  const own = config.suites.benchmarks?.[name];
  const place = data ?? own?.path;
  if (place === undefined)
    throw new TemperError('config', `no file of the benchmark ${name} is named`, {
      hint: `Give --data PATH${benchmark.hub ? ' or --data hub' : ''}, or set suites.benchmarks.${name}.path. It is published at ${benchmark.source}`,
    });
  const path = place === 'hub' ? await fromHub(config, name, emit, signal) : place;
  const loaded = await loadBenchmark(name, benchmark, path);
  const scenarios = drawn(loaded.scenarios, most ?? own?.limit, config.seed);
  return {
    about: {
      suite: `${benchmark.title}, ${countText(loaded, scenarios.length)} (content ${loaded.hash})`,
      simulator: AS_PUBLISHED,
      notes: passedOverNotes(loaded),
    },
    scenarios,
  };
}

function fromHub(config: Config, name: string, emit: Emit, signal: AbortSignal | undefined): Promise<string> {
  if (!config.models.sources.includes('hub'))
    throw new TemperError('config', 'models.sources forbids the hub', {
      hint: 'Give a file with --data PATH.',
    });
  emit({ type: 'note', level: 'info', message: `${name}: from the Hugging Face hub, or as kept before` });
  const folder = join(config.directory, 'benchmarks');
  return fetchBenchmark(name, benchmarkOf(name), { folder, signal });
}

const countText = ({ rows }: BenchmarkData, taken: number): string =>
  taken === rows ? `all ${rows} rows` : `${taken} of ${rows} rows`;

const passedOverNotes = ({ passedOver }: BenchmarkData): string[] =>
  Object.entries(passedOver).map(
    ([reason, count]) => `${count} row${count === 1 ? '' : 's'} not measured: ${reason}.`,
  );

const SPOKEN =
  'Asked for a letter: this target gives no log-probabilities, so its figures are not those of targets that do.';

/** Measures the target alone: a scorecard with one arm. */
export async function evaluate(
  config: Config,
  wanted: Wanted,
  tools: RunOptions = {},
): Promise<{ scorecard: Scorecard; judged: Judged[] }> {
  const set = await evaluationSet(config, wanted, tools);
  await using workplace = await Workplace.open(config, tools);
  const target = await workplace.targets.base();
  const judged = await workplace.measure('eval', set.scenarios, target);
  const about = aboutSet(workplace, set, target.choose === undefined);
  const card = scorecardOf({ about, before: judged });
  return { scorecard: withCorrection(card, await workplace.store.calibrations()), judged };
}

/** What the scorecard of a set says it is. `speaks`: the target has no log-probabilities. */
export function aboutSet(workplace: Workplace, { about, scenarios }: EvaluationSet, speaks: boolean): About {
  const base = workplace.about(new Date().toISOString());
  const spoken = speaks && scenarios.some(({ check }) => check?.kind === 'choice');
  const notes = [...(base.notes ?? []), ...about.notes, ...(spoken ? [SPOKEN] : [])];
  const { suite, split, simulator } = about;
  return {
    ...base,
    suite,
    ...(split === undefined ? {} : { split }),
    ...(simulator === '' ? {} : { simulator }),
    ...(notes.length > 0 ? { notes } : {}),
  };
}
