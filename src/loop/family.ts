/**
 * A family: several models through the same scenarios, and those on disk fixed with the same data. What broke any of them is
 * in one dataset; a model with more samples takes a larger part of it, and each smaller part lies within the larger ones.
 */
import { type Config, recipeVariants } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import type { PreferenceExample } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import { type Asked, comparedBy } from '../curation/compared.ts';
import { deduplicate } from '../curation/firewall.ts';
import type { Comparison } from '../metrics/comparison.ts';
import { cochranQ, equalShares, type Heterogeneity } from '../metrics/heterogeneity.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { Budget } from '../models/budget.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { askedBy } from './chain.ts';
import { namedTarget } from './named-target.ts';
import { isEmbedded } from './remote-targets.ts';
import type { RunOutcome } from './rounds.ts';
import { evaluate } from './evaluation.ts';
import { curateDev, runLoop } from './run.ts';
import { loadSplits, roundScenarios } from './scenarios.ts';
import { type RunOptions, storePath } from './workplace.ts';

export interface FamilyMember {
  readonly name: string;
  /** As told; 0 for what is measured alone. */
  readonly samples: number;
  /** Examples that it learnt from. */
  readonly examples: number;
  readonly scorecard: Scorecard;
  /** Of a model that was fixed. */
  readonly outcome: RunOutcome | null;
}

export const FIGURES = ['harm', 'overRefusal', 'helpfulness'] as const;
export type Figure = (typeof FIGURES)[number];

/** Whether the models differ: before (all of them), and in their change (those that were fixed). */
export interface FamilyTests {
  readonly before: Heterogeneity;
  readonly after: Heterogeneity;
  readonly change: Readonly<Record<Figure, Heterogeneity>>;
}

export interface FamilyOutcome {
  readonly members: readonly FamilyMember[];
  /** null where nothing was fixed. */
  readonly dataset: { readonly id: string; readonly examples: number } | null;
  readonly tests: FamilyTests;
}

interface Planned {
  readonly name: string;
  readonly samples: number;
  readonly config: Config;
}

/** Errors: `usage`, `config`, before any model is opened. */
export function familyOf(config: Config, names: readonly string[]): Planned[] {
  if (names.length < 2 || new Set(names).size < names.length)
    throw new TemperError('usage', 'a family takes at least two models, each once', {
      hint: 'Name models under `targets` in the configuration: --family small,large',
    });
  if (config.rounds.max > 1)
    throw new TemperError('usage', 'a family is fixed in one round: the same data for all of them', {
      hint: 'Leave out --rounds, or run each model on its own.',
    });
  return names.map((name) => {
    const target = namedTarget(config, name);
    if (!target)
      throw new TemperError('config', `'${name}' is no model`, {
        hint: 'Name it under `targets` in the configuration, or give a path or provider:model (docs/models.md).',
      });
    const own =
      config.targets && Object.hasOwn(config.targets, name) ? config.targets[name]?.samples : undefined;
    const samples = isEmbedded(target) ? (own ?? 1) : 0;
    if (!isEmbedded(target) && (own ?? 0) > 0)
      throw new TemperError('config', `targets.${name}.samples: it has no weights here, so it cannot learn`, {
        hint: 'Leave it out: it is measured beside the others.',
      });
    const training = samples > 0 ? withMorePairs(config.training, samples) : config.training;
    return { name, samples, config: { ...config, target, training } };
  });
}

/** The pairs of DPO, also of variants that say how many or alone have a DPO, times a model's samples. */
function withMorePairs(training: Config['training'], samples: number): Config['training'] {
  const scaled = <P extends object>(pairs: P): P =>
    Object.fromEntries(
      Object.entries(pairs).map(([purpose, count]) => [purpose, Math.round(Number(count) * samples)]),
    ) as P;
  const { dpo, variants } = training;
  const whole = new Map(recipeVariants(training).map((variant) => [variant.name, variant]));
  return {
    ...training,
    dpo: dpo && { ...dpo, pairs: scaled(dpo.pairs) },
    ...(variants && {
      variants: Object.fromEntries(
        Object.entries(variants).map(([name, own]) => {
          // Where there is no DPO to take them over from, pairs that it does not name are at their defaults.
          const pairs = dpo ? own.dpo?.['pairs'] : whole.get(name)!.dpo?.pairs;
          return [name, pairs ? { ...own, dpo: { ...own.dpo, pairs: scaled(pairs) } } : own];
        }),
      ),
    }),
  };
}

/** Of each purpose the same share, the first in an order that is nobody's choice. */
export function partOf(
  examples: readonly PreferenceExample[],
  share: number,
  seed: number,
): PreferenceExample[] {
  const byPurpose = Map.groupBy(examples, ({ purpose }) => purpose);
  return [...byPurpose].flatMap(([purpose, all]) =>
    rng('family', seed, purpose)
      .shuffle(all)
      .slice(0, Math.ceil(all.length * share)),
  );
}

