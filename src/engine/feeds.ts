/** Inputs of the graphs, from token ids and adapters. */
import type { Adapter } from './adapter.ts';
import type { ModelConfig } from './architecture.ts';
import { MASK, ropeNames, WINDOW_MASK } from './attention.ts';
import type { LoadedModel } from './model.ts';
import { firstRow, hasLongVariant, ropeTables } from './rope.ts';
import { Tensor } from './session.ts';

/** A prompt and the completion whose tokens are wanted, both as token ids. */
export interface TokenSequence {
  readonly prompt: readonly number[];
  readonly completion: readonly number[];
}

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

/** (T, T): 0 from the diagonal down, over at most `window` positions, -1e9 elsewhere. */
export function causalMask(length: number, window = length): Float32Array {
  const mask = new Float32Array(length * length).fill(-1e9);
  for (let i = 0; i < length; i++) mask.fill(0, i * length + Math.max(0, i + 1 - window), i * length + i + 1);
  return mask;
}

/** The masks of the scoring and training graphs. */
export function maskFeeds({ window }: ModelConfig, length: number): Record<string, Tensor> {
  const all = float32(causalMask(length), [length, length]);
  if (window === null) return { [MASK]: all };
  return { [MASK]: all, [WINDOW_MASK]: float32(causalMask(length, window), [length, length]) };
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
  const all = mask(Number.POSITIVE_INFINITY);
  return window === null ? { [MASK]: all } : { [MASK]: all, [WINDOW_MASK]: mask(window) };
}

/**
 * Inputs of the scoring and training graphs for some sequences: padded on the right to the longest, with one row
 * for each completion token, in order. The last token of a sequence is never fed: nothing follows it.
 */
export function sequenceFeeds(
  model: LoadedModel,
  sequences: readonly TokenSequence[],
): Record<string, Tensor> {
  const longest = Math.max(...sequences.map((s) => s.prompt.length + s.completion.length - 1));
  const ids = new Array<number>(sequences.length * longest).fill(model.tokenizer.paddingToken);
  const rows: number[] = [];
  const labels: number[] = [];
  sequences.forEach(({ prompt, completion }, b) => {
    if (prompt.length === 0 || completion.length === 0)
      throw new RangeError('a sequence needs a prompt and a completion');
    const start = b * longest;
    prompt.forEach((token, i) => (ids[start + i] = token));
    completion.forEach((token, i) => {
      if (i + 1 < completion.length) ids[start + prompt.length + i] = token;
      rows.push(start + prompt.length - 1 + i);
      labels.push(token);
    });
  });
  const { config } = model;
  const positions = sequences.flatMap(({ prompt, completion }) => {
    const first = firstRow(config.ropes, prompt.length + completion.length - 1, longest);
    return Array.from({ length: longest }, (_, i) => first + i);
  });
  return {
    ids: int64(ids, [sequences.length, longest]),
    rows: int64(rows, [rows.length]),
    labels: int64(labels, [labels.length]),
    positions: int64(positions, [sequences.length, longest]),
    ...maskFeeds(config, longest),
    ...ropeFeeds(config, longest),
  };
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
