/** Which judged answers people should label: a random sample within strata, so that rare verdicts are among them. */
import type { Metric } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import { SCALES, UNSCORED } from './scale.ts';

/** A judged answer, without its texts. */
export interface Candidate {
  readonly id: string;
  readonly kind: string;
  /** On the metric's scale; null = unscored. */
  readonly place: number | null;
  readonly probability?: number;
}

export type Drawn<T extends Candidate> = T & {
  /** `stratumOf` */
  readonly stratum: string;
  /** Answers of the stratum. */
  readonly size: number;
};

/** `band/kind` */
export const stratumOf = (metric: Metric, { place, kind }: Pick<Candidate, 'place' | 'kind'>): string =>
  `${place === null ? UNSCORED : SCALES[metric].band(place)}/${kind}`;

/** Of a stratum. */
export const kindOf = (stratum: string): string => stratum.slice(stratum.indexOf('/') + 1);

/** Answers that a stratum gets at least, where it has them. */
const LEAST = 5;

/** One at a time to the first with the highest claim that has some left; at most what there is. */
function shareOut(
  n: number,
  sizes: readonly number[],
  claim: (size: number, taken: number, i: number) => number,
): number[] {
  const taken = sizes.map(() => 0);
  for (
    let left = Math.min(
      n,
      sizes.reduce((sum, size) => sum + size, 0),
    );
    left > 0;
    left--
  ) {
    let best = -1;
    for (const [i, size] of sizes.entries()) {
      if (taken[i]! >= size) continue;
      if (best < 0 || claim(size, taken[i]!, i) > claim(sizes[best]!, taken[best]!, best)) best = i;
    }
    taken[best]!++;
  }
  return taken;
}

/**
 * n of the candidates: one of each kind in each band of the judge's verdicts (unscored is one); beyond that as many of each band,
 * within a band by the size of each kind but `LEAST` of each at least; drawn at random and shuffled. All of them where there
 * are not more; where n is below the number of strata some get none.
 */
export function drawSample<T extends Candidate>(
  candidates: readonly T[],
  metric: Metric,
  n: number,
  seed: number,
): Drawn<T>[] {
  const stream = rng('calibration-sample', metric, seed);
  const sorted = [...candidates].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const strata = [...Map.groupBy(sorted, (each) => stratumOf(metric, each))].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const bands = [...Map.groupBy(strata, ([stratum]) => stratum.slice(0, stratum.indexOf('/'))).values()];
  const quotas = shareOut(
    n,
    bands.map((kinds) => kinds.reduce((sum, [, answers]) => sum + answers.length, 0)),
    (_, taken, i) => (taken < bands[i]!.length ? n : 0) - taken,
  );
  const drawn = bands.flatMap((kinds, i) => {
    const parts = shareOut(
      quotas[i] as number,
      kinds.map(([, answers]) => answers.length),
      (size, taken) => (taken < LEAST ? Number.MAX_SAFE_INTEGER - taken : size / (taken + 1)),
    );
    return kinds.flatMap(([stratum, answers], j) =>
      stream
        .shuffle(answers)
        .slice(0, parts[j])
        .map((answer) => ({ ...answer, stratum, size: answers.length })),
    );
  });
  return stream.shuffle(drawn);
}
