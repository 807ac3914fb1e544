/** Gradients against finite differences: each rule alone, then whole models. */
import { describe, expect, test } from 'vitest';
import { rng } from '../../src/core/rng.ts';
import { preferenceLoss, sftLoss } from '../../src/training/losses.ts';
import { freshAdapter } from '../../src/engine/adapter.ts';
import type { ModelConfig } from '../../src/engine/architecture.ts';
import { scoringGraph, trainingGraph } from '../../src/engine/build.ts';
import { adapterFeeds, float32, int64 } from '../../src/engine/feeds.ts';
import { addGradients } from '../../src/engine/gradients.ts';
import { DROPOUT_PRIME, Graph, type Value } from '../../src/engine/graph.ts';
import { expectedShapes } from '../../src/engine/model.ts';
import { plainRope } from '../../src/engine/rope.ts';
import { sequenceFeeds, type TokenSequence } from '../../src/engine/sequences.ts';
import { Session, type Tensor } from '../../src/engine/session.ts';

const random = (seed: string, length: number, scale = 1): Float32Array => {
  const stream = rng(seed);
  return Float32Array.from({ length }, () => stream.normal() * scale);
};

/** Largest relative error of the gradients of `loss` over some entries of each parameter. */
async function worstError(
  session: Session,
  feeds: Record<string, Tensor>,
  parameters: Record<string, Float32Array>,
  h: number,
): Promise<number> {
  const outputs = Object.fromEntries(session.outputNames.map((name) => [name, null]));
  const loss = async (): Promise<number> =>
    ((await session.run(feeds, { loss: null }))['loss']!.data as Float32Array)[0] as number;
  const results = await session.run(feeds, outputs);
  let worst = 0;
  for (const [name, data] of Object.entries(parameters)) {
    const gradient = results[`gradient:${name}`]!.data as Float32Array;
    for (const i of [0, Math.floor(data.length / 2), data.length - 1]) {
      const original = data[i] as number;
      data[i] = original + h;
      const up = await loss();
      data[i] = original - h;
      const down = await loss();
      data[i] = original;
      const numeric = (up - down) / (2 * h);
      worst = Math.max(
        worst,
        Math.abs(numeric - gradient[i]!) / (Math.abs(numeric) + Math.abs(gradient[i]!) + 0.02),
      );
    }
  }
  return worst;
}

describe('each operation', () => {
  const positive = (x: Float32Array): Float32Array => x.map((value) => Math.abs(value) + 0.5);
  const cases: Record<
    string,
    { data?: (x: Float32Array) => Float32Array; build(g: Graph, x: Value): Value }
  > = {
    add: { build: (g, x) => g.add(x, g.scale(x, 2)) },
    sub: { build: (g, x) => g.sub(g.scale(x, 3), x) },
    mul: { build: (g, x) => g.mul(x, g.sigmoid(x)) },
    'mul with a column': { build: (g, x) => g.mul(x, g.sumLast(x)) },
    'sub of a column': { build: (g, x) => g.mul(x, g.sub(x, g.meanLast(x))) },
    neg: { build: (g, x) => g.neg(x) },
    exp: { build: (g, x) => g.exp(x) },
    log: { data: positive, build: (g, x) => g.log(x) },
    sigmoid: { build: (g, x) => g.sigmoid(x) },
    tanh: { build: (g, x) => g.tanh(x) },
    'split, one part unused': {
      build: (g, x) => {
        const [a, , b] = g.split(-1, x, [1, 1, 2]);
        return g.mul(b!, a!);
      },
    },
    'split and concat of rows': {
      build: (g, x) => {
        const [a, b] = g.split(0, x, [1, 2]);
        return g.mul(g.concat(0, [g.exp(b!), a!]), x);
      },
    },
    'concat of columns': { build: (g, x) => g.concat(-1, [x, g.exp(x)]) },
    softplus: { build: (g, x) => g.softplus(x) },
    relu: { build: (g, x) => g.relu(x) },
    silu: { build: (g, x) => g.silu(x) },
    softmax: { build: (g, x) => g.softmax(x) },
    'matmul left': { build: (g, x) => g.matmul(x, g.constant([1, 2, 3, -1, 0, 2, 1, 1], [4, 2])) },
    'matmul right, transposed': {
      build: (g, x) => g.matmul(g.constant([1, -2, 3, 1], [1, 4]), x, { transposeB: true }),
    },
    'matmul with itself': { build: (g, x) => g.matmul(x, x, { transposeA: true }) },
    batchMatmul: {
      build: (g, x) =>
        g.batchMatmul(g.reshape(x, [1, 3, 4]), g.transpose(g.reshape(x, [1, 3, 4]), [0, 2, 1])),
    },
    expand: { build: (g, x) => g.expand(g.sumLast(x), [3, 4]) },
    gather: { build: (g, x) => g.gather(x, g.constant([2, 0], [2], 'int64')) },
    scatter: { build: (g, x) => g.scatter(x, g.constant([4, 0, 2], [3], 'int64'), [6, 4]) },
    rmsNorm: { build: (g, x) => g.rmsNorm(x, g.constant([1, 2, 0.5, -1], [4]), 1e-5)[0] },
    'tokenLogprobs with a soft cap': {
      build: (g, x) =>
        g.tokenLogprobs(
          x,
          g.constant([1, 2, 3, 4, 0, 1, -1, 2, 2, 0, 1, 1], [3, 4]),
          g.constant([2, 0, 1], [3], 'int64'),
          2,
        )[0],
    },
    tokenLogprobs: {
      build: (g, x) =>
        g.tokenLogprobs(
          x,
          g.constant([1, 2, 3, 4, 0, 1, -1, 2, 2, 0, 1, 1], [3, 4]),
          g.constant([2, 0, 1], [3], 'int64'),
        )[0],
    },
  };
  test.each(Object.entries(cases))('%s', async (_name, { data = (x) => x, build }) => {
    const graph = new Graph();
    const x = graph.parameter('x', [3, 4]);
    const y = build(graph, x);
    // A weighted sum, so that no gradient is constant by symmetry.
    const rows = y.shape.length === 2 ? y : graph.reshape(y, [3, 3]);
    const weights = graph.constant([...random('w', Number(rows.shape[1]))], [Number(rows.shape[1])]);
    const loss = graph.sumAll(graph.mul(rows, weights));
    graph.output('loss', loss);
    for (const [name, gradient] of addGradients(graph, loss)) graph.output(`gradient:${name}`, gradient);
    await using session = await Session.create(graph, new Map(), { placement: 'fed' });
    const values = data(random('x', 12, 0.7));
    expect(await worstError(session, { x: float32(values, [3, 4]) }, { x: values }, 1e-2)).toBeLessThan(5e-3);
  });
});

