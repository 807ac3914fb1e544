/** How right a judge is, from people's labels on a stratified sample of what it judged. */
import { rng, type Rng } from '../core/rng.ts';
import { percentile } from './bootstrap.ts';
import type { Measured } from './judge-error.ts';
import { type Interval, shareInterval } from './rate.ts';

/** One labelled answer. `size`: answers in its stratum, of which the labelled ones are a random sample. */
export interface Audited {
  readonly stratum: string;
  readonly size: number;
  /** What people said. */
  readonly truth: boolean;
  /** What the judge said; undefined = unscored. */
  readonly said: boolean | undefined;
  /** false: the stratum was formed by the verdicts, so that it holds no other than those seen. Default true. */
  readonly mixed?: boolean;
}

/** A share with a 95 % interval; JSON-serialisable. */
export interface AuditedShare extends Measured, Interval {
  /** Labelled answers that it is a share of. */
  readonly n: number;
}

export interface Accuracy {
  /** P(judge says it | it is so), among the scored; null where no labelled answer is so. */
  readonly sensitivity: AuditedShare | null;
  /** P(judge does not say it | it is not so), among the scored. */
  readonly specificity: AuditedShare | null;
  /**
   * How often it is so, by the labels alone, in the whole population, unscored answers too: `sum_h N_h mean_h / sum_h N_h`.
   * Where a stratum holds one verdict of the judge, this is stratified PPI (Fisch et al. 2024).
   */
  readonly labelled: AuditedShare;
}

/** Outcomes of a stratum: what the judge said (1, 0, -1 = unscored) and what is true. */
type Cell = readonly [said: -1 | 0 | 1, truth: 0 | 1];
interface Stratum {
  readonly size: number;
  readonly cells: readonly Cell[];
  readonly counts: readonly number[];
}

/**
 * Sensitivity, specificity and the share by labels, each answer weighted by N_h / n_h. Intervals from 2,000 seeded draws: in
 * each stratum the outcomes that it can hold have a Dirichlet posterior with Jeffreys' prior (1/2 each), and its size is
 * Gamma(N_h), as the judge would not find as many again; 2.5 % and 97.5 % points, widened to the estimate; variance = mean
 * squared distance of the draws from it. So a large stratum in which no miss was seen widens the interval by the misses that
 * it may hold. With one stratum this is Jeffreys' interval.
 */
export function judgeAccuracy(items: readonly Audited[], draws: number = 2000): Accuracy {
  const strata = [...Map.groupBy(items, ({ stratum }) => stratum).values()].map(toStratum);
  const shares = strata.map(({ counts }) => {
    const n = counts.reduce((sum, count) => sum + count, 0);
    return counts.map((count) => count / n);
  });
  const estimate = ratios(
    strata,
    strata.map(({ size }) => size),
    shares,
  );
  const stream = rng('judge-accuracy', items.length);
  const drawn = estimate.map(() => new Float64Array(draws));
  for (let draw = 0; draw < draws; draw++) {
    const posterior = strata.map(({ counts }) => dirichlet(counts, stream));
    const sizes = strata.map(({ size }) => gamma(size, stream));
    for (const [i, value] of ratios(strata, sizes, posterior).entries()) drawn[i]![draw] = value;
  }
  const count = (holds: (item: Audited) => boolean): number => items.filter(holds).length;
  const sizes = [
    count(({ truth, said }) => truth && said !== undefined),
    count(({ truth, said }) => !truth && said !== undefined),
    items.length,
  ];
  const [sensitivity, specificity, labelled] = estimate.map((value, i): AuditedShare | null => {
    const n = sizes[i] as number;
    if (n === 0) return null;
    const values = (drawn[i] as Float64Array).sort();
    return {
      value,
      low: Math.min(value, percentile(values, 0.025)),
      high: Math.max(value, percentile(values, 0.975)),
      variance: values.reduce((sum, each) => sum + (each - value) ** 2, 0) / draws,
      n,
    };
  });
  return { sensitivity: sensitivity!, specificity: specificity!, labelled: labelled! };
}

