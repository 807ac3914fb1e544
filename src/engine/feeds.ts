/** Inputs of the graphs, from token ids and adapters. */
import { rng } from '../core/rng.ts';
import type { Adapter } from './adapter.ts';
import type { ModelConfig } from './architecture.ts';
import { architecture } from './architectures/registry.ts';
import { causalMask, DROPOUT_ROWS, dropoutColumns, type LoraShape, ropeTables } from './build.ts';
import { DROPOUT_PRIME } from './graph.ts';
import type { LoadedModel } from './model.ts';
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
  const { cos, sin } = ropeTables(model.config, longest);
  const half = model.config.headSize / 2;
  return {
    ids: int64(ids, [sequences.length, longest]),
    rows: int64(rows, [rows.length]),
    labels: int64(labels, [labels.length]),
    mask: float32(causalMask(longest), [longest, longest]),
    rope_cos: float32(cos, [longest, half]),
    rope_sin: float32(sin, [longest, half]),
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

/** Random numbers for the dropout of a training graph over `ids` (B, T), decided by `key`. */
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
  for (const { name, inputs } of architecture(config.architecture).linearLayers(config)) {
    if (shape.layers.has(name)) feeds[dropoutColumns(name)] = integers(name, inputs, [1, inputs]);
  }
  return feeds;
}
