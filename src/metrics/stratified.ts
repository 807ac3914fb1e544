/** A paired difference over strata (categories, kinds) of which each counts as much as it should. */
import { tQuantile } from './distributions.ts';
import { type Pair, pairedDifference, signFlip } from './paired.ts';

export interface StratifiedPair extends Pair {
  readonly stratum: string;
}

export interface StratifiedDifference {
  /** sum_h W_h (after - before)_h; null where no pair is scored in both arms. */
  readonly value: number | null;
  readonly low: number;
  readonly high: number;
  /** Two-sided. */
  readonly p: number | null;
  /** Pairs scored in both arms, and strata that have some. */
  readonly n: number;
  readonly strata: number;
}

/**
 * `d = sum_h W_h d_h` with `Var d = sum_h W_h^2 Var d_h` (clusters within a stratum; Cochran 1977, ch. 5), +- t with as many
 * degrees as clusters less strata. For a stratum with one cluster
 * d_h^2 stands for its variance, which on average is at least as large.
 * p: sign flips of each cluster's part of d (`signFlip`), so it is exact and asks no variance. `weights`: of the
 * strata, default their shares of the scored pairs; strata without a scored pair are left out and the others
 * scaled up. Where no pair changed, the interval is that of `pairedDifference`.
 */
export function stratifiedDifference(
  pairs: readonly StratifiedPair[],
  { weights, scale = 1 }: { weights?: Readonly<Record<string, number>>; scale?: number } = {},
): StratifiedDifference {
  const scored = pairs.filter(({ before, after }) => before !== undefined && after !== undefined);
  const groups = Map.groupBy(scored, ({ stratum }) => stratum);
  const sumOf = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + value, 0);
  const weightOf = (stratum: string): number =>
    weights?.[stratum] ?? (weights ? 0 : groups.get(stratum)!.length);
  const total = sumOf([...groups.keys()].map(weightOf));
  const base = { n: scored.length, strata: groups.size };
  if (!(total > 0)) return { value: null, low: -scale, high: scale, p: null, ...base };
  let [value, variance, degrees] = [0, 0, 0];
  const parts: number[] = [];
  for (const [stratum, group] of groups) {
    const factor = weightOf(stratum) / total / group.length;
    const change = (each: Pair): number => (each.after as number) - (each.before as number);
    const clusters = [...Map.groupBy(group, ({ cluster }) => cluster).values()];
    const mean = sumOf(group.map(change)) / group.length;
    const sums = clusters.map((cluster) => ({ sum: sumOf(cluster.map(change)), size: cluster.length }));
    parts.push(...sums.map(({ sum }) => factor * sum));
    value += factor * group.length * mean;
    const count = clusters.length;
    degrees += count - 1;
    variance +=
      count === 1
        ? (factor * group.length * mean) ** 2
        : (factor ** 2 * sumOf(sums.map(({ sum, size }) => (sum - size * mean) ** 2)) * count) / (count - 1);
  }
  const { twoSided } = signFlip(parts);
  const plain = pairedDifference(scored, scale);
  const half =
    variance > 0 && degrees > 0
      ? tQuantile(0.975, degrees) * Math.sqrt(variance)
      : Math.max(plain.high - (plain.value ?? 0), (plain.value ?? 0) - plain.low);
  const clamp = (x: number): number => Math.max(-scale, Math.min(scale, x));
  return { value, low: clamp(value - half), high: clamp(value + half), p: twoSided, ...base };
}
