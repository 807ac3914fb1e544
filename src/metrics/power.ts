/** How many samples a question needs: two-sided alpha 0.05, power 0.8. */
import { Z_95, Z_POWER_80 } from './distributions.ts';

/**
 * Pairs that McNemar's test needs to see a change: `(z sqrt(pd) + zb sqrt(pd - d^2))^2 / d^2`, with discordant
 * share pd = p10 + p01 and difference d = p10 - p01. Infinity when d = 0. Not rounded.
 */
export function mcnemarPairs(p10: number, p01: number): number {
  const discordant = p10 + p01;
  const difference = p10 - p01;
  if (difference === 0) return Number.POSITIVE_INFINITY;
  const root = Z_95 * Math.sqrt(discordant) + Z_POWER_80 * Math.sqrt(discordant - difference ** 2);
  return root ** 2 / difference ** 2;
}

/** Samples per arm to tell two independent proportions apart, pooled variance under the null. Not rounded. */
export function twoProportions(p1: number, p2: number): number {
  const pooled = (p1 + p2) / 2;
  const root =
    Z_95 * Math.sqrt(2 * pooled * (1 - pooled)) + Z_POWER_80 * Math.sqrt(p1 * (1 - p1) + p2 * (1 - p2));
  return root ** 2 / (p1 - p2) ** 2;
}

/** Factor on n for m samples per cluster with intra-cluster correlation `icc`: 1 + (m - 1) icc. */
export function designEffect(samplesPerCluster: number, icc: number): number {
  return 1 + (samplesPerCluster - 1) * icc;
}

/**
 * n at which an interval of half-width `half` at `n` shrinks below `gap` (half-widths fall as 1 / sqrt(n));
 * undefined when that is more than ten million.
 */
export function sizeForGap(n: number, half: number, gap: number): number | undefined {
  const needed = Math.ceil(n * (half / gap) ** 2);
  return Number.isFinite(needed) && needed <= 1e7 ? Math.max(needed, n + 1) : undefined;
}
