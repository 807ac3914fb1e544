/** What is measured: a split of the suites, suites by their names, or a public benchmark from its file. */
import { join } from 'node:path';
import { withCorrection } from '../calibration/correct.ts';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { type Emit, silent } from '../core/events.ts';
import { contentHash } from '../core/ids.ts';
import type { Scenario } from '../core/records.ts';
import { translateScenarios } from '../dialogue/translate.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { About, Scorecard } from '../metrics/scorecard.ts';
import { type BenchmarkData, drawn, loadBenchmark } from '../scenarios/benchmarks/benchmark.ts';
import { fetchBenchmark } from '../scenarios/benchmarks/hub.ts';
import { benchmarkOf } from '../scenarios/benchmarks/index.ts';
import { Budget } from '../models/budget.ts';
import { LANGUAGES } from '../scenarios/languages.ts';
import { judgesWhole } from '../judges/registry.ts';
import { Callers } from './callers.ts';
import { noteMeasured } from './measured.ts';
import { openTranslator } from './roles.ts';
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
  /** Conversations for each scenario; default: 1. */
  readonly samples?: number;
  /** Code of a language that the scenarios are translated into. */
  readonly language?: string;
  /** Measured a second time, paired: the whole conversation against its first turn, or the first message within an attack. */
  readonly ablation?: 'single-turn' | { readonly prefix: string };
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
  tools: RunOptions = {},
): Promise<EvaluationSet> {
  const set = await untranslated(config, wanted, tools);
  return wanted.language === undefined ? set : inLanguage(config, set, wanted.language, tools);
}

/** Errors: as `evaluationSet`, and those of the translator's calls. */
async function inLanguage(
  config: Config,
  { about, scenarios }: EvaluationSet,
  language: string,
  tools: RunOptions,
): Promise<EvaluationSet> {
  const { emit = silent, signal } = tools;
  await using resources = new AsyncDisposableStack();
  const callers = resources.use(new Callers(config, tools));
  const role = await openTranslator(config, callers, resources);
  let done = 0;
  const { scenarios: kept, leftOut } = await translateScenarios(scenarios, language, role, {
    width: role.concurrency,
    signal,
    done: () =>
      emit({
        type: 'progress',
        stage: 'translate',
        done: ++done,
        total: scenarios.length,
        unit: 'scenarios',
      }),
  });
  const reasons = Object.entries(leftOut).map(([reason, count]) => `${count} ${reason}`);
  if (kept.length === 0)
    throw new TemperError('data', `no scenario could be translated into ${language}: ${reasons.join('; ')}`, {
      hint: 'Take another translator, or scenarios without attacks and checked answers.',
    });
  const { name } = LANGUAGES[language]!;
  const translated = `In ${name}, translated by ${role.name} (one turn; each text translated back and compared).`;
  const left = reasons.length > 0 ? [`Left out: ${reasons.join('; ')}.`] : [];
  return { about: { ...about, notes: [...about.notes, translated, ...left] }, scenarios: kept };
}

