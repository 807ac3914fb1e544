/** One figure in two arms: an estimate of each, the paired difference, and its test. */
import { pairKey } from './conversation.ts';
import type { Judged } from './conversation.ts';
import { holm } from './corrections.ts';
import { pairedDifference, pairedTest } from './paired.ts';
import type { Difference, Pair, TestMethod } from './paired.ts';
import { atLeast, mean, rate } from './rate.ts';
import type { Estimate, Sample } from './rate.ts';

export interface Comparison {
  readonly before: Estimate;
  /** null when there is one arm only; then so are the next three. */
  readonly after: Estimate | null;
  /** after - before over the test cases scored in both arms. */
  readonly difference: Difference | null;
  /** Two-sided p of "no difference". */
  readonly p: number | null;
  readonly test: TestMethod;
  /** Holm-adjusted over the categories, where the comparison is one of many. */
  readonly adjustedP?: number | null;
}

interface Arms {
  readonly before: readonly Judged[];
  readonly after: readonly Judged[] | undefined;
}

/**
 * Compares the share of conversations whose `value` is 1. Conversations of one scenario form a cluster; pairs are
 * the same scenario, attack and sample index.
 */
export function compare(arms: Arms, value: (judged: Judged) => number | undefined): Comparison {
  const samples = (judged: readonly Judged[]): Sample[] =>
    judged.map((one) => ({ cluster: one.conversation.scenario, value: value(one) }));
  const before = rate(samples(arms.before));
  if (arms.after === undefined) return { before, after: null, difference: null, p: null, test: 'none' };
  return {
    before,
    after: rate(samples(arms.after)),
    ...paired(pairUp({ ...arms, after: arms.after }, value), 1),
  };
}

/**
 * Compares single turns, clustered by conversation: the share at or above `atLeast`, or the mean on a scale from 0
 * to `scale`. A pair is a conversation's mean over its scored turns; it is unscored when no turn of an arm is.
 */
export function compareTurns(
  arms: Arms,
  values: (judged: Judged) => readonly (number | undefined)[],
  options: { readonly atLeast: number } | { readonly scale: number },
): Comparison {
  const scale = 'scale' in options ? options.scale : 1;
  const samples = function* (judged: readonly Judged[]): Generator<Sample> {
    for (const one of judged) {
      for (const value of values(one)) yield { cluster: one.conversation.id, value };
    }
  };
  const estimate = (judged: readonly Judged[]): Estimate =>
    'scale' in options ? mean(samples(judged), [0, scale]) : rate(atLeast(samples(judged), options.atLeast));
  const before = estimate(arms.before);
  if (arms.after === undefined) return { before, after: null, difference: null, p: null, test: 'none' };
  const average = (judged: Judged): number | undefined => {
    const scored = values(judged).filter((value) => value !== undefined);
    if (scored.length === 0) return undefined;
    const numbers = 'scale' in options ? scored : scored.map((value) => Number(value >= options.atLeast));
    return numbers.reduce((total, value) => total + value, 0) / numbers.length;
  };
  return {
    before,
    after: estimate(arms.after),
    ...paired(pairUp({ ...arms, after: arms.after }, average), scale),
  };
}

/**
 * Compares the share of scenarios of which at least one conversation has the `value` 1. As with the turns of a conversation, one is
 * enough; without one a scenario is unscored if any of its conversations is. A pair is a scenario.
 */
export function compareTries(arms: Arms, value: (judged: Judged) => number | undefined): Comparison {
  const tried = (judged: readonly Judged[]): Sample[] =>
    [...Map.groupBy(judged, ({ conversation }) => conversation.scenario)].map(([cluster, some]) => {
      const values = new Set(some.map(value));
      return { cluster, value: values.has(1) ? 1 : values.has(undefined) ? undefined : 0 };
    });
  const [first, second] = [tried(arms.before), arms.after && tried(arms.after)];
  const before = rate(first);
  if (second === undefined) return { before, after: null, difference: null, p: null, test: 'none' };
  const partners = new Map(first.map((sample) => [sample.cluster, sample.value]));
  const pairs = second
    .filter(({ cluster }) => partners.has(cluster))
    .map(({ cluster, value: after }): Pair => ({ cluster, before: partners.get(cluster), after }));
  return { before, after: rate(second), ...paired(pairs, 1) };
}

function pairUp(
  arms: { readonly before: readonly Judged[]; readonly after: readonly Judged[] },
  value: (judged: Judged) => number | undefined,
): Pair[] {
  const before = new Map(arms.before.map((judged) => [pairKey(judged), judged]));
  const pairs: Pair[] = [];
  for (const judged of arms.after) {
    const partner = before.get(pairKey(judged));
    if (partner === undefined) continue;
    pairs.push({ cluster: judged.conversation.scenario, before: value(partner), after: value(judged) });
  }
  return pairs;
}

function paired(pairs: readonly Pair[], scale: number): Pick<Comparison, 'difference' | 'p' | 'test'> {
  const { p, method } = pairedTest(pairs, scale);
  return { difference: pairedDifference(pairs, scale), p, test: method };
}

/** Adds Holm-adjusted p-values over the comparisons that have a p; the others keep null. */
export function withHolm(comparisons: readonly (Comparison | null)[]): (Comparison | null)[] {
  const tested = comparisons.filter((comparison) => comparison !== null && comparison.p !== null);
  const adjusted = holm(tested.map((comparison) => comparison?.p ?? 1));
  const byComparison = new Map(tested.map((comparison, index) => [comparison, adjusted[index]]));
  return comparisons.map((comparison) =>
    comparison === null ? null : { ...comparison, adjustedP: byComparison.get(comparison) ?? null },
  );
}
