/**
 * The graphs of a model: scoring (log-probabilities of given tokens), training (the same with adapter parameters,
 * a loss and its gradients) and generation (prompts, then one token a step over a key-value cache).
 */
import { architecture } from './architectures/registry.ts';
import { EMBEDDING, type ForwardHooks, type LinearLayer, type ModelConfig, OUTPUT } from './architecture.ts';
import { addGradients } from './gradients.ts';
import { Graph, product, type Value } from './graph.ts';

/** Names of an adapter's two matrices for a layer: `A` (rank, in), `B` (out, rank). */
export const loraA = (layer: string): string => `${layer}.lora_A`;
export const loraB = (layer: string): string => `${layer}.lora_B`;

export interface LoraShape {
  readonly rank: number;
  /** Names of the layers that have an adapter. */
  readonly layers: ReadonlySet<string>;
}

type Linear = ForwardHooks['linear'];

/** x W^T, plus scale (x A^T) B^T where the layer has an adapter. */
function linearHook(
  graph: Graph,
  lora: LoraShape | null,
  scaled: (low: Value) => Value,
  trained: boolean,
  seen: (x: Value, layer: LinearLayer) => Value = (x) => x,
): Linear {
  return (x, layer: LinearLayer) => {
    const base = graph.matmul(x, graph.weight(`${layer.name}.weight`, [layer.outputs, layer.inputs]), {
      transposeB: true,
    });
    if (!lora?.layers.has(layer.name)) return base;
    const matrix = (name: string, shape: readonly number[]): Value =>
      trained ? graph.parameter(name, shape) : graph.input(name, shape);
    const a = matrix(loraA(layer.name), [lora.rank, layer.inputs]);
    const b = matrix(loraB(layer.name), [layer.outputs, lora.rank]);
    const low = scaled(graph.matmul(seen(x, layer), a, { transposeB: true })); // (N, r)
    return graph.add(base, graph.matmul(low, b, { transposeB: true }));
  };
}

/** Names of the random numbers that decide which inputs of the adapters are dropped: one a row, one a column of a layer. */
export const DROPOUT_ROWS = 'dropout_rows';
export const dropoutColumns = (layer: string): string => `${layer}.dropout`;

/** What an adapter sees of its inputs under dropout. */
function dropoutHook(graph: Graph, probability: number): (x: Value, layer: LinearLayer) => Value {
  if (probability === 0) return (x) => x;
  const rows = graph.input(DROPOUT_ROWS, [product('B', 'T'), 1], 'int64');
  return (x, layer) => {
    const columns = graph.input(dropoutColumns(layer.name), [1, layer.inputs], 'int64');
    return graph.mul(x, graph.dropoutMask(rows, columns, probability));
  };
}

/** Attention written out, so that it can be differentiated. Sequences start at position 0 and are padded on the right. */
function explicitAttention(graph: Graph, config: ModelConfig): ForwardHooks['attention'] {
  const { heads, kvHeads, headSize } = config;
  const group = heads / kvHeads;
  const half = headSize / 2;
  const table = {
    positions: graph.constant([0], [1], 'int64'),
    cos: graph.input('rope_cos', ['P', half]),
    sin: graph.input('rope_sin', ['P', half]),
  };
  const mask = graph.input('mask', ['T', 'T']); // 0 where a position may look, -1e9 elsewhere
  const tokens = product('B', 'T');
  /** (N, h * size) -> (B * kvHeads, h / kvHeads * T, size) */
  const split = (x: Value, count: number, rotate: boolean): Value => {
    const rows = graph.reshape(x, ['B', 'T', count * headSize]);
    const turned = rotate ? graph.rope(rows, table, count) : rows;
    const perHead = graph.transpose(graph.reshape(turned, ['B', 'T', count, headSize]), [0, 2, 1, 3]);
    return graph.reshape(perHead, [product('B', kvHeads), product('T', count / kvHeads), headSize]);
  };
  return (_layer, query, key, value) => {
    const q = graph.scale(split(query, heads, true), 1 / Math.sqrt(headSize));
    const k = split(key, kvHeads, true);
    const v = split(value, kvHeads, false);
    const scores = graph.batchMatmul(q, graph.transpose(k, [0, 2, 1])); // (B kv, G T, T)
    const masked = graph.add(graph.reshape(scores, [product('B', kvHeads), group, 'T', 'T']), mask);
    const weights = graph.reshape(graph.softmax(masked), [product('B', kvHeads), product('T', group), 'T']);
    const mixed = graph.reshape(graph.batchMatmul(weights, v), ['B', heads, 'T', headSize]);
    return graph.reshape(graph.transpose(mixed, [0, 2, 1, 3]), [tokens, heads * headSize]);
  };
}

const embeddingTable = (graph: Graph, config: ModelConfig): Value =>
  graph.weight(EMBEDDING, [config.vocabularySize, config.hiddenSize]);

/** The output projection (V, D): the embedding itself where it is tied. */
const outputTable = (graph: Graph, config: ModelConfig, embedding: Value): Value =>
  config.tied ? embedding : graph.weight(OUTPUT, [config.vocabularySize, config.hiddenSize]);