test('dropoutMask keeps its share of every row and column, scaled', async () => {
  const [N, D, probability] = [400, 300, 0.3];
  const graph = new Graph();
  const mask = graph.dropoutMask(
    graph.input('rows', [N, 1], 'int64'),
    graph.input('columns', [1, D], 'int64'),
    probability,
  );
  graph.output('mask', mask);
  await using session = await Session.create(graph, new Map(), { placement: 'fed' });
  const integers = (seed: string, length: number) => {
    const stream = rng(seed);
    return Array.from({ length }, () => 1 + Math.floor(stream.next() * (DROPOUT_PRIME - 1)));
  };
  const feeds = { rows: int64(integers('r', N), [N, 1]), columns: int64(integers('c', D), [1, D]) };
  const values = (await session.run(feeds, { mask: null }))['mask']!.data as Float32Array;
  const kept = (i: number, j: number): number => Number(values[i * D + j]! > 0);
  const share = (count: number, of: (i: number) => number): number =>
    Array.from({ length: count }, (_, i) => of(i)).reduce((a, b) => a + b, 0) / count;
  expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.7)]));
  expect(share(N, (i) => share(D, (j) => kept(i, j)))).toBeCloseTo(0.7, 2);
  for (let i = 0; i < N; i++) expect(Math.abs(share(D, (j) => kept(i, j)) - 0.7)).toBeLessThan(0.13);
  for (let j = 0; j < D; j++) expect(Math.abs(share(N, (i) => kept(i, j)) - 0.7)).toBeLessThan(0.13);
  // Two rows agree as often as independent ones: 0.7^2 + 0.3^2.
  const agree = share(N - 1, (i) => share(D, (j) => Number(kept(i, j) === kept(i + 1, j))));
  expect(agree).toBeCloseTo(0.58, 2);
});

const TINY: ModelConfig = {
  architecture: 'llama',
  vocabularySize: 31,
  hiddenSize: 16,
  layers: 2,
  intermediateSize: 24,
  heads: 4,
  kvHeads: 2,
  headSize: 4,
  normEpsilon: 1e-5,
  contextLength: 64,
  tied: true,
  ropes: [plainRope(4, 10000)],
  attention: [
    { windowed: false, rope: 0 },
    { windowed: false, rope: 0 },
  ],
  window: null,
  attentionScale: 0.5,
  attentionSoftcap: null,
  logitSoftcap: null,
  embeddingScale: 1,
  residualScale: 1,
  logitScale: 1,
  biases: [],
};

/** Two pairs, each with its prompt; the two prompts begin alike. Completions have three tokens. */
const SEQUENCES: readonly TokenSequence[] = [
  { prompt: [5, 6, 9], completion: [3, 5, 7] },
  { prompt: [5, 6, 2, 8], completion: [1, 2, 9] },
  { prompt: [5, 6, 9], completion: [30, 4, 4] },
  { prompt: [5, 6, 2, 8], completion: [8, 8, 0] },
];
const padded = (config: ModelConfig) => ({ config, tokenizer: { paddingToken: 0 } });

