import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Graph } from '../engine/graph.ts';
import { float32 } from '../engine/feeds.ts';
import { Session } from '../engine/session.ts';
import { AdamW, scheduled } from './adamw.ts';
import { microBatches, planBatches } from './batches.ts';
import {
  type LossSettings,
  preferenceLoss,
  PREFERENCE_LOSSES,
  type PreferenceLoss,
  type PreferenceLosses,
} from './losses.ts';
import { dpoSchema } from './recipe.ts';

/** log pi_w = -42, log pi_l = -55, ref_w = -45, ref_l = -50: h = 8; 20 and 25 tokens, here as two entries each. */
type Settings = Partial<LossSettings> & { nll?: number; lossWeights?: number[] };
async function lossOf(loss: PreferenceLosses, settings: Settings = {}) {
  const graph = new Graph();
  const logp = graph.parameter('logp', ['M', 1]);
  const options = { loss, beta: 0.1, nll: 0, ...settings };
  graph.output('loss', preferenceLoss(options)(graph, logp));
  await using session = await Session.create(graph, new Map(), { placement: 'fed' });
  const one = (x: number) => float32(Float32Array.of(x), [1, 1]);
  const row = (...x: number[]) => float32(Float32Array.from(x), [1, 4]);
  const feeds = {
    logp: float32(Float32Array.of(-40, -2, -50, -5), [4, 1]),
    chosen_tokens: row(1, 1, 0, 0),
    rejected_tokens: row(0, 0, 1, 1),
    chosen_inverse_length: one(1 / 20),
    rejected_inverse_length: one(1 / 25),
    reference_chosen: one(-45),
    reference_rejected: one(-50),
    kl: one(2),
    weight: one(1),
    token_weight: row(1 / 20, 1 / 20, 0, 0),
  };
  return ((await session.run(feeds, { loss: null }))['loss']!.data as Float32Array)[0] as number;
}

/** -log sigma */
const nls = (x: number): number => Math.log1p(Math.exp(-x));
const sigma = (x: number): number => 1 / (1 + Math.exp(-x));

describe('losses', () => {
  // The first block are independent reference values; below are the formulas with r_w = 0.3 and r_l = -0.5.
  const values: [PreferenceLoss, Partial<LossSettings> & { nll?: number }, number][] = [
    ['sigmoid', {}, 0.3711006659],
    ['sigmoid', { nll: 1 }, 2.4711006659],
    ['conservative', { labelSmoothing: 0.1 }, 0.4511006659],
    ['robust', { labelSmoothing: 0.1 }, 0.2711006659],
    ['hinge', {}, 0.2],
    ['ipo', {}, 21.6225],
    ['sigmoid_norm', {}, 0.6758002977],
    ['simpo', { beta: 2, gamma: 0.5 }, 0.8543552445],
    ['orpo', {}, 2.163815187],
    ['kto', {}, (0.4750208125 + 0.3318122278) / 2],
    ['kto', { desirableWeight: 2, undesirableWeight: 0 }, 0.4750208125],
    [
      'exo_pair',
      { labelSmoothing: 0.1 },
      sigma(0.8) * (-nls(0.8) - Math.log(0.9)) + sigma(-0.8) * (-nls(-0.8) - Math.log(0.1)),
    ],
    ['nca_pair', {}, nls(0.3) + 0.5 * nls(-0.3) + 0.5 * nls(0.5)],
    ['bco_pair', {}, nls(0.3) + nls(0.5)],
    ['sppo_hard', {}, (3 - 5) ** 2 + (-5 + 5) ** 2],
    ['apo_zero', {}, 1 - sigma(0.3) + sigma(-0.5)],
    ['apo_down', {}, sigma(0.3) + 1 - sigma(0.8)],
  ];
  test.each(values)('%s %j: %d', async (loss, settings, value) => {
    expect(await lossOf(loss, settings)).toBeCloseTo(value, 5);
  });
  test.each<[PreferenceLoss[], Settings, number]>([
    [['sigmoid', 'hinge'], {}, 0.3711006659 + 0.2],
    [
      ['sigmoid', 'bco_pair'],
      { lossWeights: [0.8, 0.2], nll: 1 },
      0.8 * 0.3711006659 + 0.2 * (nls(0.3) + nls(0.5)) + 2.1,
    ],
    // Half of orpo, its likelihood included.
    [['hinge', 'orpo'], { lossWeights: [1, 0.5], nll: 9 }, 0.2 + 0.5 * 2.163815187],
  ])('%j added up, %j: %d', async (losses, settings, value) => {
    expect(await lossOf(losses, settings)).toBeCloseTo(value, 5);
  });
  test.each([
    [{ loss: ['sigmoid', 'sigmoid'] }, 'named twice'],
    [{ loss: ['sigmoid', 'hinge'], lossWeights: [1] }, '1 weights for 2 losses'],
    [{ lossWeights: [1, 2] }, '2 weights for one loss'],
    [{ loss: ['sigmoid', 'exo_pair'] }, 'exo_pair needs one above 0'],
    [{ loss: 'orpo', nll: 0, nllLength: 9, maxCompletionLength: 5 }, 'orpo has a likelihood of its own'],
    [{ loss: ['hinge', 'orpo'], nll: 0, nllLength: 9, maxCompletionLength: 5 }, 'orpo has a likelihood'],
  ])('%j is refused', (recipe, message) => {
    expect(dpoSchema.safeParse(recipe).error?.message).toContain(message);
  });
  test.each([
    { loss: 'orpo', nll: 0.1, nllLength: 9, maxCompletionLength: 5 },
    { loss: 'orpo', nll: 0, nllLength: null, maxCompletionLength: 5 },
    { loss: 'orpo', nll: 0, nllLength: 9 },
    { loss: 'sigmoid', nll: 0, nllLength: 9, maxCompletionLength: 5 },
  ])('%j says what it does', (recipe) => {
    expect(dpoSchema.safeParse(recipe).success).toBe(true);
  });
  test('each loss has a value above', () => {
    expect(new Set(values.map(([loss]) => loss))).toEqual(new Set(Object.keys(PREFERENCE_LOSSES)));
  });
  test('every loss says what it is and where it is from', () => {
    for (const entry of Object.values(PREFERENCE_LOSSES))
      expect(entry.description && entry.source).toBeTruthy();
  });
});