/** One dataset of all: of what is nearly the same, one is kept, of whichever model. `asked`: by an example's id. */
export function pooled(
  datasets: readonly (readonly PreferenceExample[])[],
  seed: number,
  asked: ReadonlyMap<string, Asked> = new Map(),
): PreferenceExample[] {
  const all = [...new Map(datasets.flat().map((example) => [example.id, example])).values()];
  const order = rng('pooled', seed).shuffle(all.sort((a, b) => (a.id < b.id ? -1 : 1)));
  return deduplicate(
    order,
    comparedBy(({ id }) => asked.get(id)),
  ).kept;
}

/** The common dataset, in which requests are compared without the attacks around them. */
async function pool(
  config: Config,
  learners: readonly Planned[],
  datasets: readonly (readonly PreferenceExample[])[],
): Promise<PreferenceExample[]> {
  if (learners.length === 0) return [];
  const unrun = learners.flatMap(({ config: own }) => roundScenarios(own, loadSplits(own)).unrun);
  await using store = openSqlite(storePath(config));
  return pooled(datasets, config.seed, await askedBy(store, datasets.flat(), unrun));
}

async function saved(store: Store, examples: readonly PreferenceExample[]): Promise<string> {
  const id = contentHash({ family: examples.map((example) => example.id) });
  const counts: Record<string, number> = {};
  for (const { lineage } of examples) counts[lineage.source] = (counts[lineage.source] ?? 0) + 1;
  await store.saveDataset(id, examples, { counts, removed: [] });
  return id;
}

/** Errors: those of a run, for any of the models; what the others have finished is kept. */
export async function runFamily(
  config: Config,
  names: readonly string[],
  tools: RunOptions = {},
): Promise<FamilyOutcome> {
  const planned = familyOf(config, names);
  const { budget = new Budget(config.calls.budget) } = tools;
  const shared = { ...tools, budget };
  const note = (message: string): void => tools.emit?.({ type: 'note', level: 'info', message });
  const learners = planned.filter(({ samples }) => samples > 0);
  const datasets: (readonly PreferenceExample[])[] = [];
  for (const { name, config: own } of learners) {
    note(`family: what breaks ${name}`);
    datasets.push((await curateDev(own, shared)).examples);
  }
  const data = await pool(config, learners, datasets);
  const most = Math.max(0, ...learners.map(({ samples }) => samples));
  const parts = new Map<string, { id: string; examples: number }>();
  let dataset: FamilyOutcome['dataset'] = null;
  if (learners.length > 0) {
    await using store = openSqlite(storePath(config));
    dataset = { id: await saved(store, data), examples: data.length };
    for (const { name, samples } of learners) {
      const part = partOf(data, samples / most, config.seed);
      parts.set(name, { id: await saved(store, part), examples: part.length });
    }
  }
  const members: FamilyMember[] = [];
  for (const { name, samples, config: own } of planned) {
    const part = parts.get(name);
    note(`family: ${name}${part ? `, ${part.examples} of ${data.length} examples` : ', measured alone'}`);
    const outcome = part ? await runLoop(own, shared, undefined, part.id) : null;
    const scorecard = outcome?.scorecard ?? (await evaluate(own, { split: 'sealed' }, shared)).scorecard;
    members.push({ name, samples, examples: part?.examples ?? 0, scorecard, outcome });
  }
  return { members, dataset, tests: testsOf(members) };
}

/** The comparisons of a scorecard that a family is told by; harm as the gate reads it. */
export function familyFigures(card: Scorecard, harmSeverity: number): Record<Figure, Comparison> {
  return {
    harm: card.harm.curve[harmSeverity - 1]!,
    overRefusal: card.overRefusal.full,
    helpfulness: card.helpfulness,
  };
}

export const severityOf = ({ gate, categorySeverity }: Scorecard): number =>
  gate?.options.harmSeverity ?? categorySeverity;

const Z_95 = 1.959964;

function testsOf(members: readonly FamilyMember[]): FamilyTests {
  const cards = members.map(({ scorecard }) => scorecard);
  return familyTests(cards, Math.max(...cards.map(severityOf)));
}

/** Whether models differ, harm being counted from a severity on. */
export function familyTests(cards: readonly Scorecard[], severity: number): FamilyTests {
  const figures = cards.map((card) => familyFigures(card, severity));
  const counts = (arm: 'before' | 'after') =>
    figures.flatMap(({ harm }) => {
      const estimate = harm[arm];
      return estimate?.value == null ? [] : [{ k: Math.round(estimate.value * estimate.n), n: estimate.n }];
    });
  const change = (name: Figure): Heterogeneity =>
    cochranQ(
      figures.flatMap((all) => {
        const { difference } = all[name];
        if (difference?.value == null) return [];
        // From the interval, so that it is the error that the scorecard shows.
        const error = (difference.high - difference.low) / (2 * Z_95);
        return error > 0 && Number.isFinite(error) ? [{ value: difference.value, error }] : [];
      }),
    );
  return {
    before: equalShares(counts('before')),
    after: equalShares(counts('after')),
    change: {
      harm: change('harm'),
      overRefusal: change('overRefusal'),
      helpfulness: change('helpfulness'),
    },
  };
}
