/**
 * The three forms of causal attention: over trunks and branches (scoring and training, where it is differentiated), over
 * prompts with a common beginning, and over the cache. What a family varies (window, soft cap, scale, positions) is said here once.
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

/** The forms of mask that a model needs, and how many positions back each lets one look, itself included. */
export const maskReaches = (window: number | null): readonly ['all' | 'windowed', number][] => [
  ['all', Number.POSITIVE_INFINITY],
  ...(window === null ? [] : [['windowed', window] as ['windowed', number]]),
];

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

/** Names of the dimensions of branches: E trunks of S tokens, K branches of T tokens for each. */
interface Branches {
  readonly e: Dimension;
  readonly k: Dimension;
  readonly t: Dimension;
  readonly s: Dimension;
}

/** Attention scores, query (b, m, size) and key (b, n, size) -> (b, m, n). */
const scored = (graph: Graph, config: ModelConfig, query: Value, key: Value): Value =>
  softcapped(graph, graph.batchMatmul(query, graph.transpose(key, [0, 2, 1])), config.attentionSoftcap);

/**
 * What branches see: the trunk that they follow, and themselves. Inputs: rows (E K T, heads * size), turned and the
 * queries scaled; `trunk`, keys and values (E kv, S, size); masks that can be added to (E, K, kv, heads / kv, T, S) and
 * (T, T). Output: (E, K, T, kv, heads / kv, size). The trunk's columns come first, so that sums over a sequence's own do
 * not depend on how far it is padded.
 */
function branchAttention(graph: Graph, config: ModelConfig, { e, k, t, s }: Branches) {
  const { heads, kvHeads, headSize } = config;
  const group = heads / kvHeads;
  const trunks = product(e, kvHeads);
  const branches = product(e, k, kvHeads);
  // Of a trunk's keys all its branches are asked at once; of its own keys each branch.
  const byTrunk = [0, 3, 1, 4, 2, 5];
  const byBranch = [0, 1, 3, 4, 2, 5];
  const [kgt, gt] = [product(k, t, group), product(t, group)];
  /** Rows -> (E, K, T, kv, count / kv, size), its axes in this order, then three axes of these sizes */
  const laid = (x: Value, count: number, order: readonly number[], shape: Shape): Value => {
    const perHead = graph.reshape(x, [e, k, t, kvHeads, count / kvHeads, headSize]);
    return graph.reshape(graph.transpose(perHead, order), shape);
  };
  const own = (x: Value): Value => laid(x, kvHeads, byBranch, [branches, t, headSize]);
  return (
    rows: { readonly query: Value; readonly key: Value; readonly value: Value },
    trunk: { readonly key: Value; readonly value: Value },
    mask: { readonly shared: Value; readonly own: Value },
  ): Value => {
    const shared = scored(
      graph,
      config,
      laid(rows.query, heads, byTrunk, [trunks, kgt, headSize]),
      trunk.key,
    );
    const sharedScores = graph.transpose(
      graph.reshape(shared, [e, kvHeads, k, group, t, s]),
      [0, 2, 1, 3, 4, 5],
    );
    const ownScores = graph.reshape(
      scored(graph, config, laid(rows.query, heads, byBranch, [branches, gt, headSize]), own(rows.key)),
      [e, k, kvHeads, group, t, t],
    );
    const all = graph.concat(-1, [graph.add(sharedScores, mask.shared), graph.add(ownScores, mask.own)]);
    const [p, r] = graph.split(-1, graph.softmax(all), [s, t]);
    const sharedMixed = graph.reshape(
      graph.batchMatmul(
        graph.reshape(graph.transpose(p!, [0, 2, 1, 3, 4, 5]), [trunks, kgt, s]),
        trunk.value,
      ),
      [e, kvHeads, k, group, t, headSize],
    );
    const ownMixed = graph.reshape(graph.batchMatmul(graph.reshape(r!, [branches, gt, t]), own(rows.value)), [
      e,
      k,
      kvHeads,
      group,
      t,
      headSize,
    ]);
    return graph.add(
      graph.transpose(sharedMixed, [0, 2, 4, 1, 3, 5]),
      graph.transpose(ownMixed, [0, 1, 4, 2, 3, 5]),
    );
  };
}

