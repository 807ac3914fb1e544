import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Graph } from '../engine/graph.ts';
import { float32 } from '../engine/feeds.ts';
import { Session } from '../engine/session.ts';
import { AdamW, scheduled } from './adamw.ts';
import { microBatches, planBatches } from './batches.ts';
import { preferenceLoss, PREFERENCE_LOSSES, type PreferenceLoss } from './losses.ts';

/** log pi_w = -42, log pi_l = -55, ref_w = -45, ref_l = -50: h = 8, as two tokens a completion. */
async function lossOf(loss: PreferenceLoss, nll: number): Promise<number> {
  const graph = new Graph();
  const logp = graph.parameter('logp', ['M', 1]);
  graph.output('loss', preferenceLoss({ loss, beta: 0.1, nll })(graph, logp));
  await using session = await Session.create(graph, new Map(), { placement: 'fed' });
  const one = (x: number) => float32(Float32Array.of(x), [1, 1]);
  const row = (...x: number[]) => float32(Float32Array.from(x), [1, 4]);
  const feeds = {
    logp: float32(Float32Array.of(-40, -2, -50, -5), [4, 1]),
    chosen_tokens: row(1, 1, 0, 0),
    rejected_tokens: row(0, 0, 1, 1),
    reference_chosen: one(-45),
    reference_rejected: one(-50),
    weight: one(1),
    ...(nll > 0 ? { token_weight: row(1 / 20, 1 / 20, 0, 0) } : {}),
  };
  return ((await session.run(feeds, { loss: null }))['loss']!.data as Float32Array)[0] as number;
}

describe('losses', () => {
  test('sigmoid, hinge and sigmoid + NLL at the reference values', async () => {
    expect(await lossOf('sigmoid', 0)).toBeCloseTo(0.3711006659, 6);
    expect(await lossOf('hinge', 0)).toBeCloseTo(0.2, 6);
    expect(await lossOf('sigmoid', 1)).toBeCloseTo(2.4711006659, 6);
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