function toStratum(items: readonly Audited[]): Stratum {
  const code = ({ said }: Audited): -1 | 0 | 1 => (said === undefined ? -1 : said ? 1 : 0);
  const possible = items[0]!.mixed === false ? [] : ([0, 1] as const);
  const cells = [...new Set([...items.map(code), ...possible])].flatMap((said): Cell[] => [
    [said, 0],
    [said, 1],
  ]);
  const counts = cells.map(
    ([said, truth]) => items.filter((item) => code(item) === said && Number(item.truth) === truth).length,
  );
  return { size: items[0]!.size, cells, counts };
}

/** Sensitivity, specificity and the share that is so, of the strata's sizes and the shares of the cells in each. */
function ratios(
  strata: readonly Stratum[],
  sizes: readonly number[],
  shares: readonly (readonly number[])[],
): readonly [number, number, number] {
  const sum = (holds: (cell: Cell) => boolean): number => {
    let total = 0;
    for (const [h, { cells }] of strata.entries())
      for (const [i, cell] of cells.entries())
        if (holds(cell)) total += (sizes[h] as number) * (shares[h]![i] as number);
    return total;
  };
  return [
    sum(([said, truth]) => said === 1 && truth === 1) / sum(([said, truth]) => said >= 0 && truth === 1),
    sum(([said, truth]) => said === 0 && truth === 0) / sum(([said, truth]) => said >= 0 && truth === 0),
    sum(([, truth]) => truth === 1) / sum(() => true),
  ];
}

function dirichlet(counts: readonly number[], stream: Rng): number[] {
  const parts = counts.map((count) => gamma(count + 0.5, stream));
  const total = parts.reduce((sum, part) => sum + part, 0);
  return parts.map((part) => part / total);
}

/** A gamma variate of this shape (Marsaglia and Tsang 2000). */
function gamma(shape: number, stream: Rng): number {
  if (shape < 1) return gamma(shape + 1, stream) * (1 - stream.next()) ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = stream.normal();
    const v = (1 + x / (3 * Math.sqrt(d))) ** 3;
    if (v > 0 && Math.log(1 - stream.next()) < (x * x) / 2 + d * (1 - v + Math.log(v))) return d * v;
  }
}

export interface ReliabilityBin extends Interval {
  /** Probabilities from `from` up to, not including, `to` (the last: including). */
  readonly from: number;
  readonly to: number;
  readonly n: number;
  /** Mean probability, and the share that was right with its 95 % interval; null in an empty bin. */
  readonly predicted: number | null;
  readonly observed: number | null;
}

export interface Reliability {
  readonly bins: readonly ReliabilityBin[];
  /** Expected calibration error: `sum_b w_b |observed_b - predicted_b|` (Naeini et al. 2015); null without items. */
  readonly ece: number | null;
}

/**
 * Reliability of probabilities in bins of equal width: is what is said with 80 % right in 80 %? Items have weights; the
 * intervals take Kish's effective size (sum w)^2 / sum w^2. ECE is never 0 in small samples, however good the judge is.
 */
export function reliability(
  items: readonly { readonly probability: number; readonly right: boolean; readonly weight?: number }[],
  count: number = 10,
): Reliability {
  const weightOf = ({ weight = 1 }: { readonly weight?: number }): number => weight;
  const total = items.reduce((sum, item) => sum + weightOf(item), 0);
  let ece = 0;
  const bins = Array.from({ length: count }, (_, bin): ReliabilityBin => {
    const inside = items.filter(
      ({ probability }) => Math.min(count - 1, Math.floor(probability * count)) === bin,
    );
    const base = { from: bin / count, to: (bin + 1) / count, n: inside.length };
    if (inside.length === 0) return { ...base, predicted: null, observed: null, low: 0, high: 1 };
    const sum = (value: (item: (typeof items)[number]) => number): number =>
      inside.reduce((all, item) => all + weightOf(item) * value(item), 0);
    const weight = sum(() => 1);
    const predicted = sum(({ probability }) => probability) / weight;
    const observed = sum(({ right }) => Number(right)) / weight;
    ece += (weight / total) * Math.abs(observed - predicted);
    const { low, high } = shareInterval(observed, weight ** 2 / sum(weightOf));
    return { ...base, predicted, observed, low, high };
  });
  return { bins, ece: items.length === 0 ? null : ece };
}
