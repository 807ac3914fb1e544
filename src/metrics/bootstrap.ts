/** Cluster bootstrap: whole conversations are resampled with replacement (Davison and Hinkley 1997, sec. 3.8). */
import { rng } from '../core/rng.ts';

export interface Bootstrap {
  readonly mean: number;
  readonly standardDeviation: number;
  /** 2.5 % and 97.5 % percentiles. Unreliable with fewer than about 20 clusters. */
  readonly low: number;
  readonly high: number;
  readonly exact: boolean;
}

/** A cluster's scored samples in two arms. */
export interface ArmPair {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** Percentile interval of sum / count over clusters. All C^C resamples when at most 2^16, else `draws` seeded ones. */
export function clusterBootstrap(clusters: readonly (readonly number[])[], draws: number = 9999): Bootstrap {
  const sums = clusters.map(total);
  return resample(clusters.length, draws, (picks) => {
    let [sum, size] = [0, 0];
    for (const pick of picks) {
      sum += sums[pick] as number;
      size += (clusters[pick] as readonly number[]).length;
    }
    return sum / size;
  });
}

/**
 * The same for the difference of two arms' means, after - before: a resample takes the same clusters in both, so what they
 * share cancels. A resample in which an arm has nothing is passed over. At least one cluster with samples in both is needed.
 */
export function pairedClusterBootstrap(clusters: readonly ArmPair[], draws: number = 9999): Bootstrap {
  const sums = clusters.map(({ before, after }) => [total(before), total(after)] as const);
  return resample(clusters.length, draws, (picks) => {
    let [before, after, n, m] = [0, 0, 0, 0];
    for (const pick of picks) {
      const [b, a] = sums[pick] as readonly [number, number];
      const cluster = clusters[pick] as ArmPair;
      before += b;
      after += a;
      n += cluster.before.length;
      m += cluster.after.length;
    }
    return after / m - before / n;
  });
}

/**
 * Percentile interval of any statistic of items that were drawn within strata (default: one stratum): each resample
 * draws as many of each. Resamples without a value (null) are passed over; null where none has one.
 */
export function itemBootstrap<T>(
  items: readonly T[],
  statistic: (items: readonly T[]) => number | null,
  { stratum = () => '', draws = 999 }: { stratum?: (item: T) => string; draws?: number } = {},
): Bootstrap | null {
  const groups = [...Map.groupBy(items, stratum).values()];
  const stream = rng('item-bootstrap', items.length);
  const values: number[] = [];
  for (let draw = 0; draw < draws; draw++) {
    const value = statistic(groups.flatMap((group) => group.map(() => stream.pick(group))));
    if (value !== null) values.push(value);
  }
  return values.length === 0 ? null : summary(Float64Array.from(values), false);
}

/** The statistic of each resample of `count` clusters, given as the clusters' numbers. */
function resample(count: number, draws: number, statistic: (picks: Uint32Array) => number): Bootstrap {
  const exact = count ** count <= 2 ** 16;
  const stream = rng('cluster-bootstrap', count);
  const resamples = exact ? count ** count : draws;
  const values: number[] = [];
  const picks = new Uint32Array(count);
  for (let turn = 0; turn < resamples; turn++) {
    let digits = turn;
    for (let draw = 0; draw < count; draw++) {
      picks[draw] = exact ? digits % count : stream.int(count);
      digits = Math.floor(digits / count);
    }
    const value = statistic(picks);
    if (Number.isFinite(value)) values.push(value);
  }
  return summary(Float64Array.from(values), exact);
}

function summary(values: Float64Array, exact: boolean): Bootstrap {
  values.sort();
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const standardDeviation = Math.sqrt(squares / values.length);
  return { mean, standardDeviation, low: percentile(values, 0.025), high: percentile(values, 0.975), exact };
}

/** Linear interpolation between order statistics (numpy's default). `sorted` ascending. */
export function percentile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const floor = Math.floor(position);
  const low = sorted[floor] as number;
  const high = sorted[Math.min(floor + 1, sorted.length - 1)] as number;
  return low + (position - floor) * (high - low);
}
