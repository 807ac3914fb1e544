/** Inputs of the graphs, from token ids and adapters. */
import { rng } from '../core/rng.ts';
import type { Adapter } from './adapter.ts';
import type { ModelConfig } from './architecture.ts';
import { maskNames, maskReaches, ropeNames } from './attention.ts';
import { architecture } from './architectures/registry.ts';
import { linearLayers } from './blocks.ts';
import { DROPOUT_ROWS, dropoutColumns, type LoraShape } from './build.ts';
import { DROPOUT_PRIME } from './graph.ts';
import { hasLongVariant, ropeTables } from './rope.ts';
import { Tensor } from './session.ts';

export const int64 = (values: Iterable<number>, shape: readonly number[]): Tensor =>
  new Tensor(
    'int64',
    BigInt64Array.from(values as Iterable<never>, (x: number) => BigInt(x)),
    shape as number[],
  );
export const float32 = (values: Float32Array, shape: readonly number[]): Tensor =>
  new Tensor('float32', values, shape as number[]);

/** The rope tables of a model for this many positions. */
export function ropeFeeds({ ropes }: ModelConfig, positions: number): Record<string, Tensor> {
  const both = hasLongVariant(ropes);
  const feeds: Record<string, Tensor> = {};
  ropes.forEach((rope, index) => {
    const { cos, sin } = ropeTables(rope, positions, both);
    const shape = [cos.length / rope.frequencies.length, rope.frequencies.length];
    const names = ropeNames(index);
    feeds[names.cos] = float32(cos, shape);
    feeds[names.sin] = float32(sin, shape);
  });
  return feeds;
}

/**
 * The masks of the decoding graph, (rows, 1, 1, capacity): of the cached positions, those of the sequence itself, and of
 * these the ones within the window. `lengths` count the new token, which is not in the cache.
 */
export function cacheMaskFeeds(
  { window }: ModelConfig,
  lengths: readonly number[],
  capacity: number,
): Record<string, Tensor> {
  const mask = (most: number): Tensor => {
    const values = new Float32Array(lengths.length * capacity).fill(-1e9);
    lengths.forEach((length, row) => {
      values.fill(0, row * capacity + Math.max(0, length - most), row * capacity + length - 1);
    });
    return float32(values, [lengths.length, 1, 1, capacity]);
  };
  return Object.fromEntries(
    maskReaches(window).map(([which, most]) => [maskNames('own')[which], mask(most)]),
  );
}

/** The matrices of an adapter as inputs of a graph with that adapter's shape. */
export function adapterFeeds(adapter: Adapter): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const [name, data] of adapter.matrices) {
    const shape = name.endsWith('_A')
      ? [adapter.rank, data.length / adapter.rank]
      : [data.length / adapter.rank, adapter.rank];
    feeds[name] = float32(data, shape);
  }
  return feeds;
}

export const strengthFeed = (adapter: Adapter, strength: number): Tensor =>
  new Tensor('float32', Float32Array.of((strength * adapter.alpha) / adapter.rank), []);

/** Random numbers for the dropout of a training graph over `ids` (N), decided by `key`. */
export function dropoutFeeds(
  config: ModelConfig,
  shape: LoraShape,
  ids: Tensor,
  key: readonly (string | number)[],
): Record<string, Tensor> {
  const integers = (name: string, length: number, dims: readonly number[]): Tensor => {
    const random = rng('dropout', name, ...key);
    const below = DROPOUT_PRIME - 1;
    return int64(
      Array.from({ length }, () => 1 + Math.floor(random.next() * below)),
      dims,
    );
  };
  const feeds: Record<string, Tensor> = {
    [DROPOUT_ROWS]: integers('rows', ids.size, [ids.size, 1]),
  };
  for (const { name, inputs } of linearLayers(architecture(config.architecture), config)) {
    if (shape.layers.has(name)) feeds[dropoutColumns(name)] = integers(name, inputs, [1, inputs]);
  }
  return feeds;
}
