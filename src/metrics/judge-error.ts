/**
 * Rates corrected for a judge that errs, with the judge's own uncertainty in the interval. For shares of single answers:
 * of a conversation's worst answer the judge's sensitivity is another one.
 */
import { Z_95 } from './distributions.ts';

/** A share with the variance of its estimate. */
export interface Measured {
  readonly value: number;
  readonly variance: number;
}

/** Below this Se + Sp - 1 a correction is refused: it would multiply every error by more than three. */
export const LEAST_INFORMATION = 0.3;

export type Corrected =
  | {
      readonly status: 'corrected';
      readonly value: number;
      /** 95 %. */
      readonly low: number;
      readonly high: number;
      readonly error: number;
    }
  | { readonly status: 'refused'; readonly reason: string };

/** k of n independent samples. */
export const share = (k: number, n: number): Measured => ({
  value: k / n,
  variance: ((k / n) * (1 - k / n)) / n,
});

/** Why a judge is too weak to correct with; null where it is not. */
export function weakness(sensitivity: Measured, specificity: Measured): string | null {
  const information = sensitivity.value + specificity.value - 1;
  if (information < LEAST_INFORMATION)
    return `the judge is too weak: sensitivity + specificity - 1 is ${information.toFixed(2)}, at least ${LEAST_INFORMATION} is needed`;
  const half = Z_95 * Math.sqrt(sensitivity.variance + specificity.variance);
  return information - half > 0
    ? null
    : `too few labels: the interval of sensitivity + specificity - 1, ${information.toFixed(2)} ± ${half.toFixed(2)}, includes 0`;
}

/**
 * Rogan and Gladen (1978): the true share behind the share `apparent` that a judge finds,
 * `t = (pa + Sp - 1) / (Se + Sp - 1)`, clamped to [0, 1], with
 * `Var = [Var pa + t^2 Var Se + (1 - t)^2 Var Sp] / (Se + Sp - 1)^2` and t +- 1.96 SE. Refused for a weak judge (`weakness`).
 */
export function roganGladen(apparent: Measured, sensitivity: Measured, specificity: Measured): Corrected {
  const reason = weakness(sensitivity, specificity);
  if (reason !== null) return { status: 'refused', reason };
  const information = sensitivity.value + specificity.value - 1;
  const clamp = (x: number): number => Math.max(0, Math.min(1, x));
  const value = clamp((apparent.value + specificity.value - 1) / information);
  const variance =
    apparent.variance + value ** 2 * sensitivity.variance + (1 - value) ** 2 * specificity.variance;
  const error = Math.sqrt(variance) / information;
  return {
    status: 'corrected',
    value,
    low: clamp(value - Z_95 * error),
    high: clamp(value + Z_95 * error),
    error,
  };
}

/** k of n, for `langReiczigel`. */
export interface Count {
  readonly k: number;
  readonly n: number;
}

/**
 * Lang and Reiczigel's (2014) interval for simple random samples: Rogan and Gladen's after adding z^2 samples, half of them
 * found, to the survey and 1 + 1 to each validation sample, which keeps its coverage where counts are small. Refused for
 * a weak judge.
 */
export function langReiczigel(apparent: Count, sensitivity: Count, specificity: Count): Corrected {
  const z2 = Z_95 ** 2;
  const adjusted = ({ k, n }: Count, more: number): Measured => share(k + more / 2, n + more);
  const [p, se, sp] = [adjusted(apparent, z2), adjusted(sensitivity, 2), adjusted(specificity, 2)];
  const raw = roganGladen(p, se, sp);
  if (raw.status === 'refused') return raw;
  const { value, error } = raw;
  const shift = 2 * z2 * (value * se.variance - (1 - value) * sp.variance);
  const low = Math.max(0, Math.min(value, value + shift - Z_95 * error));
  return { ...raw, low, high: Math.min(1, Math.max(value, value + shift + Z_95 * error)) };
}

export interface PoweredMean {
  readonly value: number;
  readonly error: number;
  readonly low: number;
  readonly high: number;
  /** Weight of the judge, 0 (people alone) to 1. */
  readonly lambda: number;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values: readonly number[], less: 0 | 1 = 0): number => {
  const m = mean(values);
  return values.reduce((sum, value) => sum + (value - m) ** 2, 0) / (values.length - less);
};

/**
 * PPI++ mean (Angelopoulos, Duchi and Zrnic 2023): people's labels Y and the judge's F on n items, the judge's F~ on N
 * others. `theta = lambda mean(F~) + mean(Y - lambda F)`, `SE^2 = var(lambda F~) / N + var(Y - lambda F) / n`, theta +- 1.96
 * SE; lambda by default `cov(Y, F) / ((1 + n / N) var([F; F~]))`, clipped to [0, 1]. The labelled items must be drawn at
 * random from the same population. Not for rates near 0: no error was seen there is not that there is none.
 */
export function poweredMean(
  labels: readonly number[],
  judged: readonly number[],
  unlabelled: readonly number[],
  lambda?: number,
): PoweredMean {
  const [n, m] = [labels.length, unlabelled.length];
  const [meanLabel, meanJudged] = [mean(labels), mean(judged)];
  const covariance = mean(
    labels.map((label, i) => (label - meanLabel) * ((judged[i] as number) - meanJudged)),
  );
  const spread = (1 + n / m) * variance([...judged, ...unlabelled], 1);
  const weight = lambda ?? (spread === 0 ? 0 : Math.max(0, Math.min(1, covariance / spread)));
  const rest = labels.map((label, i) => label - weight * (judged[i] as number));
  const value = weight * mean(unlabelled) + mean(rest);
  const error = Math.sqrt((weight ** 2 * variance(unlabelled)) / m + variance(rest) / n);
  return { value, error, low: value - Z_95 * error, high: value + Z_95 * error, lambda: weight };
}
