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

/** Percentile interval of sum / count over clusters. All C^C resamples when at most 2^16, else `draws` seeded ones. */
export function clusterBootstrap(clusters: readonly (readonly number[])[], draws: number = 9999): Bootstrap {
  const sums = clusters.map((cluster) => cluster.reduce((total, value) => total + value, 0));
  const sizes = clusters.map((cluster) => cluster.length);
  const count = clusters.length;
  const exact = count ** count <= 2 ** 16;
  const stream = rng('cluster-bootstrap', count);
  const resamples = exact ? count ** count : draws;
  const means = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    let [digits, sum, size] = [resample, 0, 0];
    for (let draw = 0; draw < count; draw++) {
      const pick = exact ? digits % count : stream.int(count);
      digits = Math.floor(digits / count);
      sum += sums[pick] as number;
      size += sizes[pick] as number;
    }
    means[resample] = sum / size;
  }
  means.sort();
  let total = 0;
  for (const value of means) total += value;
  const mean = total / resamples;
  let squares = 0;
  for (const value of means) squares += (value - mean) ** 2;
  return {
    mean,
    standardDeviation: Math.sqrt(squares / resamples),
    low: percentile(means, 0.025),
    high: percentile(means, 0.975),
    exact,
  };
}

/** Linear interpolation between order statistics (numpy's default). `sorted` ascending. */
function percentile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const floor = Math.floor(position);
  const low = sorted[floor] as number;
  const high = sorted[Math.min(floor + 1, sorted.length - 1)] as number;
  return low + (position - floor) * (high - low);
}