/** Final hidden states of the rows that predict a wanted token, (M, D). */
function selectedHidden(graph: Graph, config: ModelConfig, linear: Linear) {
  const ids = graph.input('ids', ['B', 'T'], 'int64');
  const rows = graph.input('rows', ['M'], 'int64'); // positions in the flattened (B * T), each once
  const labels = graph.input('labels', ['M'], 'int64'); // the tokens that follow there
  const embedding = embeddingTable(graph, config);
  const embedded = graph.gather(embedding, graph.reshape(ids, [product('B', 'T')]));
  const attention = explicitAttention(graph, config);
  const hidden = architecture(config.architecture).forward({ graph, linear, attention }, config, embedded);
  return { hidden: graph.gather(hidden, rows), labels, table: outputTable(graph, config, embedding) };
}

/**
 * Scoring. Inputs: ids (B, T), rows (M), labels (M), mask (T, T), rope tables; with an adapter also its matrices and
 * `lora_scale`. Outputs: `logp` (M, 1), and `logprobs` (M, V) if asked for.
 */
export function scoringGraph(
  config: ModelConfig,
  lora: LoraShape | null,
  options: { logprobs?: boolean } = {},
): Graph {
  const graph = new Graph();
  const linear = linearHook(graph, lora, loraScale(graph, lora), false);
  const { hidden, table, labels } = selectedHidden(graph, config, linear);
  const [logp, logprobs] = graph.tokenLogprobs(hidden, table, labels);
  graph.output('logp', logp);
  if (options.logprobs) graph.output('logprobs', logprobs);
  return graph;
}

/** The adapter's strength times alpha / rank, fed at run time. */
function loraScale(graph: Graph, lora: LoraShape | null): (low: Value) => Value {
  if (!lora) return (low) => low;
  const scale = graph.input('lora_scale', []);
  return (low) => graph.mul(low, scale);
}

/** Computes a scalar loss from the log-probabilities of the completion tokens, (M, 1). */
export type LossBuilder = (graph: Graph, logp: Value) => Value;

/** The loss over the log-probabilities, and the mean entropy (nats) of the distributions they come from. */
function objective(graph: Graph, config: ModelConfig, linear: Linear, lossOf: LossBuilder): Value {
  const { hidden, table, labels } = selectedHidden(graph, config, linear);
  const [logp, logprobs] = graph.tokenLogprobs(hidden, table, labels);
  const loss = lossOf(graph, logp);
  graph.output('logp', logp);
  graph.output('loss', loss);
  graph.output('entropy', graph.neg(graph.sumLast(graph.mul(graph.exp(logprobs), logprobs)))); // (M, 1)
  return loss;
}

/**
 * Training. Inputs as in scoring, the adapter's matrices, and whatever the loss declares; with `dropout` > 0 (share of an
 * adapter's inputs that are set to zero) also the random numbers that decide which. Outputs: `loss`, `logp` and `entropy`
 * (M, 1), and `gradient:<name>` for each matrix. `scale` is alpha / rank.
 */
export function trainingGraph(
  config: ModelConfig,
  lora: LoraShape,
  scale: number,
  lossOf: LossBuilder,
  dropout = 0,
): Graph {
  const graph = new Graph();
  const seen = dropoutHook(graph, dropout);
  const linear = linearHook(graph, lora, (low) => graph.scale(low, scale), true, seen);
  const loss = objective(graph, config, linear, lossOf);
  for (const [name, gradient] of addGradients(graph, loss)) graph.output(`gradient:${name}`, gradient);
  return graph;
}

/** Training without gradients and dropout: the loss of data that is not trained on. */
export function evaluationGraph(
  config: ModelConfig,
  lora: LoraShape,
  scale: number,
  lossOf: LossBuilder,
): Graph {
  const graph = new Graph();
  const linear = linearHook(graph, lora, (low) => graph.scale(low, scale), false);
  objective(graph, config, linear, lossOf);
  return graph;
}

/** What both graphs of generation share: ids (B, S) in, `logits` (B, V) of the positions `last` (B) out. */
function generation(
  config: ModelConfig,
  lora: LoraShape | null,
  attend: (graph: Graph) => ForwardHooks['attention'],
): Graph {
  const graph = new Graph();
  const linear = linearHook(graph, lora, loraScale(graph, lora), false);
  const ids = graph.input('ids', ['B', 'S'], 'int64');
  const last = graph.input('last', ['B'], 'int64'); // index in the flattened (B * S)
  const embedding = embeddingTable(graph, config);
  const embedded = graph.gather(embedding, graph.reshape(ids, [product('B', 'S')]));
  const attention = attend(graph);
  const hidden = architecture(config.architecture).forward({ graph, linear, attention }, config, embedded);
  const table = outputTable(graph, config, embedding);
  graph.output('logits', graph.matmul(graph.gather(hidden, last), table, { transposeB: true }));
  return graph;
}