describe('AdamW', () => {
  test('first step moves each parameter by the learning rate against the sign of its gradient', () => {
    const parameters = new Map([['x', Float32Array.of(1, -2, 3)]]);
    const norm = new AdamW({ maxGradientNorm: 0 }).step(
      parameters,
      new Map([['x', Float32Array.of(3, -4, 0)]]),
      0.1,
    );
    expect(norm).toBeCloseTo(5);
    [0.9, -1.9, 3].forEach((value, i) => expect(parameters.get('x')![i]).toBeCloseTo(value, 5));
  });
  test('two steps by hand: g = 1 then 2, lr 0.1', () => {
    const parameters = new Map([['x', Float32Array.of(0)]]);
    const optimiser = new AdamW({ maxGradientNorm: 0 });
    for (const g of [1, 2]) optimiser.step(parameters, new Map([['x', Float32Array.of(g)]]), 0.1);
    const m = (0.9 * 0.1 + 0.2) / (1 - 0.81);
    const v = (0.999 * 0.001 + 0.004) / (1 - 0.999 ** 2);
    expect(parameters.get('x')![0]).toBeCloseTo(-0.1 - (0.1 * m) / Math.sqrt(v), 5);
  });
  test('decay shrinks what has no gradient; clipping bounds the norm', () => {
    const parameters = new Map([['x', Float32Array.of(10)]]);
    new AdamW({ weightDecay: 0.5 }).step(parameters, new Map([['x', Float32Array.of(0)]]), 0.1);
    expect(parameters.get('x')![0]).toBeCloseTo(9.5, 4);
  });
  test('schedules warm up and end near zero', () => {
    expect(scheduled('linear', 0, 10, 2)).toBe(0.5);
    expect(scheduled('linear', 2, 10, 2)).toBe(1);
    expect(scheduled('cosine', 6, 10, 2)).toBeCloseTo(0.5);
    expect(scheduled('constant', 9, 10, 0)).toBe(1);
  });
});

describe('batches', () => {
  test('an epoch holds each example once; a seed gives the same plan', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 90 }),
        fc.integer({ min: 1, max: 9 }),
        (lengths, batch) => {
          const plan = planBatches(lengths, { batch, epochs: 1, seed: 3 });
          expect(plan.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
          expect(plan.every((members) => members.length <= batch && members.length > 0)).toBe(true);
          expect(planBatches(lengths, { batch, epochs: 1, seed: 3 })).toEqual(plan);
        },
      ),
    );
  });
  test('micro-batches keep all members within the budget, or single', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 }), (lengths) => {
        const parts = microBatches(
          lengths.map((_, i) => i),
          lengths,
          256,
        );
        expect(parts.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
        for (const part of parts) {
          const widest = Math.max(...part.map((i) => lengths[i]!));
          expect(part.length === 1 || widest * part.length <= 256).toBe(true);
        }
      }),
    );
  });
});
