/**
 * Which data moved what: a finished round's data without one group at a time, trained as the round trained (for fewer
 * epochs), beside an adapter of all of it, both asked the same held-out dev scenarios. Leave one out: a group whose work
 * others do as well changes nothing. Sealed scenarios are not asked. What exists is not made again.
 */
import { basename, join, resolve } from 'node:path';
import { type Config, recipeVariants } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import type { PreferenceExample } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { Comparison } from '../metrics/comparison.ts';
import type { Judged } from '../metrics/conversation.ts';
import { buildScorecard, type CategoryResult, type Scorecard } from '../metrics/scorecard.ts';
import type { Target } from '../models/target.ts';
import type { RunRecord, Store } from '../store/store.ts';
import { type Group, type GroupBy, groupsOf } from './attribution-groups.ts';
import { type Link, LINK, startOf } from './chain.ts';
import { measureTwice } from './measure.ts';
import { taught } from './mix.ts';
import { requireWeights } from './remote-targets.ts';
import { finishedResult } from './run.ts';
import type { FrontierPoint } from './select.ts';
import { type EmbeddedTargets, mannerOf } from './targets.ts';
import { loadCheckpoint, type NamedRecipes, recipesOf, startingAdapter, trainRound } from './training.ts';
import { madeBy, type Way, wayTo } from './way.ts';
import { type RunOptions, settingsOf, Workplace } from './workplace.ts';

export interface AttributeOptions {
  readonly run?: string | undefined;
  readonly by: GroupBy;
  /** The largest so many are left out, one at a time. */
  readonly groups: number;
  /** Of the round's epochs. */
  readonly share: number;
  /** Held-out dev scenarios of each kind, at most. */
  readonly scenarios: number;
}

/** Each change is that of leaving the group out: without it less with all. */
export interface GroupEffect extends Pick<Group, 'name' | 'purpose' | 'category'> {
  readonly examples: number;
  readonly harm: Comparison;
  readonly overRefusal: Comparison;
  readonly helpfulness: Comparison;
  readonly degenerate: Comparison;
  /** p-values Holm-adjusted over the categories of this group; null: too few of its conversations could be scored. */
  readonly categories: readonly CategoryResult[];
  /** Of which too few conversations of an arm could be scored (`gate.maxUnscored`): what is left may be another selection. */
  readonly fewScored: readonly Figure[];
}

const FIGURES = ['harm', 'overRefusal', 'helpfulness', 'degenerate'] as const;
type Figure = (typeof FIGURES)[number];

export interface Attribution {
  readonly run: string;
  readonly dataset: string;
  readonly by: GroupBy;
  readonly share: number;
  readonly seed: number;
  readonly strength: number;
  /** Which candidate of the round the adapters are made as. */
  readonly checkpoint: string;
  readonly severity: number;
  readonly scenarios: number;
  readonly examples: number;
  /** All data against the target as the round found it. */
  readonly all: Pick<Scorecard, 'harm' | 'overRefusal' | 'helpfulness' | 'categorySeverity'>;
  readonly groups: readonly GroupEffect[];
  /** Names of groups that were not left out: there were more than asked for. */
  readonly notTried: readonly string[];
}

interface Finished {
  readonly run: RunRecord;
  readonly chosen: FrontierPoint;
  /** How the chosen candidate came about: SFT alone, DPO, or a share of the way between the two or beyond, by these recipes. */
  readonly way: Way;
  readonly recipes: NamedRecipes;
  readonly dataset: string;
  readonly examples: readonly PreferenceExample[];
  /** Folder of the adapter that the round before released: the target as this round found it. */
  readonly start: string | undefined;
  /** `base`: training began anew all the same. */
  readonly from: Link['from'];
}

const directoryOf = ({ directory }: Config, adapter: string): string =>
  resolve(directory, 'adapters', basename(adapter));

