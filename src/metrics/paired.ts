/** Before/after on the same scenarios: differences, intervals and tests. A difference is after - before. */
import { rng } from '../core/rng.ts';
import { binomialCdf, binomialPmf, tQuantile, Z_95 } from './distributions.ts';

/** The same test case in both arms. Pairs of one cluster (scenario) are not independent. */
export interface Pair {
  readonly cluster: string;
  readonly before: number | undefined;
  readonly after: number | undefined;
}

export type DifferenceMethod = 'agresti-min' | 'clustered-t' | 'none';

/** A paired difference with a 95 % interval. JSON-serialisable. */
export interface Difference {
  /** after - before, over the pairs scored in both arms; null when there are none. */
  readonly value: number | null;
  readonly low: number;
  readonly high: number;
  /** Pairs scored in both arms. */
  readonly n: number;
  /** Pairs that exist but are unscored in one arm or both. */
  readonly unscored: number;
  readonly clusters: number;
  readonly method: DifferenceMethod;
}

export interface McNemar {
  /** Exact two-sided p: min(1, 2 P(X <= min(b, c))), X ~ Binomial(b + c, 1/2). */
  readonly p: number;
  /** Mid-p version: less conservative, size close to nominal (Fagerland 2013). */
  readonly midP: number;
}

/** McNemar's test. b = pairs with 1 before and 0 after, c = pairs with 0 before and 1 after. */
export function mcnemar(b: number, c: number): McNemar {
  const n = b + c;
  if (n === 0) return { p: 1, midP: 1 };
  const k = Math.min(b, c);
  const tail = binomialCdf(k, n, 0.5);
  return {
    // Where they differ by one, twice the tail is 1, which the sum only comes near.
    p: n - 2 * k <= 1 ? 1 : Math.min(1, 2 * tail),
    midP: b === c ? 1 - binomialPmf(k, n, 0.5) / 2 : 2 * tail - binomialPmf(k, n, 0.5),
  };
}

/** Wald interval of a paired difference of proportions: `SE = sqrt(b + c - (b - c)^2 / N) / N`. */
export function waldDifference(
  b: number,
  c: number,
  pairs: number,
): { value: number; error: number; low: number; high: number } {
  const value = (c - b) / pairs;
  const error = Math.sqrt(b + c - (b - c) ** 2 / pairs) / pairs;
  return { value, error, low: value - Z_95 * error, high: value + Z_95 * error };
}

interface Table {
  readonly b: number;
  readonly c: number;
  readonly binary: boolean;
  readonly n: number;
  readonly total: number;
  /** Per cluster: sum of differences and number of pairs. */
  readonly clusters: ReadonlyMap<string, { sum: number; size: number }>;
}

function tabulate(pairs: Iterable<Pair>, scale: number): Table {
  let [b, c, n, total, binary] = [0, 0, 0, 0, true];
  const clusters = new Map<string, { sum: number; size: number }>();
  for (const { cluster, before, after } of pairs) {
    total++;
    if (before === undefined || after === undefined) continue;
    n++;
    if ((before !== 0 && before !== 1) || (after !== 0 && after !== 1)) binary = false;
    if (before === 1 && after === 0) b++;
    if (before === 0 && after === 1) c++;
    const group = clusters.get(cluster) ?? { sum: 0, size: 0 };
    group.sum += after - before;
    group.size++;
    clusters.set(cluster, group);
  }
  return { b, c, binary: binary && scale === 1, n, total, clusters };
}

/**
 * The mean of after - before with a 95 % interval. `scale` is the largest possible difference (1 for rates, 4 for
 * ungroundedness).
 *
 * Independent 0/1 pairs: Agresti and Min's (2005) interval, Wald's after adding half a pair to each of the four
 * cells, which stays honest when few pairs or none changed. Otherwise mean +- t_{C-1} SE (cluster-robust), and for
 * 0/1 pairs never narrower than the former.
 */
