/**
 * Queries until the first success. Requests that were never broken are censored: that they took long is known, how long is not; a
 * mean over the broken ones alone would flatter the target's attacker.
 */
import { Z_95 } from './distributions.ts';
import { clopperPearson, type Interval } from './rate.ts';

/** What was spent on one request; `broken`: the last of it succeeded. */
export interface Spent {
  readonly queries: number;
  readonly broken: boolean;
}

export interface SurvivalStep extends Interval {
  readonly queries: number;
  /** Share that is broken within so many queries, 1 - S; `low` and `high`: 95 %. */
  readonly broken: number;
  /** Requests that had not been broken or given up before. */
  readonly atRisk: number;
}

/**
 * Kaplan and Meier 1958: `S(t) = prod_{t_i <= t} (1 - d_i / n_i)`, with Greenwood's variance on the scale log(-log S), so that
 * the interval stays in [0, 1]. Where all are broken, the exact interval of that many.
 */
export function survival(spent: readonly Spent[]): SurvivalStep[] {
  const times = [...new Set(spent.filter(({ broken }) => broken).map(({ queries }) => queries))].sort(
    (a, b) => a - b,
  );
  const steps: SurvivalStep[] = [];
  let surviving = 1;
  let greenwood = 0;
  for (const queries of times) {
    const atRisk = spent.filter((each) => each.queries >= queries).length;
    const deaths = spent.filter((each) => each.broken && each.queries === queries).length;
    surviving *= 1 - deaths / atRisk;
    greenwood += atRisk === deaths ? 0 : deaths / (atRisk * (atRisk - deaths));
    steps.push({ queries, broken: 1 - surviving, atRisk, ...interval(surviving, greenwood, spent.length) });
  }
  return steps;
}

function interval(surviving: number, greenwood: number, n: number): Interval {
  if (surviving <= 1e-12) return clopperPearson(n, n);
  const half = (Z_95 * Math.sqrt(greenwood)) / Math.abs(Math.log(surviving));
  // S^exp(half) <= S <= S^exp(-half)
  return { low: 1 - surviving ** Math.exp(-half), high: 1 - surviving ** Math.exp(half) };
}

/** Share broken within so many queries; null where fewer were tried of all that were not broken, so that it is not known. */
export function brokenWithin(spent: readonly Spent[], queries: number): SurvivalStep | null {
  const atRisk = spent.filter((each) => each.queries >= queries || each.broken).length;
  if (atRisk === 0) return null;
  const step = survival(spent).findLast((each) => each.queries <= queries);
  if (step) return { ...step, queries };
  return { queries, broken: 0, atRisk, low: 0, high: clopperPearson(0, atRisk).high };
}

/** Queries by which half of the requests are broken, with the 95 % interval (Brookmeyer and Crowley 1982); null: not reached. */
export function medianQueries(spent: readonly Spent[]): {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
} {
  const steps = survival(spent);
  const first = (of: (step: SurvivalStep) => number): number | null =>
    steps.find((step) => of(step) >= 0.5 - 1e-12)?.queries ?? null;
  return {
    value: first((step) => step.broken),
    low: first((step) => step.high),
    high: first((step) => step.low),
  };
}