/** What the round made, from the store. Errors: `absent` where it learnt nothing. */
async function finished(
  store: Store,
  config: Config,
  run: RunRecord,
  chosen: FrontierPoint | undefined,
): Promise<Finished> {
  const stage = async <T>(name: string): Promise<T | null> => (await store.stage(run.id, name)) as T | null;
  const nothing = (why: string): TemperError =>
    new TemperError('absent', `run ${run.id} has nothing to attribute: ${why}`, {
      hint: 'Name a run whose adapter was trained: `temper runs`.',
    });
  const curated = await stage<{ dataset: string }>('curate');
  const data = curated && (await store.dataset(curated.dataset));
  if (!data || !chosen) throw nothing('nothing broke, and no adapter was trained');
  const found = await wayOf(config, chosen, stage);
  if (found === null) throw nothing('it released what it had started from');
  const link = await stage<Link>(LINK);
  const before = link?.previous ? await store.run(link.previous) : null;
  return {
    run,
    chosen,
    ...found,
    dataset: curated.dataset,
    examples: data.examples,
    start: before?.adapter === undefined ? undefined : directoryOf(config, before.adapter),
    from: link?.from,
  };
}

/** By which recipes, and how far along them, a candidate was trained; null: it was not. */
export async function wayOf(
  { training }: Config,
  { adapter }: Pick<FrontierPoint, 'adapter'>,
  stage: (name: string) => Promise<unknown>,
): Promise<Pick<Finished, 'way' | 'recipes'> | null> {
  for (const recipes of recipesOf({ ...training, variants: recipeVariants(training) })) {
    const way = wayTo(adapter, await madeBy(recipes.name, stage));
    if (way !== null) return { way, recipes };
  }
  return null;
}

class Attributor {
  readonly #workplace: Workplace;
  readonly #weights: EmbeddedTargets;
  readonly #round: Finished;
  readonly #options: AttributeOptions;
  readonly seed: number;

  constructor(workplace: Workplace, round: Finished, options: AttributeOptions) {
    this.#workplace = workplace;
    this.#weights = requireWeights(workplace.targets, 'attribution');
    this.#round = round;
    this.#options = options;
    // Not the round's: what chose its adapter must not judge its data as well.
    this.seed = rng('attribute', workplace.config.seed).int(2 ** 31);
  }

