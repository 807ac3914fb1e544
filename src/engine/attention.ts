/**
 * The three forms of causal attention: written out (scoring and training, where it is differentiated), fused over
 * prompts, and over the cache. What a family varies (window, soft cap, scale, positions) is said here once.
 *
 * Inputs that each form declares: `positions`, the rope tables, and `mask`, with `mask.window` where the model has
 * windowed layers; 0 where a position may look, -1e9 elsewhere.
 */
import type { ForwardHooks, ModelConfig } from './architecture.ts';
import { type Graph, product, type Shape, type Value } from './graph.ts';

type Attention = ForwardHooks['attention'];

/** Names of the tables of rope `index`. */
export const ropeNames = (index: number): { cos: string; sin: string } =>
  index === 0 ? { cos: 'rope_cos', sin: 'rope_sin' } : { cos: `rope_cos.${index}`, sin: `rope_sin.${index}` };

export const MASK = 'mask';
export const WINDOW_MASK = 'mask.window';

/** c tanh(x / c), or x where there is no cap. */
export const softcapped = (graph: Graph, x: Value, cap: number | null): Value =>
  cap === null ? x : graph.scale(graph.tanh(graph.scale(x, 1 / cap)), cap);

/** (N, count * size) -> (B, T, count * size), turned by the positions where the layer has them. T is the name `length`. */
function rotations(graph: Graph, config: ModelConfig, length: string) {
  const positions = graph.input('positions', ['B', length], 'int64'); // rows of the tables
  const tables = config.ropes.map(({ frequencies }, index) => {
    const { cos, sin } = ropeNames(index);
    const shape = ['P', frequencies.length];
    return { positions, cos: graph.input(cos, shape), sin: graph.input(sin, shape) };
  });
  const rows = (x: Value, count: number): Value => graph.reshape(x, ['B', length, count * config.headSize]);
  return {
    rows,
    rotate: (layer: number, x: Value, count: number): Value => {
      const rope = config.attention[layer]!.rope;
      return rope === null ? rows(x, count) : graph.rope(rows(x, count), tables[rope]!, count);
    },
  };
}

/** The mask of a layer. */
function masks(graph: Graph, config: ModelConfig, shape: Shape): (layer: number) => Value {
  const all = graph.input(MASK, shape);
  const window = config.window === null ? all : graph.input(WINDOW_MASK, shape);
  return (layer) => (config.attention[layer]!.windowed ? window : all);
}

/** Sequences start at position 0 and are padded on the right. */
export function explicitAttention(graph: Graph, config: ModelConfig): Attention {
  const { heads, kvHeads, headSize, attentionScale, attentionSoftcap } = config;
  const group = heads / kvHeads;
  const pairs = product('B', kvHeads);
  const { rows, rotate } = rotations(graph, config, 'T');
  const mask = masks(graph, config, ['T', 'T']);
  /** (B, T, count * size) -> (B * kvHeads, count / kvHeads * T, size) */
  const split = (x: Value, count: number): Value => {
    const perHead = graph.transpose(graph.reshape(x, ['B', 'T', count, headSize]), [0, 2, 1, 3]);
    return graph.reshape(perHead, [pairs, product('T', count / kvHeads), headSize]);
  };
  return (layer, query, key, value) => {
    const q = graph.scale(split(rotate(layer, query, heads), heads), attentionScale);
    const k = split(rotate(layer, key, kvHeads), kvHeads);
    const v = split(rows(value, kvHeads), kvHeads);
    const scores = softcapped(graph, graph.batchMatmul(q, graph.transpose(k, [0, 2, 1])), attentionSoftcap); // (B kv, G T, T)
    const masked = graph.add(graph.reshape(scores, [pairs, group, 'T', 'T']), mask(layer));
    const weights = graph.reshape(graph.softmax(masked), [pairs, product('T', group), 'T']);
    const mixed = graph.reshape(graph.batchMatmul(weights, v), ['B', heads, 'T', headSize]);
    return graph.reshape(graph.transpose(mixed, [0, 2, 1, 3]), [product('B', 'T'), heads * headSize]);
  };
}

/** Prompts from position 0; keys and values become outputs. The fused operator masks by itself. */
export function promptAttention(graph: Graph, config: ModelConfig): Attention {
  const { heads, kvHeads, headSize, attentionScale: scale, attentionSoftcap: softcap } = config;
  const { rows, rotate } = rotations(graph, config, 'S');
  const lengths = graph.input('lengths', ['B'], 'int32');
  const total = graph.input('total', [1], 'int32');
  return (layer, query, key, value) => {
    const k = rotate(layer, key, kvHeads);
    const v = rows(value, kvHeads);
    graph.output(`new_keys.${layer}`, k);
    graph.output(`new_values.${layer}`, v);
    const window = config.attention[layer]!.windowed ? config.window : null;
    const inputs = [rotate(layer, query, heads), k, v, lengths, total] as const;
    const mixed = graph.promptAttention(inputs, { heads, kvHeads, scale, window, softcap });
    return graph.reshape(mixed, [product('B', 'S'), heads * headSize]);
  };
}

/** One new token over the cache of each sequence. */
export function decodingAttention(graph: Graph, config: ModelConfig): Attention {
  const { heads, kvHeads, headSize, attentionScale, attentionSoftcap } = config;
  const group = heads / kvHeads;
  const pairs = product('B', kvHeads);
  const { rows, rotate } = rotations(graph, config, 'S');
  const mask = masks(graph, config, ['B', 1, 1, 'C']);
  return (layer, query, key, value) => {
    const k = rotate(layer, key, kvHeads);
    const v = rows(value, kvHeads);
    graph.output(`new_keys.${layer}`, k);
    graph.output(`new_values.${layer}`, v);
    const pastKeys = graph.input(`keys.${layer}`, [pairs, headSize, 'C']);
    const pastValues = graph.input(`values.${layer}`, [pairs, 'C', headSize]);
    const turned = graph.reshape(rotate(layer, query, heads), [pairs, product('S', group), headSize]);
    const q = graph.scale(turned, attentionScale);
    const scores = (keys: Value, columns: string): Value => {
      const capped = softcapped(graph, graph.batchMatmul(q, keys), attentionSoftcap);
      return graph.reshape(capped, ['B', heads, 'S', columns]);
    };
    // The new token's score comes first, so that the sum over the rest does not depend on the capacity C.
    const fresh = scores(graph.reshape(k, [pairs, headSize, 'S']), 'S');
    const past = graph.add(scores(pastKeys, 'C'), mask(layer));
    const [p, r] = graph.splitLast(graph.softmax(graph.concatLast(fresh, past)), ['S', 'C']);
    const weigh = (weights: Value, columns: string, values: Value): Value =>
      graph.batchMatmul(graph.reshape(weights, [pairs, product('S', group), columns]), values);
    const mixed = graph.add(
      weigh(p!, 'S', graph.reshape(v, [pairs, 'S', headSize])),
      weigh(r!, 'C', pastValues),
    );
    return graph.reshape(mixed, [product('B', 'S'), heads * headSize]);
  };
}
