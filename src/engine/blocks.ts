/**
 * The decoder blocks that all families share: attention and a gated feed-forward on a residual stream, with the norms,
 * the fusing and the activation of a family's layout. N = B * T rows.
 */
import {
  type Architecture,
  type BlockLayout,
  EMBEDDING,
  FINAL_NORM,
  type ForwardHooks,
  type LinearLayer,
  type ModelConfig,
  OUTPUT,
} from './architecture.ts';
import type { Graph, Value } from './graph.ts';

/** What the shapes of the weights depend on. */
export type Sizes = Pick<
  ModelConfig,
  | 'vocabularySize'
  | 'hiddenSize'
  | 'intermediateSize'
  | 'layers'
  | 'heads'
  | 'kvHeads'
  | 'headSize'
  | 'biases'
>;

const block = (index: number): string => `model.layers.${index}`;

function linears(layout: BlockLayout, config: Sizes, index: number) {
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize } = config;
  const of = (
    group: string,
    name: string,
    inputs: number,
    outputs: number,
    fuses: string[] = [],
  ): LinearLayer => ({
    name: `${block(index)}.${group}.${name}`,
    inputs,
    outputs,
    bias: config.biases.includes(name),
    fuses,
  });
  const query = heads * headSize;
  const key = kvHeads * headSize;
  const into = layout.fused
    ? [of('self_attn', 'qkv_proj', hiddenSize, query + 2 * key, ['q_proj', 'k_proj', 'v_proj'])]
    : [
        of('self_attn', 'q_proj', hiddenSize, query),
        of('self_attn', 'k_proj', hiddenSize, key),
        of('self_attn', 'v_proj', hiddenSize, key),
      ];
  const gated = layout.fused
    ? [of('mlp', 'gate_up_proj', hiddenSize, 2 * intermediateSize, ['gate_proj', 'up_proj'])]
    : [
        of('mlp', 'gate_proj', hiddenSize, intermediateSize),
        of('mlp', 'up_proj', hiddenSize, intermediateSize),
      ];
  return {
    into,
    output: of('self_attn', 'o_proj', query, hiddenSize),
    gated,
    down: of('mlp', 'down_proj', intermediateSize, hiddenSize),
  };
}

/** All linear layers of the blocks, in forward order. */
export function linearLayers({ layout }: Architecture, config: Sizes): LinearLayer[] {
  return Array.from({ length: config.layers }, (_, index) => {
    const { into, output, gated, down } = linears(layout, config, index);
    return [...into, output, ...gated, down];
  }).flat();
}

/** Names of the four norms around the sublayers of a block; null where the layout has none. */
function normNames({ norms }: BlockLayout) {
  return {
    beforeAttention: norms === 'after' ? null : 'input_layernorm',
    afterAttention: norms === 'before' ? null : 'post_attention_layernorm',
    // Without norms on the way out, the one before the feed-forward has the name of the one after attention.
    beforeFeedForward: { before: 'post_attention_layernorm', both: 'pre_feedforward_layernorm', after: null }[
      norms
    ],
    afterFeedForward: norms === 'before' ? null : 'post_feedforward_layernorm',
  };
}

/** Shape of every weight of a model with this configuration, `[out, in]`. */
export function weightShapes(architecture: Architecture, config: Sizes): Map<string, readonly number[]> {
  const { layout } = architecture;
  const { hiddenSize, vocabularySize, headSize, heads, kvHeads } = config;
  const shapes = new Map<string, readonly number[]>([
    [EMBEDDING, [vocabularySize, hiddenSize]],
    [FINAL_NORM, [hiddenSize]],
    [OUTPUT, [vocabularySize, hiddenSize]],
  ]);
  for (const { name, inputs, outputs, bias } of linearLayers(architecture, config)) {
    shapes.set(`${name}.weight`, [outputs, inputs]);
    if (bias) shapes.set(`${name}.bias`, [outputs]);
  }
  for (let i = 0; i < config.layers; i++) {
    for (const norm of Object.values(normNames(layout)))
      if (norm) shapes.set(`${block(i)}.${norm}.weight`, [hiddenSize]);
    if (layout.queryKeyNorm === 'none') continue;
    const all = layout.queryKeyNorm === 'all';
    shapes.set(`${block(i)}.self_attn.q_norm.weight`, [all ? heads * headSize : headSize]);
    shapes.set(`${block(i)}.self_attn.k_norm.weight`, [all ? kvHeads * headSize : headSize]);
  }
  return shapes;
}

/** x sigma(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3): the tanh form of GELU (Hendrycks and Gimpel 2016). */
function gelu(graph: Graph, x: Value): Value {
  const cube = graph.mul(graph.mul(x, x), x);
  const u = graph.scale(graph.add(x, graph.scale(cube, 0.044715)), 2 * Math.sqrt(2 / Math.PI));
  return graph.mul(x, graph.sigmoid(u));
}

/** Embedded tokens (N, D) -> final normalised hidden states (N, D), whose products with the output table are the logits. */
export function forward(
  { layout }: Architecture,
  { graph, linear, attention }: ForwardHooks,
  config: ModelConfig,
  embedded: Value,
): Value {
  const { heads, kvHeads, headSize, intermediateSize } = config;
  const names = normNames(layout);
  const normalise = (x: Value, weight: string, size: number): Value =>
    graph.rmsNorm(x, graph.weight(weight, [size]), config.normEpsilon)[0];
  const perHead = (x: Value, weight: string, count: number): Value => {
    if (layout.queryKeyNorm === 'none') return x;
    if (layout.queryKeyNorm === 'all') return normalise(x, weight, count * headSize);
    const rows = graph.reshape(x, [x.shape[0]!, count, headSize]);
    return graph.reshape(normalise(rows, weight, headSize), x.shape);
  };
  const activation = (x: Value): Value => (layout.activation === 'silu' ? graph.silu(x) : gelu(graph, x));

  const added = (x: Value, update: Value): Value => graph.add(x, graph.scale(update, config.residualScale));

  let x = graph.scale(embedded, config.embeddingScale); // (N, D)
  for (let index = 0; index < config.layers; index++) {
    const { into, output, gated, down } = linears(layout, config, index);
    const norm = (value: Value, name: string | null): Value =>
      name === null ? value : normalise(value, `${block(index)}.${name}.weight`, config.hiddenSize);
    /** The projections of one input, whether fused or not. */
    const project = (
      input: Value,
      layers: readonly LinearLayer[],
      sizes: readonly number[],
    ): readonly Value[] =>
      layers.length === 1
        ? graph.split(-1, linear(input, layers[0]!), sizes)
        : layers.map((layer) => linear(input, layer));

    const before = norm(x, names.beforeAttention);
    const [q, k, v] = project(before, into, [heads * headSize, kvHeads * headSize, kvHeads * headSize]);
    const query = perHead(q!, `${block(index)}.self_attn.q_norm.weight`, heads);
    const key = perHead(k!, `${block(index)}.self_attn.k_norm.weight`, kvHeads);
    const attended = linear(attention(index, query, key, v!), output);
    x = added(x, norm(attended, names.afterAttention));

    const after = norm(x, names.beforeFeedForward);
    const [gate, up] = project(after, gated, [intermediateSize, intermediateSize]);
    const hidden = linear(graph.mul(activation(gate!), up!), down); // (N, D)
    x = added(x, norm(hidden, names.afterFeedForward));
  }
  return graph.scale(normalise(x, FINAL_NORM, config.hiddenSize), config.logitScale);
}