/**
 * Written out, over groups of sequences that begin alike (`sequences.ts`): E trunks of S tokens, then E x K branches of T
 * tokens, each of which sees its own trunk and itself. N = E S + E K T rows; trunks and branches are padded on the right.
 */
export function explicitAttention(graph: Graph, config: ModelConfig): Attention {
  const { heads, kvHeads, headSize, attentionScale } = config;
  const group = heads / kvHeads;
  const width = heads * headSize;
  const { rotate } = rotations(graph, config, 'N', 1);
  const trunkMask = masks(graph, config, 'trunk', ['S', 'S']);
  const ownMask = masks(graph, config, 'own', ['T', 'T']);
  const sharedMask = masks(graph, config, 'shared', ['E', 'K', 1, 1, 'T', 'S']);
  const trunkRows = product('E', 'S');
  const branchRows = product('E', 'K', 'T');
  const trunks = product('E', kvHeads);
  const parts = (x: Value, count: number): readonly Value[] =>
    graph.split(0, graph.reshape(x, ['N', count * headSize]), [trunkRows, branchRows]);
  /** Rows of trunks -> (E kv, count / kv * S, size) */
  const ofTrunks = (x: Value, count: number): Value => {
    const perHead = graph.transpose(graph.reshape(x, ['E', 'S', count, headSize]), [0, 2, 1, 3]);
    return graph.reshape(perHead, [trunks, product('S', count / kvHeads), headSize]);
  };
  const branches = branchAttention(graph, config, { e: 'E', k: 'K', t: 'T', s: 'S' });
  return (layer, query, key, value) => {
    const q = parts(graph.scale(rotate(layer, query, heads), attentionScale), heads);
    const k = parts(rotate(layer, key, kvHeads), kvHeads);
    const v = parts(value, kvHeads);
    const trunk = { key: ofTrunks(k[0]!, kvHeads), value: ofTrunks(v[0]!, kvHeads) };

    const trunkScores = graph.reshape(scored(graph, config, ofTrunks(q[0]!, heads), trunk.key), [
      trunks,
      group,
      'S',
      'S',
    ]);
    const trunkWeights = graph.softmax(graph.add(trunkScores, trunkMask(layer)));
    const trunkMixed = graph.batchMatmul(
      graph.reshape(trunkWeights, [trunks, product('S', group), 'S']),
      trunk.value,
    );
    const trunkOut = graph.transpose(graph.reshape(trunkMixed, ['E', heads, 'S', headSize]), [0, 2, 1, 3]);

    const rows = { query: q[1]!, key: k[1]!, value: v[1]! };
    const branchOut = branches(rows, trunk, { shared: sharedMask(layer), own: ownMask(layer) });
    const outs = [graph.reshape(trunkOut, [trunkRows, width]), graph.reshape(branchOut, [branchRows, width])];
    return graph.concat(0, outs, 'N');
  };
}

/**
 * B prompts of S tokens, padded on the right, that follow a beginning of C tokens, the same for all, whose keys and values
 * (kvHeads, C, size) are inputs; the prompts' own become outputs.
 */
export function promptAttention(graph: Graph, config: ModelConfig): Attention {
  const { heads, kvHeads, headSize, attentionScale } = config;
  const { rows, rotate } = rotations(graph, config, 'B', 'S');
  const ownMask = masks(graph, config, 'own', ['S', 'S']);
  const sharedMask = masks(graph, config, 'shared', ['S', 'C']);
  const branches = branchAttention(graph, config, { e: 1, k: 'B', t: 'S', s: 'C' });
  return (layer, query, key, value) => {
    const k = rotate(layer, key, kvHeads);
    const v = rows(value, kvHeads);
    graph.output(`new_keys.${layer}`, k);
    graph.output(`new_values.${layer}`, v);
    const past = (name: string): Value => graph.input(`${name}.${layer}`, [kvHeads, 'C', headSize]);
    const q = graph.scale(rotate(layer, query, heads), attentionScale);
    const mixed = branches(
      { query: q, key: k, value: v },
      { key: past('keys'), value: past('values') },
      { shared: sharedMask(layer), own: ownMask(layer) },
    );
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
