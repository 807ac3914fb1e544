/**
 * The graphs of a model: scoring (log-probabilities of given tokens), training (the same with adapter parameters,
 * a loss and its gradients) and generation (prompts, then one token a step over a key-value cache).
 */
import { architecture } from './architectures/registry.ts';
import { EMBEDDING, type ForwardHooks, type LinearLayer, type ModelConfig, OUTPUT } from './architecture.ts';
import { decodingAttention, explicitAttention, promptAttention, softcapped } from './attention.ts';
import { forward } from './blocks.ts';
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

/** x W^T + b, plus scale (x A^T) B^T where the layer has an adapter. */
function linearHook(
  graph: Graph,
  lora: LoraShape | null,
  scaled: (low: Value) => Value,
  trained: boolean,
  seen: (x: Value, layer: LinearLayer) => Value = (x) => x,
): Linear {
  return (x, layer: LinearLayer) => {
    const product = graph.matmul(x, graph.weight(`${layer.name}.weight`, [layer.outputs, layer.inputs]), {
      transposeB: true,
    });
    const base = layer.bias
      ? graph.add(product, graph.weight(`${layer.name}.bias`, [layer.outputs]))
      : product;
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
  const rows = graph.input(DROPOUT_ROWS, ['N', 1], 'int64');
  return (x, layer) => {
    const columns = graph.input(dropoutColumns(layer.name), [1, layer.inputs], 'int64');
    return graph.mul(x, graph.dropoutMask(rows, columns, probability));
  };
}

const embeddingTable = (graph: Graph, config: ModelConfig): Value =>
  graph.weight(EMBEDDING, [config.vocabularySize, config.hiddenSize]);

/** The output projection (V, D): the embedding itself where it is tied. */
const outputTable = (graph: Graph, config: ModelConfig, embedding: Value): Value =>
  config.tied ? embedding : graph.weight(OUTPUT, [config.vocabularySize, config.hiddenSize]);

/** Final hidden states of the rows that predict a wanted token, (M, D). */
function selectedHidden(
  graph: Graph,
  config: ModelConfig,
  linear: Linear,
  shifted: (embedded: Value) => Value = (embedded) => embedded,
) {
  const ids = graph.input('ids', ['N'], 'int64');
  const rows = graph.input('rows', ['M'], 'int64'); // of the N, each once
  const labels = graph.input('labels', ['M'], 'int64'); // the tokens that follow there
  const embedding = embeddingTable(graph, config);
  const embedded = shifted(graph.gather(embedding, ids));
  const attention = explicitAttention(graph, config);
  const hidden = forward(architecture(config.architecture), { graph, linear, attention }, config, embedded);
  return {
    hidden: graph.gather(hidden, rows),
    labels,
    embedding,
    table: outputTable(graph, config, embedding),
  };
}

/**
 * Scoring. Inputs (`feeds.ts`): ids (N), rows (M), labels (M), positions (N, 1), masks, rope tables; with an adapter also
 * its matrices and `lora_scale`. Outputs: `logp` (M, 1), and `logprobs` (M, V) if asked for.
 */
export function scoringGraph(
  config: ModelConfig,
  lora: LoraShape | null,
  options: { logprobs?: boolean } = {},
): Graph {
  const graph = new Graph();
  const linear = linearHook(graph, lora, loraScale(graph, lora), false);
  const { hidden, table, labels } = selectedHidden(graph, config, linear);
  const [logp, logprobs] = graph.tokenLogprobs(hidden, table, labels, config.logitSoftcap);
  graph.output('logp', logp);
  if (options.logprobs) graph.output('logprobs', logprobs);
  return graph;
}

/** Input of `tokenGradientGraph`: zeros, (N, D). */
export const SHIFT = 'shift';

/**
 * How the loss of given tokens changes where a token of the prompt is another one, to first order. Inputs as in scoring, `shift`
 * (N, D) of zeros, and `wanted` (W), rows of the N. Outputs: `loss` (minus the sum of the log-probabilities), and `gradient` (W, V):
 * its derivative by the share of each token of the vocabulary at each wanted row.
 */
export function tokenGradientGraph(config: ModelConfig, lora: LoraShape | null): Graph {
  const graph = new Graph();
  const linear = linearHook(graph, lora, loraScale(graph, lora), false);
  const { hidden, table, labels, embedding } = selectedHidden(graph, config, linear, (embedded) =>
    graph.add(embedded, graph.parameter(SHIFT, embedded.shape)),
  );
  const [logp] = graph.tokenLogprobs(hidden, table, labels, config.logitSoftcap);
  const loss = graph.neg(graph.sumAll(logp));
  graph.output('loss', loss);
  const gradient = graph.gather(addGradients(graph, loss).get(SHIFT)!, graph.input('wanted', ['W'], 'int64'));
  graph.output('gradient', graph.matmul(gradient, embedding, { transposeB: true }));
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
  const [logp, logprobs] = graph.tokenLogprobs(hidden, table, labels, config.logitSoftcap);
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
  const hidden = forward(architecture(config.architecture), { graph, linear, attention }, config, embedded);
  const table = outputTable(graph, config, embedding);
  const logits = graph.matmul(graph.gather(hidden, last), table, { transposeB: true });
  graph.output('logits', softcapped(graph, logits, config.logitSoftcap));
  return graph;
}

/**
 * Prompts, padded on the right, after a beginning of C tokens that all of them share. Besides the shared inputs:
 * `positions`, rope tables, that beginning's `keys.<l>` and `values.<l>` (kvHeads, C, size), masks (S, S) of a prompt's own
 * positions and (S, C). Outputs also `new_keys.<l>`, `new_values.<l>` (B, S, kvHeads * size).
 */
export const promptGraph = (config: ModelConfig, lora: LoraShape | null): Graph =>
  generation(config, lora, (graph) => promptAttention(graph, config));

/**
 * One more token for each sequence (S = 1). Besides the shared inputs: `positions`, rope tables, the cache `keys.<l>`
 * (B * kvHeads, size, C) and `values.<l>` (B * kvHeads, C, size), masks (B, 1, 1, C): 0 where a position may look,
 * -1e9 elsewhere. Outputs also `new_keys.<l>`, `new_values.<l>` (B, 1, kvHeads * size). The cache is only read:
 * ONNX Runtime's Node binding copies every output, so a cache that is an output would be copied at each step.
 */
export const decodingGraph = (config: ModelConfig, lora: LoraShape | null): Graph =>
  generation(config, lora, (graph) => decodingAttention(graph, config));