  /** The target as the round found it. */
  async found(): Promise<Judged[]> {
    const { maxTokens } = this.#workplace.config.selection;
    const start = startOf(this.#weights, this.#round.start);
    const target = start
      ? await this.#weights.adapted(start, 1, { maxTokens })
      : await this.#weights.base({ maxTokens });
    return this.#measure('as found', target);
  }

  /** An adapter of these examples, trained as the round's was. */
  async adapted(name: string, examples: readonly PreferenceExample[]): Promise<Judged[]> {
    const { config, emit, tools } = this.#workplace;
    const { way, recipes, start, from, chosen } = this.#round;
    const { share } = this.#options;
    const { sft, dpo, mix } = recipes;
    // One checkpoint, the last: nothing is chosen here.
    const shorter = <R extends { epochs: number; checkpointEvery: number }>(recipe: R): R => ({
      ...recipe,
      epochs: recipe.epochs * share,
      checkpointEvery: 1,
    });
    const settings = {
      training: {
        ...config.training,
        sft: shorter(sft),
        dpo: way === 'sft' || dpo === null ? null : shorter(dpo),
        mix,
        variants: [],
      },
      directory: join(config.directory, 'attribution'),
      selection: {
        ...config.selection,
        between: typeof way === 'number' ? [way] : [],
        patience: undefined,
      },
      ...(start === undefined ? {} : { chain: { start, ...(from === undefined ? {} : { from }) } }),
    };
    const data = contentHash({ attribution: examples.map(({ id }) => id) });
    const trained = await trainRound(
      data,
      // That of all recipes, whatever the seed of this one.
      startingAdapter(this.#weights, { ...settings, training: config.training }),
      {
        store: { dataset: () => Promise.resolve({ examples: [...examples], details: {} }) },
        stages: { emit, stage: (_name, _phases, work) => work() },
        weights: this.#weights,
        frontier: null,
        signal: tools.signal,
      },
      settings,
    );
    // Where no pair is left, DPO has nothing to do and SFT is the end.
    const wanted = typeof way === 'number' ? trained.find(({ id }) => id.endsWith(`-${way}`)) : undefined;
    const made = wanted ?? trained.at(-1)!;
    const named = { id: made.id, adapter: loadCheckpoint(this.#weights, made) };
    const { maxTokens } = config.selection;
    return this.#measure(name, await this.#weights.adapted(named, chosen.strength, { maxTokens }));
  }

  #measure(name: string, target: Target): Promise<Judged[]> {
    const { config, targets, tools, scenarios } = this.#workplace;
    const { system } = config.target;
    return measureTwice(scenarios.holdout, target, this.#workplace, {
      stage: `attribute: ${name}`,
      seed: this.seed,
      maxTokens: config.selection.maxTokens,
      system,
      ...mannerOf(targets),
      signal: tools.signal,
    });
  }
}

/** The same configuration with so many held-out scenarios: what the limits leave out of a round is asked here. */
const asking = (config: Config, scenarios: number): Config => ({
  ...config,
  selection: { ...config.selection, scenarios },
  suites: {
    ...config.suites,
    dev: { ...config.suites.dev, adversarial: null, benign: null, general: null },
  },
});

/**
 * Attributes a finished run (default: the last). Errors: `absent` where there is none, or it learnt nothing; `model` where the
 * target's weights are not the run's.
 */
export async function attribute(
  config: Config,
  options: AttributeOptions,
  tools: RunOptions = {},
): Promise<Attribution> {
  const { run, chosen } = await finishedResult(config, options.run);
  const own = settingsOf(run, config);
  await using workplace = await Workplace.open(asking(own, options.scenarios), tools);
  const { store, emit } = workplace;
  const round = await finished(store, own, run, chosen);
  // What the round's mix leaves out taught nothing, so to leave it out would change nothing.
  const learnt = taught(round.examples, round.recipes.mix);
  const groups = await groupsOf(store, learnt, options.by);
  if (groups.length === 1)
    throw new TemperError('absent', `all ${learnt.length} examples are one group: ${groups[0]!.name}`, {
      hint: 'Group them otherwise with --by.',
    });
  const tried = groups.slice(0, options.groups);
  const attributor = new Attributor(workplace, round, options);
  const note = (message: string): void => emit({ type: 'note', level: 'info', message });
  const about = workplace.about(run.created, 'dev');
  const severity = own.curation.harmSeverity;
  const compared = (before: readonly Judged[], after: readonly Judged[]): Scorecard =>
    buildScorecard({ about, before, after, categorySeverity: severity });

  const found = await attributor.found();
  note(`[1/${tried.length + 1}] all ${learnt.length} examples`);
  const all = await attributor.adapted('all data', learnt);
  const effects: GroupEffect[] = [];
  for (const [i, { name, purpose, category, ids }] of tried.entries()) {
    note(`[${i + 2}/${tried.length + 1}] without ${name} (${ids.size} examples)`);
    const rest = learnt.filter(({ id }) => !ids.has(id));
    const card = compared(all, await attributor.adapted(`without ${name}`, rest));
    const figures = {
      harm: harmOf(card),
      overRefusal: card.overRefusal.full,
      helpfulness: card.helpfulness,
      degenerate: card.degenerate.benign,
    };
    const few = (comparison: Comparison): boolean => fewScored(comparison, own.gate.maxUnscored);
    const enough = (comparison: Comparison | null) => (comparison && few(comparison) ? null : comparison);
    effects.push({
      name,
      purpose,
      category,
      examples: ids.size,
      ...figures,
      categories: card.categories.map(({ category: moved, harm, overRefusal }) => ({
        category: moved,
        harm: enough(harm),
        overRefusal: enough(overRefusal),
      })),
      fewScored: FIGURES.filter((figure) => few(figures[figure])),
    });
  }
  const whole = compared(found, all);
  return {
    run: run.id,
    dataset: round.dataset,
    by: options.by,
    share: options.share,
    seed: attributor.seed,
    strength: round.chosen.strength,
    checkpoint: round.chosen.checkpoint,
    severity,
    scenarios: workplace.scenarios.holdout.length,
    examples: learnt.length,
    all: {
      harm: whole.harm,
      overRefusal: whole.overRefusal,
      helpfulness: whole.helpfulness,
      categorySeverity: severity,
    },
    groups: effects,
    notTried: groups.slice(options.groups).map(({ name }) => name),
  };
}

/** Whether an arm has more unscored conversations than a gate would take, whatever the pairs that are left say. */
export const fewScored = ({ before, after }: Comparison, maxUnscored: number): boolean =>
  [before, after].some((arm) => arm !== null && arm.total > 0 && arm.unscored > maxUnscored * arm.total);

/** DR-x of all adversarial conversations at the scorecard's severity. */
export const harmOf = ({
  harm,
  categorySeverity,
}: Pick<Scorecard, 'harm' | 'categorySeverity'>): Comparison => harm.curve[categorySeverity - 1]!;
