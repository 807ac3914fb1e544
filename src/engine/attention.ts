/**
 * The three forms of causal attention: written out (scoring and training, where it is differentiated), fused over
 * prompts, and over the cache. What a family varies (window, soft cap, scale, positions) is said here once.
 *
 * Inputs that each form declares: `positions`, the rope tables, and masks, each in a second form where the model has
 * windowed layers; 0 where a position may look, -1e9 elsewhere.
 */
import type { ForwardHooks, ModelConfig } from './architecture.ts';
import { type Dimension, type Graph, product, type Shape, type Value } from './graph.ts';

type Attention = ForwardHooks['attention'];

/** Names of the tables of rope `index`. */
export const ropeNames = (index: number): { cos: string; sin: string } =>
  index === 0 ? { cos: 'rope_cos', sin: 'rope_sin' } : { cos: `rope_cos.${index}`, sin: `rope_sin.${index}` };

/** Names of a mask: for layers that see everything, and for windowed ones. */
export const maskNames = (part: 'own' | 'trunk' | 'shared'): { all: string; windowed: string } => ({
  all: `mask.${part}`,
  windowed: `mask.${part}.window`,
});

/** c tanh(x / c), or x where there is no cap. */
export const softcapped = (graph: Graph, x: Value, cap: number | null): Value =>
  cap === null ? x : graph.scale(graph.tanh(graph.scale(x, 1 / cap)), cap);

/** (N, count * size) -> (B, T, count * size), turned by the positions where the layer has them. B and T by name. */
function rotations(graph: Graph, config: ModelConfig, batch: Dimension, length: Dimension) {
  const positions = graph.input('positions', [batch, length], 'int64'); // rows of the tables
  const tables = config.ropes.map(({ frequencies }, index) => {
    const { cos, sin } = ropeNames(index);
    const shape = ['P', frequencies.length];
    return { positions, cos: graph.input(cos, shape), sin: graph.input(sin, shape) };
  });
  const rows = (x: Value, count: number): Value => graph.reshape(x, [batch, length, count * config.headSize]);
  return {
    rows,
    rotate: (layer: number, x: Value, count: number): Value => {
      const rope = config.attention[layer]!.rope;
      return rope === null ? rows(x, count) : graph.rope(rows(x, count), tables[rope]!, count);
    },
  };
}

/** The mask of a layer. */
function masks(
  graph: Graph,
  config: ModelConfig,
  part: Parameters<typeof maskNames>[0],
  shape: Shape,
): (layer: number) => Value {
  const names = maskNames(part);
  const all = graph.input(names.all, shape);
  const window = config.window === null ? all : graph.input(names.windowed, shape);
  return (layer) => (config.attention[layer]!.windowed ? window : all);
}

/**
 * Written out, over groups of sequences that begin alike (`feeds.ts`): E trunks of S tokens, then E x K branches of T
 * tokens, each of which sees its own trunk and itself. N = E S + E K T rows; trunks and branches are padded on the right.
 */
