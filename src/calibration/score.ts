/** From labels to what the judge is worth: agreement, sensitivity and specificity, reliability, the rate corrected. */
import type { Metric } from '../core/records.ts';
import { type AuditedShare, judgeAccuracy, type Reliability, reliability } from '../metrics/accuracy.ts';
import { confusionMatrix, gwet, krippendorff, weightedKappa } from '../metrics/agreement.ts';
import { itemBootstrap } from '../metrics/bootstrap.ts';
import { type Corrected, type Measured, roganGladen } from '../metrics/judge-error.ts';
import { kindOf } from './sample.ts';
import { SCALES } from './scale.ts';
import type { LabelledRow, Sheet, Source } from './sheet.ts';

export interface Coefficient {
  /** null: cannot be told. */
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

export interface ThresholdResult {
  readonly name: string;
  /** From this place of the scale on. */
  readonly from: number;
  readonly sensitivity: AuditedShare | null;
  readonly specificity: AuditedShare | null;
  /** The share by the labels, weighted to all answers, unscored ones too. */
  readonly labelled: AuditedShare;
  /** The share that the judge finds among what it scored. */
  readonly judged: Measured | null;
  /** `judged` corrected by Rogan and Gladen. */
  readonly corrected: Corrected;
}

export const CALIBRATION_VERSION = 'calibration/1';

export interface Calibration {
  readonly version: typeof CALIBRATION_VERSION;
  readonly judge: string;
  readonly metric: Metric;
  /** Where the answers were drawn from; null: not known. */
  readonly source: Source | null;
  /** Kinds of scenario of the labelled answers. */
  readonly kinds: readonly string[];
  /** ISO 8601. */
  readonly created: string;
  /** Rows with a label, and the answers that they stand for. */
  readonly labelled: number;
  readonly answers: number;
  readonly raters: readonly string[];
  /** Labelled answers: row = people, column = judge, by place on the scale. */
  readonly matrix: readonly (readonly number[])[];
  /** Labelled answers that the judge did not score, by people's place. */
  readonly unscored: readonly number[];
  /** Between people and judge, weighted to all answers: quadratic kappa, AC1. */
  readonly kappa: Coefficient;
  readonly ac1: Coefficient;
  /** Krippendorff's ordinal alpha among the label columns, of the labelled rows, unweighted; null with one. */
  readonly alpha: Coefficient | null;
  readonly thresholds: readonly ThresholdResult[];
  readonly reliability: Reliability;
  /** Strata without a label, whose answers are left out. */
  readonly missing: readonly string[];
}

interface Rated extends LabelledRow {
  /** Median of the labels; between two, the upper. */
  readonly truth: number;
  /** N_h / n_h over the labelled rows of the stratum. */
  readonly weight: number;
}

function median(labels: readonly (number | undefined)[]): number | undefined {
  const given = labels.filter((label) => label !== undefined).sort((a, b) => a - b);
  return given[Math.floor(given.length / 2)];
}

/** Pure and deterministic. The sheet has at least one label. */
export function scoreSheet(sheet: Sheet, created: string): Calibration {
  const { judge, metric, source, raters } = sheet;
  const scale = SCALES[metric];
  const labelled = sheet.rows.flatMap((row) => {
    const truth = median(row.labels);
    return truth === undefined ? [] : [{ ...row, truth }];
  });
  const counts = new Map(
    [...Map.groupBy(labelled, ({ stratum }) => stratum)].map(([name, rows]) => [name, rows.length]),
  );
  const rows = labelled.map((row): Rated => ({ ...row, weight: row.size / counts.get(row.stratum)! }));
  const scored = rows.filter((row): row is Rated & { place: number } => row.place !== null);
  const stratum = ({ stratum: name }: Rated): string => name;
  const k = scale.labels.length;
  const coefficient = (statistic: (matrix: number[][]) => number | null): Coefficient => {
    const of = (some: readonly (Rated & { place: number })[]): number | null =>
      statistic(
        confusionMatrix(
          some.map((row) => [row.truth, row.place, row.weight] as const),
          k,
        ),
      );
    return withInterval(of(scored), itemBootstrap(scored, of, { stratum }));
  };
  const alphaOf = (some: readonly Rated[]): number | null =>
    krippendorff(
      some.map(({ labels }) => labels),
      'ordinal',
    );
  const right = ({ truth, place }: { truth: number; place: number }): boolean =>
    scale.probabilityOf === 'label' ? truth === place : truth >= 1 === place >= 1;
  return {
    version: CALIBRATION_VERSION,
    judge,
    metric,
    source,
    kinds: [...new Set(labelled.map((row) => kindOf(row.stratum)))].sort(),
    created,
    labelled: rows.length,
    answers: Math.round(rows.reduce((sum, { weight }) => sum + weight, 0)),
    raters,
    matrix: confusionMatrix(
      scored.map(({ truth, place }) => [truth, place] as const),
      k,
    ),
    unscored: scale.labels.map(
      (_, place) => rows.filter((row) => row.place === null && row.truth === place).length,
    ),
    kappa: coefficient((matrix) => weightedKappa(matrix)),
    ac1: coefficient((matrix) => gwet(matrix)),
    alpha: raters.length < 2 ? null : withInterval(alphaOf(rows), itemBootstrap(rows, alphaOf, { stratum })),
    thresholds: scale.thresholds.map(({ name, from }) =>
      atThreshold(
        rows,
        metric,
        name,
        from,
        scale.band(from - 1) === scale.band(from) ? scale.band(from) : null,
      ),
    ),
    reliability: reliability(
      scored.flatMap((row) =>
        row.probability === undefined
          ? []
          : [{ probability: row.probability, right: right(row), weight: row.weight }],
      ),
    ),
    missing: [...new Set(sheet.rows.map((row) => row.stratum))].filter((name) => !counts.has(name)).sort(),
  };
}

const withInterval = (
  value: number | null,
  interval: { readonly low: number; readonly high: number } | null,
): Coefficient =>
  value === null || interval === null
    ? { value, low: null, high: null }
    : { value, low: Math.min(value, interval.low), high: Math.max(value, interval.high) };

/** `divided`: the band that holds places on both sides of the threshold. */
function atThreshold(
  rows: readonly Rated[],
  metric: Metric,
  name: string,
  from: number,
  divided: string | null,
): ThresholdResult {
  const { sensitivity, specificity, labelled } = judgeAccuracy(
    rows.map(({ stratum, size, truth, place }) => ({
      stratum,
      size,
      truth: truth >= from,
      said: place === null ? undefined : place >= from,
      mixed: place !== null && SCALES[metric].band(place) === divided,
    })),
  );
  const scored = rows.filter(({ place }) => place !== null);
  const total = scored.reduce((sum, { weight }) => sum + weight, 0);
  const found = scored.reduce((sum, { place, weight }) => sum + (place! >= from ? weight : 0), 0);
  const value = found / total;
  const divides = scored.filter(({ place }) => SCALES[metric].band(place!) === divided);
  const variance = (value * (1 - value)) / total + samplingVariance(divides, from) / total ** 2;
  const judged = scored.length === 0 ? null : { value, variance };
  const base = { name, from, sensitivity, specificity, labelled, judged };
  if (sensitivity === null || specificity === null || judged === null) {
    const reason = `no labelled and scored answer ${sensitivity === null ? 'is' : 'is not'} ${name}`;
    return { ...base, corrected: { status: 'refused', reason } };
  }
  return { ...base, corrected: roganGladen(judged, sensitivity, specificity) };
}

/**
 * Of the number that the judge finds, in strata where it is known of the drawn answers alone: `sum_h N_h^2 (1 - n_h / N_h) V_h`,
 * V_h of the Beta posterior with Jeffreys' prior, as all of a few may be on one side.
 */
function samplingVariance(rows: readonly Rated[], from: number): number {
  const strata = [...Map.groupBy(rows, ({ stratum }) => stratum).values()];
  return strata.reduce((sum, drawn) => {
    const [n, { size }] = [drawn.length, drawn[0]!];
    const p = (drawn.filter(({ place }) => place! >= from).length + 0.5) / (n + 1);
    return sum + (size * (size - n) * p * (1 - p)) / (n + 2);
  }, 0);
}