async function untranslated(
  config: Config,
  wanted: Wanted,
  { emit = silent, signal }: RunOptions,
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

/** Measures the target alone: a scorecard with one arm, or with the two of an ablation. */
export async function evaluate(
  config: Config,
  wanted: Wanted,
  tools: RunOptions = {},
): Promise<{ scorecard: Scorecard; judged: Judged[]; after?: Judged[] }> {
  const { budget = new Budget(config.calls.budget) } = tools;
  if (wanted.ablation === 'single-turn' && judgesWhole(config.judge))
    throw new TemperError('config', `the first turn has no verdict of its own by ${config.judge}`, {
      hint: 'Take a judge of single answers for this ablation: --set judge=rubric:MODEL.',
    });
  const shared = { ...tools, budget };
  const set = await evaluationSet(config, wanted, shared);
  await using workplace = await Workplace.open(config, shared);
  const target = await workplace.targets.base();
  const { ablation } = wanted;
  const scenarios =
    ablation === undefined ? set.scenarios : set.scenarios.filter((each) => canVary(each, ablation));
  if (scenarios.length === 0)
    throw new TemperError('absent', 'no scenario has what is to be varied', {
      hint: 'single-turn needs scenarios of several turns; prefix needs scenarios without an attack or a check.',
    });
  const { samples = 1 } = wanted;
  const measured = await workplace.measure('eval', scenarios, target, samples);
  const about = aboutSet(workplace, set, { samples, speaks: target.choose === undefined });
  if (ablation === undefined) {
    await noteMeasured(workplace.store, { name: about.target, about, judged: measured });
    const card = scorecardOf({ about, before: measured });
    return { scorecard: withCorrection(card, await workplace.store.calibrations()), judged: measured };
  }
  const { before, after, note } = await arms(ablation, scenarios, measured, (variants) =>
    workplace.measure('eval: with the prefix', variants, target, samples),
  );
  const notes = [...(about.notes ?? []), note];
  const card = { ...scorecardOf({ about: { ...about, notes }, before, after }), gate: null };
  return { scorecard: withCorrection(card, await workplace.store.calibrations()), judged: before, after };
}

type Ablation = NonNullable<Wanted['ablation']>;

const canVary = ({ kind, turns, attack, check }: Scenario, ablation: Ablation): boolean =>
  ablation === 'single-turn' ? turns > 1 : attack === undefined && check === undefined && kind !== 'general';

/** The two arms of an ablation, paired by scenario. */
async function arms(
  ablation: Ablation,
  scenarios: readonly Scenario[],
  measured: readonly Judged[],
  measure: (variants: readonly Scenario[]) => Promise<Judged[]>,
): Promise<{ before: Judged[]; after: Judged[]; note: string }> {
  if (ablation === 'single-turn')
    return {
      // A conversation of one turn is the first turn of a longer one: the same words, the same random numbers.
      before: measured.map(firstTurn),
      after: [...measured],
      note: 'Before: the first turn of each conversation alone. After: all of its turns.',
    };
  const variants = scenarios.map((each) => withPrefix(each, ablation.prefix));
  const after = await measure(variants);
  return {
    before: [...measured],
    after: after.map((one, i) => asVariant(one, measured[i]!.scenario)),
    note: `Before: as it is. After: the first message within the attack ${ablation.prefix}, worded by the same random numbers.`,
  };
}

const firstTurn = (judged: Judged): Judged => {
  const [turn] = judged.conversation.turns;
  return {
    ...judged,
    conversation: { ...judged.conversation, turns: turn ? [turn] : [] },
    verdicts: judged.verdicts.filter((verdict) => verdict.turn === turn?.index),
  };
};

function withPrefix({ id, key, ...rest }: Scenario, prefix: string): Scenario {
  const parts = { ...rest, prefix, variantOf: id };
  return { id: contentHash(parts), key: `${key}+prefix-${prefix}`, ...parts };
}

/** A variant under the scenario that it is of, so that the two pair. */
const asVariant = (judged: Judged, scenario: Scenario): Judged => ({
  ...judged,
  scenario,
  conversation: { ...judged.conversation, scenario: scenario.id },
});

const alike = (samples: number, target: string): string =>
  `${samples} conversations of each scenario. ${target} always gives its most probable answer, so those with it differ by the user's words alone.`;

/** What the scorecard of a set says it is. `speaks`: the target has no log-probabilities. */
export function aboutSet(
  workplace: Workplace,
  { about, scenarios }: EvaluationSet,
  { samples = 1, speaks }: { readonly samples?: number | undefined; readonly speaks: boolean },
): About {
  const base = workplace.about(new Date().toISOString());
  const spoken = speaks && scenarios.some(({ check }) => check?.kind === 'choice');
  const greedy = samples > 1 && workplace.config.target.temperature === 0;
  const notes = [
    ...(base.notes ?? []),
    ...about.notes,
    ...(spoken ? [SPOKEN] : []),
    ...(greedy ? [alike(samples, base.target)] : []),
  ];
  const { suite, split, simulator } = about;
  return {
    ...base,
    suite,
    ...(split === undefined ? {} : { split }),
    ...(simulator === '' ? {} : { simulator }),
    ...(notes.length > 0 ? { notes } : {}),
  };
}