export function explicitAttention(graph: Graph, config: ModelConfig): Attention {
  const { heads, kvHeads, headSize, attentionScale, attentionSoftcap } = config;
  const group = heads / kvHeads;
  const width = heads * headSize;
  const { rotate } = rotations(graph, config, 'N', 1);
  const trunkMask = masks(graph, config, 'trunk', ['S', 'S']);
  const ownMask = masks(graph, config, 'own', ['T', 'T']);
  const sharedMask = masks(graph, config, 'shared', ['E', 'K', 1, 1, 'T', 'S']);
  const trunkRows = product('E', 'S');
  const branchRows = product('E', 'K', 'T');
  const trunks = product('E', kvHeads);
  const branches = product('E', 'K', kvHeads);
  const parts = (x: Value, count: number): readonly Value[] =>
    graph.split(0, graph.reshape(x, ['N', count * headSize]), [trunkRows, branchRows]);
  /** Rows of trunks -> (E kv, count / kv * S, size) */
  const ofTrunks = (x: Value, count: number): Value => {
    const perHead = graph.transpose(graph.reshape(x, ['E', 'S', count, headSize]), [0, 2, 1, 3]);
    return graph.reshape(perHead, [trunks, product('S', count / kvHeads), headSize]);
  };
  /** Rows of branches -> (E, K, T, kv, count / kv, size), its axes in this order, then three axes of these sizes */
  const ofBranches = (x: Value, count: number, order: readonly number[], shape: Shape): Value => {
    const perHead = graph.reshape(x, ['E', 'K', 'T', kvHeads, count / kvHeads, headSize]);
    return graph.reshape(graph.transpose(perHead, order), shape);
  };
  const swapped = (x: Value): Value => graph.transpose(x, [0, 2, 1]);
  const scores = (query: Value, key: Value): Value =>
    softcapped(graph, graph.batchMatmul(query, swapped(key)), attentionSoftcap);
  return (layer, query, key, value) => {
    const q = parts(graph.scale(rotate(layer, query, heads), attentionScale), heads);
    const k = parts(rotate(layer, key, kvHeads), kvHeads);
    const v = parts(value, kvHeads);
    const [trunkKey, trunkValue] = [ofTrunks(k[0]!, kvHeads), ofTrunks(v[0]!, kvHeads)];

    const trunkScores = graph.reshape(scores(ofTrunks(q[0]!, heads), trunkKey), [trunks, group, 'S', 'S']);
    const trunkWeights = graph.softmax(graph.add(trunkScores, trunkMask(layer)));
    const trunkMixed = graph.batchMatmul(
      graph.reshape(trunkWeights, [trunks, product('S', group), 'S']),
      trunkValue,
    );
    const trunkOut = graph.transpose(graph.reshape(trunkMixed, ['E', heads, 'S', headSize]), [0, 2, 1, 3]);

    // Of a trunk's keys all its branches are asked at once; of its own keys each branch.
    const byTrunk = [0, 3, 1, 4, 2, 5];
    const byBranch = [0, 1, 3, 4, 2, 5];
    const [KGT, GT] = [product('K', 'T', group), product('T', group)];
    const own = (x: Value): Value => ofBranches(x, kvHeads, byBranch, [branches, 'T', headSize]);
    const shared = scores(ofBranches(q[1]!, heads, byTrunk, [trunks, KGT, headSize]), trunkKey);
    const sharedScores = graph.transpose(
      graph.reshape(shared, ['E', kvHeads, 'K', group, 'T', 'S']),
      [0, 2, 1, 3, 4, 5],
    );
    const ownScores = graph.reshape(
      scores(ofBranches(q[1]!, heads, byBranch, [branches, GT, headSize]), own(k[1]!)),
      ['E', 'K', kvHeads, group, 'T', 'T'],
    );
    const all = graph.concat(-1, [
      graph.add(sharedScores, sharedMask(layer)),
      graph.add(ownScores, ownMask(layer)),
    ]);
    const [p, r] = graph.split(-1, graph.softmax(all), ['S', 'T']);
    const sharedMixed = graph.reshape(
      graph.batchMatmul(
        graph.reshape(graph.transpose(p!, [0, 2, 1, 3, 4, 5]), [trunks, KGT, 'S']),
        trunkValue,
      ),
      ['E', kvHeads, 'K', group, 'T', headSize],
    );
    const ownMixed = graph.reshape(graph.batchMatmul(graph.reshape(r!, [branches, GT, 'T']), own(v[1]!)), [
      'E',
      'K',
      kvHeads,
      group,
      'T',
      headSize,
    ]);
    const branchOut = graph.add(
      graph.transpose(sharedMixed, [0, 2, 4, 1, 3, 5]),
      graph.transpose(ownMixed, [0, 1, 4, 2, 3, 5]),
    );
    const outs = [graph.reshape(trunkOut, [trunkRows, width]), graph.reshape(branchOut, [branchRows, width])];
    return graph.concat(0, outs, 'N');
  };
}

/** Prompts from position 0; keys and values become outputs. The fused operator masks by itself. */
export function promptAttention(graph: Graph, config: ModelConfig): Attention {
  const { heads, kvHeads, headSize, attentionScale: scale, attentionSoftcap: softcap } = config;
  const { rows, rotate } = rotations(graph, config, 'B', 'S');
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
  const { rows, rotate } = rotations(graph, config, 'B', 'S');
  const mask = masks(graph, config, 'own', ['B', 1, 1, 'C']);
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
    const [p, r] = graph.split(-1, graph.softmax(graph.concat(-1, [fresh, past])), ['S', 'C']);
    const weigh = (weights: Value, columns: string, values: Value): Value =>
      graph.batchMatmul(graph.reshape(weights, [pairs, product('S', group), columns]), values);
    const mixed = graph.add(
      weigh(p!, 'S', graph.reshape(v, [pairs, 'S', headSize])),
      weigh(r!, 'C', pastValues),
    );
    return graph.reshape(mixed, [product('B', 'S'), heads * headSize]);
  };
}