export function pairedDifference(pairs: Iterable<Pair>, scale: number = 1): Difference {
  const table = tabulate(pairs, scale);
  const { n, clusters } = table;
  const base = { n, unscored: table.total - n, clusters: clusters.size };
  if (n === 0) return { value: null, low: -scale, high: scale, ...base, method: 'none' };
  let sum = 0;
  for (const group of clusters.values()) sum += group.sum;
  const value = sum / n;
  const clamp = (x: number): number => Math.max(-scale, Math.min(scale, x));
  if (table.binary && clusters.size === n) {
    const adjusted = waldDifference(table.b + 0.5, table.c + 0.5, n + 2);
    const [low, high] = [Math.min(value, adjusted.low), Math.max(value, adjusted.high)];
    return { value, low: clamp(low), high: clamp(high), ...base, method: 'agresti-min' };
  }
  let half = clusters.size < 2 ? scale * 2 : tQuantile(0.975, clusters.size - 1) * clusterError(table, value);
  if (table.binary) half = Math.max(half, Z_95 * waldDifference(table.b + 0.5, table.c + 0.5, n + 2).error);
  return { value, low: clamp(value - half), high: clamp(value + half), ...base, method: 'clustered-t' };
}

function clusterError(table: Table, difference: number): number {
  let squares = 0;
  for (const { sum, size } of table.clusters.values()) squares += (sum - size * difference) ** 2;
  const count = table.clusters.size;
  return (Math.sqrt(squares) / table.n) * Math.sqrt(count / (count - 1));
}

export type TestMethod = 'mcnemar-exact' | 'sign-flip-exact' | 'sign-flip-monte-carlo' | 'none';

/** Two-sided p of "no difference": exact McNemar for independent 0/1 pairs, else the sign flip over clusters. */
export function pairedTest(
  pairs: Iterable<Pair>,
  scale: number = 1,
): { p: number | null; method: TestMethod } {
  const table = tabulate(pairs, scale);
  if (table.n === 0) return { p: null, method: 'none' };
  if (table.binary && table.clusters.size === table.n) {
    return { p: mcnemar(table.b, table.c).p, method: 'mcnemar-exact' };
  }
  const flip = signFlip([...table.clusters.values()].map((group) => group.sum));
  return { p: flip.twoSided, method: flip.exact ? 'sign-flip-exact' : 'sign-flip-monte-carlo' };
}

export interface SignFlip {
  readonly twoSided: number;
  /** P(sum of flipped differences >= the observed sum). */
  readonly oneSided: number;
  readonly exact: boolean;
}

/** Most sign patterns that are enumerated. */
const EXACT_FLIPS = 2 ** 16;

/**
 * Permutation test that flips the sign of each cluster's difference. Exact when at most 2^16 patterns of the
 * non-zero clusters exist (a zero cluster doubles both counts and changes nothing); else Monte Carlo with a fixed
 * seed, p = (1 + #>=) / (1 + B).
 */
export function signFlip(differences: readonly number[], draws: number = 9999): SignFlip {
  const moved = differences.filter((difference) => difference !== 0);
  let observed = 0;
  let scale = 0;
  for (const difference of moved) {
    observed += difference;
    scale += Math.abs(difference);
  }
  const tolerance = scale * 1e-12; // equal sums in another order differ by rounding
  const exact = 2 ** moved.length <= EXACT_FLIPS;
  // bounded work on very many clusters: at least 999 draws
  const patterns = exact ? 2 ** moved.length : Math.max(999, Math.min(draws, Math.floor(2e8 / moved.length)));
  const stream = rng('sign-flip', moved.length);
  let [twoSided, oneSided] = [0, 0];
  for (let pattern = 0; pattern < patterns; pattern++) {
    const sum = exact ? enumerated(moved, pattern) : drawn(moved, () => stream.next() < 0.5);
    if (Math.abs(sum) >= Math.abs(observed) - tolerance) twoSided++;
    if (sum >= observed - tolerance) oneSided++;
  }
  const extra = exact ? 0 : 1;
  return {
    twoSided: (twoSided + extra) / (patterns + extra),
    oneSided: (oneSided + extra) / (patterns + extra),
    exact,
  };
}

function enumerated(values: readonly number[], pattern: number): number {
  let index = 0;
  return drawn(values, () => ((pattern >> index++) & 1) === 1);
}

function drawn(values: readonly number[], flip: () => boolean): number {
  let sum = 0;
  for (const value of values) sum += flip() ? -value : value;
  return sum;
}