/** Rotary embedding at the fed `positions` (B, S) of (B * S, count * size), as (B, S, count * size). */
function positioned(graph: Graph, config: ModelConfig) {
  const { headSize } = config;
  const positions = graph.input('positions', ['B', 'S'], 'int64');
  const cos = graph.input('rope_cos', ['P', headSize / 2]);
  const sin = graph.input('rope_sin', ['P', headSize / 2]);
  const rows = (x: Value, count: number): Value => graph.reshape(x, ['B', 'S', count * headSize]);
  return {
    rows,
    rotate: (x: Value, count: number) => graph.rope(rows(x, count), { positions, cos, sin }, count),
  };
}

/**
 * Prompts, padded on the right. Besides the shared inputs: `positions`, rope tables, `lengths` (B) tokens of each
 * minus one, `total` (1) the longest. Outputs also `new_keys.<l>`, `new_values.<l>` (B, S, kvHeads * size).
 */
export function promptGraph(config: ModelConfig, lora: LoraShape | null): Graph {
  const { heads, kvHeads, headSize } = config;
  return generation(config, lora, (graph) => {
    const { rows, rotate } = positioned(graph, config);
    const lengths = graph.input('lengths', ['B'], 'int32');
    const total = graph.input('total', [1], 'int32');
    return (layer, query, key, value) => {
      const k = rotate(key, kvHeads);
      const v = rows(value, kvHeads);
      graph.output(`new_keys.${layer}`, k);
      graph.output(`new_values.${layer}`, v);
      const scale = 1 / Math.sqrt(headSize);
      const mixed = graph.promptAttention([rotate(query, heads), k, v, lengths, total], {
        heads,
        kvHeads,
        scale,
      });
      return graph.reshape(mixed, [product('B', 'S'), heads * headSize]);
    };
  });
}

/**
 * One more token for each sequence (S = 1). Besides the shared inputs: `positions`, rope tables, the cache `keys.<l>`
 * (B * kvHeads, size, C) and `values.<l>` (B * kvHeads, C, size), `mask` (B, 1, 1, C): 0 where the cache is filled,
 * -1e9 elsewhere. Outputs also `new_keys.<l>`, `new_values.<l>` (B, 1, kvHeads * size). The cache is only read:
 * ONNX Runtime's Node binding copies every output, so a cache that is an output would be copied at each step.
 */
export function decodingGraph(config: ModelConfig, lora: LoraShape | null): Graph {
  const { heads, kvHeads, headSize } = config;
  const group = heads / kvHeads;
  const pairs = product('B', kvHeads);
  return generation(config, lora, (graph) => {
    const { rows, rotate } = positioned(graph, config);
    const mask = graph.input('mask', ['B', 1, 1, 'C']);
    return (layer, query, key, value) => {
      const k = rotate(key, kvHeads);
      const v = rows(value, kvHeads);
      graph.output(`new_keys.${layer}`, k);
      graph.output(`new_values.${layer}`, v);
      const pastKeys = graph.input(`keys.${layer}`, [pairs, headSize, 'C']);
      const pastValues = graph.input(`values.${layer}`, [pairs, 'C', headSize]);
      const q = graph.scale(
        graph.reshape(rotate(query, heads), [pairs, product('S', group), headSize]),
        1 / Math.sqrt(headSize),
      );
      const scores = (keys: Value, columns: string) =>
        graph.reshape(graph.batchMatmul(q, keys), ['B', heads, 'S', columns]);
      // The new token's score comes first, so that the sum over the rest does not depend on the capacity C.
      const fresh = scores(graph.reshape(k, [pairs, headSize, 'S']), 'S');
      const past = graph.add(scores(pastKeys, 'C'), mask);
      const [p, r] = graph.splitLast(graph.softmax(graph.concatLast(fresh, past)), ['S', 'C']);
      const weigh = (weights: Value, columns: string, values: Value) =>
        graph.batchMatmul(graph.reshape(weights, [pairs, product('S', group), columns]), values);
      const mixed = graph.add(
        weigh(p, 'S', graph.reshape(v, [pairs, 'S', headSize])),
        weigh(r, 'C', pastValues),
      );
      return graph.reshape(mixed, [product('B', 'S'), heads * headSize]);
    };
  });
}

/** cos and sin of rotary angles, (positions, headSize / 2) each. */
export function ropeTables(config: ModelConfig, positions: number): { cos: Float32Array; sin: Float32Array } {
  const half = config.headSize / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let i = 0; i < half; i++) {
    const frequency = config.ropeBase ** (-i / half);
    for (let position = 0; position < positions; position++) {
      cos[position * half + i] = Math.cos(position * frequency);
      sin[position * half + i] = Math.sin(position * frequency);
    }
  }
  return { cos, sin };
}

/** (T, T): 0 on and below the diagonal, -1e9 above. */
export function causalMask(length: number): Float32Array {
  const mask = new Float32Array(length * length);
  for (let i = 0; i < length; i++) mask.fill(-1e9, i * length + i + 1, (i + 1) * length);
  return mask;
}
