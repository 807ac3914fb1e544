/** How many samples a question needs, and what a number of samples can see. Sizes are not rounded. */
import { normalQuantile, Z_95, Z_POWER_80 } from './distributions.ts';

/** Two-sided level and power of the test to come. Default: 0.05 and 0.8. */
export interface Test {
  readonly alpha: number;
  readonly power: number;
}

const points = (test: Test | undefined): readonly [number, number] =>
  test ? [normalQuantile(1 - test.alpha / 2), normalQuantile(test.power)] : [Z_95, Z_POWER_80];

/**
 * Pairs that McNemar's test needs to see a change: `(z sqrt(pd) + zb sqrt(pd - d^2))^2 / d^2`, with discordant
 * share pd = p10 + p01 and difference d = p10 - p01 (Connor 1987). Infinity when d = 0.
 */
export function mcnemarPairs(p10: number, p01: number, test?: Test): number {
  const [z, zb] = points(test);
  const discordant = p10 + p01;
  const difference = p10 - p01;
  if (difference === 0) return Number.POSITIVE_INFINITY;
  const root = z * Math.sqrt(discordant) + zb * Math.sqrt(discordant - difference ** 2);
  return root ** 2 / difference ** 2;
}

/**
 * Samples per arm to tell two independent proportions apart (Fleiss 1981): `(z sqrt(v0) + zb sqrt(v1))^2 / (p1 - p2)^2`,
 * v1 = p1 q1 + p2 q2; v0 is 2 p q at the mean rate (`pooled`), or v1 (`unpooled`). `arcsine`: Cohen's
 * `2 (z + zb)^2 / h^2`, h = 2 asin sqrt p1 - 2 asin sqrt p2.
 */
export function twoProportions(
  p1: number,
  p2: number,
  method: 'pooled' | 'unpooled' | 'arcsine' = 'pooled',
  test?: Test,
): number {
  const [z, zb] = points(test);
  if (method === 'arcsine') {
    const h = 2 * Math.asin(Math.sqrt(p1)) - 2 * Math.asin(Math.sqrt(p2));
    return (2 * (z + zb) ** 2) / h ** 2;
  }
  const mean = (p1 + p2) / 2;
  const own = p1 * (1 - p1) + p2 * (1 - p2);
  const under = method === 'pooled' ? 2 * mean * (1 - mean) : own;
  return (z * Math.sqrt(under) + zb * Math.sqrt(own)) ** 2 / (p1 - p2) ** 2;
}

/** What Miller's (2024, sec. 5) paired sample size needs: variances of scores, and answers drawn of each item. */
export interface PairedDesign {
  /** Variance over the items of the difference of the two arms' expected scores. */
  readonly between: number;
  /** Variance of one answer's score about its item's expected score, in each arm. */
  readonly within: readonly [number, number];
  /** Answers drawn of each item, in each arm. */
  readonly answers: readonly [number, number];
}

const pairVariance = ({ between, within, answers }: PairedDesign): number =>
  between + within[0] / answers[0] + within[1] / answers[1];

/** Items to see a mean paired difference: `(z + zb)^2 (w^2 + sA^2 / KA + sB^2 / KB) / delta^2`. */
export function pairedItems(delta: number, design: PairedDesign, test?: Test): number {
  const [z, zb] = points(test);
  return ((z + zb) ** 2 * pairVariance(design)) / delta ** 2;
}

/** The difference that n items can see: `pairedItems` solved for delta. */
export function detectableDifference(n: number, design: PairedDesign, test?: Test): number {
  const [z, zb] = points(test);
  return (z + zb) * Math.sqrt(pairVariance(design) / n);
}

/** Factor on n for m samples per cluster with intra-cluster correlation `icc`: 1 + (m - 1) icc (Kish 1965). */
export function designEffect(samplesPerCluster: number, icc: number): number {
  return 1 + (samplesPerCluster - 1) * icc;
}

/** Shares of (1, 1), (1, 0), (0, 1), (0, 0) over two arms. */
export type Joint = readonly [both: number, fixed: number, broken: number, neither: number];

/**
 * Two 0/1 outcomes with rates p1, p2 and correlation phi, as near to phi as the rates allow:
 * p11 = p1 p2 + phi sqrt(p1 q1 p2 q2), within max(0, p1 + p2 - 1) and min(p1, p2).
 */
export function jointOutcomes(p1: number, p2: number, phi: number): Joint {
  const wanted = p1 * p2 + phi * Math.sqrt(p1 * (1 - p1) * p2 * (1 - p2));
  const both = Math.min(p1, p2, Math.max(0, p1 + p2 - 1, wanted));
  return [both, p1 - both, p2 - both, 1 - p1 - p2 + both];
}

/** The same as a judge with this sensitivity and specificity sees it, its errors in the two arms independent. */
export function asJudged(joint: Joint, sensitivity: number, specificity: number): Joint {
  const sees = [sensitivity, 1 - specificity] as const; // P(said 1 | truth 1), P(said 1 | truth 0)
  const truths = [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ] as const;
  const of = (first: boolean, second: boolean): number =>
    truths.reduce((sum, [a, b], i) => {
      const one = first ? sees[a] : 1 - sees[a];
      const other = second ? sees[b] : 1 - sees[b];
      return sum + (joint[i] as number) * one * other;
    }, 0);
  return [of(true, true), of(true, false), of(false, true), of(false, false)];
}

/**
 * n at which an interval of half-width `half` at `n` shrinks below `gap` (half-widths fall as 1 / sqrt(n));
 * undefined when that is more than ten million.
 */
export function sizeForGap(n: number, half: number, gap: number): number | undefined {
  const needed = Math.ceil(n * (half / gap) ** 2);
  return Number.isFinite(needed) && needed <= 1e7 ? Math.max(needed, n + 1) : undefined;
}
