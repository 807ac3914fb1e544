/** Do the models of a family (sizes, versions) differ, or is it chance? */
import { chiSquareTail } from './distributions.ts';

export interface Heterogeneity {
  /** The statistic: Cochran's Q, or Pearson's chi-square. */
  readonly statistic: number;
  readonly degrees: number;
  /** P of so large a statistic where all are alike; null with fewer than two to compare. */
  readonly p: number | null;
  /** I^2 = max(0, (Q - df) / Q): share of the spread that is not chance (Higgins and Thompson 2002). */
  readonly inconsistency: number;
}

const result = (statistic: number, degrees: number): Heterogeneity => ({
  statistic,
  degrees,
  p: degrees < 1 ? null : chiSquareTail(statistic, degrees),
  inconsistency: statistic > 0 ? Math.max(0, (statistic - degrees) / statistic) : 0,
});

/**
 * Cochran's (1954) Q of independent estimates with known errors: `Q = sum w (x - mean_w)^2`, w = 1 / error^2, df = k - 1. For
 * differences (after - before) of several models, or corrected rates. Normal theory: not for rates of a handful of defects.
 */
export function cochranQ(
  estimates: readonly { readonly value: number; readonly error: number }[],
): Heterogeneity {
  const weights = estimates.map(({ error }) => 1 / error ** 2);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = estimates.reduce((sum, { value }, i) => sum + (weights[i] as number) * value, 0) / total;
  const q = estimates.reduce((sum, { value }, i) => sum + (weights[i] as number) * (value - mean) ** 2, 0);
  return result(estimates.length === 0 ? 0 : q, Math.max(0, estimates.length - 1));
}

/**
 * Pearson's chi-square that k independent shares are one: `sum (k_i - n_i p)^2 / (n_i p (1 - p))`, p pooled, df = k - 1.
 * Samples must be independent, within a model and between models: on the same scenarios it is conservative, and the paired
 * tests are sharper. Expected counts below about 5 make p unreliable.
 */
export function equalShares(counts: readonly { readonly k: number; readonly n: number }[]): Heterogeneity {
  const used = counts.filter(({ n }) => n > 0);
  const [k, n] = used.reduce(([a, b], each) => [a + each.k, b + each.n], [0, 0]);
  const p = k / n;
  const statistic =
    k === 0 || k === n
      ? 0
      : used.reduce((sum, each) => sum + (each.k - each.n * p) ** 2 / (each.n * p * (1 - p)), 0);
  return result(statistic, Math.max(0, used.length - 1));
}