function tinyModel(groups: 1 | 2) {
  const weights = new Map<string, Float32Array>();
  for (const [name, shape] of expectedShapes(TINY)) {
    const size = shape.reduce((a, b) => a * b, 1);
    weights.set(name, name.includes('norm') ? new Float32Array(size).fill(1) : random(name, size, 0.3));
  }
  const adapter = freshAdapter(TINY, {
    rank: 2,
    alpha: 4,
    targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    seed: 7,
  });
  const feeds = sequenceFeeds(padded(TINY), SEQUENCES, groups);
  return { weights, adapter, feeds };
}

const blocks = (from: number): Float32Array =>
  Float32Array.from({ length: 24 }, (_, i) => Number(Math.floor((i % 12) / 3) === from + Math.floor(i / 12)));

describe('a whole model', () => {
  const column = (...values: number[]): Tensor => float32(Float32Array.from(values), [2, 1]);
  const dpoFeeds = {
    chosen_tokens: float32(blocks(0), [2, 12]),
    rejected_tokens: float32(blocks(2), [2, 12]),
    reference_chosen: column(-9, -10),
    reference_rejected: column(-10, -12),
    weight: column(0.5, 0.5),
  };
  const tokenWeight = { token_weight: float32(new Float32Array(12).fill(1 / 12), [1, 12]) };

  test.each([
    ['sft', sftLoss, tokenWeight],
    ['dpo', preferenceLoss({ loss: 'sigmoid', beta: 0.1, nll: 0 }), dpoFeeds],
    [
      'dpo with nll',
      preferenceLoss({ loss: 'sigmoid', beta: 0.3, nll: 0.5 }),
      { ...dpoFeeds, ...tokenWeight },
    ],
    ['hinge', preferenceLoss({ loss: 'hinge', beta: 0.1, nll: 0 }), dpoFeeds],
  ])('%s: adapter gradients', async (_name, lossOf, lossFeeds) => {
    const { weights, adapter, feeds } = tinyModel(lossOf === sftLoss ? 1 : 2);
    for (const [name, data] of adapter.matrices) data.set(random(`${name}!`, data.length, 0.3));
    const graph = trainingGraph(TINY, adapter.shape, 2, lossOf);
    await using session = await Session.create(graph, weights, { placement: 'fed' });
    const all = { ...feeds, ...lossFeeds, ...adapterFeeds(adapter) };
    expect(await worstError(session, all, Object.fromEntries(adapter.matrices), 2e-3)).toBeLessThan(2e-2);
  });

  test('a fresh adapter gives the DPO loss ln 2 against the base model', async () => {
    const { weights, adapter, feeds } = tinyModel(2);
    const graph = trainingGraph(
      TINY,
      adapter.shape,
      2,
      preferenceLoss({ loss: 'sigmoid', beta: 0.1, nll: 0 }),
    );
    await using session = await Session.create(graph, weights, { placement: 'fed' });
    const first = await session.run({ ...feeds, ...dpoFeeds, ...adapterFeeds(adapter) }, { logp: null });
    const sums = (from: number): number =>
      (first['logp']!.data as Float32Array).slice(from * 3, from * 3 + 3).reduce((a, b) => a + b, 0);
    const references = {
      reference_chosen: column(sums(0), sums(1)),
      reference_rejected: column(sums(2), sums(3)),
    };
    const { loss } = await session.run(
      { ...feeds, ...dpoFeeds, ...references, ...adapterFeeds(adapter) },
      { loss: null },
    );
    expect((loss!.data as Float32Array)[0]).toBeCloseTo(Math.LN2, 6);
  });

  test.each([
    ['everything', TINY],
    ['a window', { ...TINY, window: 3, attention: [{ windowed: true, rope: 0 }, TINY.attention[1]!] }],
  ])('what sequences share runs once and changes nothing: layers that see %s', async (_name, config) => {
    const { weights } = tinyModel(1);
    await using session = await Session.create(scoringGraph(config, null), weights, { placement: 'fed' });
    const logp = async (sequences: readonly TokenSequence[], groups: number): Promise<Float32Array> => {
      const feeds = sequenceFeeds(padded(config), sequences, groups);
      return (await session.run(feeds, { logp: null }))['logp']!.data as Float32Array;
    };
    const alone: number[] = [];
    for (const sequence of SEQUENCES) alone.push(...(await logp([sequence], 1)));
    const unshared = SEQUENCES.map((s, i) => ({ ...s, prompt: [i + 10, ...s.prompt] }));
    const shifted: number[] = [];
    for (const sequence of unshared) shifted.push(...(await logp([sequence], 1)));
    const expectClose = (ours: Float32Array, theirs: readonly number[]): void =>
      theirs.forEach((x, i) => expect(ours[i]).toBeCloseTo(x, 5));
    for (const groups of [1, 2, 4]) expectClose(await logp(SEQUENCES, groups), alone);
    for (const groups of [1, 2]) expectClose(await logp(unshared, groups), shifted);
    // The trunk is really shared: rows are fewer than without one.
    const rows = (sequences: readonly TokenSequence[]) =>
      sequenceFeeds(padded(config), sequences, 2)['ids']!.size;
    expect(rows(SEQUENCES)).toBe(2 * 3 + 4 * 3);
    expect(rows(unshared)).toBe(2 * 1 + 4 * 7);
  });
});
