import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusterBootstrap, pairedClusterBootstrap } from './bootstrap.ts';
import { rng } from '../core/rng.ts';
import { benjaminiHochberg, holm } from './corrections.ts';
import { binomialPmf } from './distributions.ts';
import { mcnemar, pairedDifference, pairedTest, signFlip, waldDifference } from './paired.ts';
import type { Pair } from './paired.ts';
import {
  asJudged,
  designEffect,
  detectableDifference,
  jointOutcomes,
  mcnemarPairs,
  pairedItems,
  sizeForGap,
  twoProportions,
} from './power.ts';

const table = (b: number, c: number, n: number): Pair[] =>
  Array.from({ length: n }, (_, i) => ({
    cluster: String(i),
    before: Number(i < b),
    after: Number(i >= b && i < b + c),
  }));

// Reference vectors, computed with scipy, statsmodels and ppi_py.
describe('vectors', () => {
  it('McNemar', () => {
    expect(mcnemar(15, 5).p).toBeCloseTo(0.0413894653, 9);
    expect(mcnemar(15, 5).midP).toBeCloseTo(0.0266036987, 9);
    expect(mcnemar(5, 15)).toEqual(mcnemar(15, 5));
    expect(mcnemar(0, 0)).toEqual({ p: 1, midP: 1 });
    // As a sum of many terms it would be .9999999.
    for (const [b, c] of [
      [3, 3],
      [6, 7],
      [40, 39],
    ] as const)
      expect(mcnemar(b, c).p).toBe(1);
    expect(mcnemar(6, 8).p).toBeLessThan(1);
    expect(pairedTest(table(15, 5, 200))).toEqual({
      p: expect.closeTo(0.0413894653, 9),
      method: 'mcnemar-exact',
    });
  });

  it('paired difference', () => {
    const wald = waldDifference(15, 5, 200);
    expect(wald.value).toBeCloseTo(-0.05, 12);
    expect(wald.error).toBeCloseTo(0.0220794022, 9);
    expect(wald.low).toBeCloseTo(-0.093274833, 9);
    expect(wald.high).toBeCloseTo(-0.006725167, 9);
  });

  it('sign flip', () => {
    const before = [3, 0, 5, 1, 4, 2, 0, 6];
    const after = [1, 0, 2, 1, 1, 3, 0, 2];
    const falls = before.map((value, i) => value - (after[i] as number));
    expect(signFlip(falls)).toEqual({ twoSided: 0.125, oneSided: 0.0625, exact: true });
    const pairs = before.map((value, i) => ({ cluster: String(i), before: value, after: after[i] }));
    expect(pairedDifference(pairs, 7).value).toBe(-1.375);
    expect(pairedTest(pairs, 7)).toEqual({ p: 0.125, method: 'sign-flip-exact' });
  });

  it('Holm and Benjamini-Hochberg', () => {
    const p = [0.01, 0.04, 0.03, 0.005, 0.2];
    expect(holm(p)).toEqual([0.04, 0.09, 0.09, 0.025, 0.2].map((value) => expect.closeTo(value, 12)));
    expect(benjaminiHochberg(p)).toEqual(
      [0.025, 0.05, 0.05, 0.025, 0.2].map((value) => expect.closeTo(value, 12)),
    );
  });

  it('cluster bootstrap, all 46,656 resamples', () => {
    const result = clusterBootstrap([
      [1, 0, 0],
      [0, 0],
      [1, 1, 1, 0],
      [0, 0, 0],
      [0, 1],
      [0, 0, 0, 0],
    ]);
    expect(result.exact).toBe(true);
    expect(result.mean).toBeCloseTo(0.2750583044, 9);
    expect(result.standardDeviation).toBeCloseTo(0.1335373489, 9);
    expect(result.low).toBeCloseTo(0.0526315789, 9);
    expect(result.high).toBeCloseTo(0.55, 9);
  });

  it('sample sizes', () => {
    expect(twoProportions(0.12, 0.06)).toBeCloseTo(355.94, 2);
    expect(twoProportions(0.24, 0.12)).toBeCloseTo(159.72, 2);
    expect(twoProportions(0.12, 0.06, 'unpooled')).toBeCloseTo(353.2, 2);
    expect(twoProportions(0.12, 0.06, 'arcsine')).toBeCloseTo(347.47, 2);
    expect(mcnemarPairs(0.08, 0.02)).toBeCloseTo(215.65, 2);
    expect(mcnemarPairs(0.08, 0.02, { alpha: 0.05, power: 0.8 })).toBeCloseTo(215.65, 2);
    const design = (answers: number) =>
      ({ between: 1 / 9, within: [1 / 6, 1 / 6], answers: [answers, answers] }) as const;
    expect([1, 10, Infinity].map((k) => Math.ceil(pairedItems(0.03, design(k))))).toEqual([3876, 1260, 969]);
    expect(detectableDifference(198, design(1))).toBeCloseTo(0.1327, 4);
    expect(mcnemarPairs(0.05, 0.05)).toBe(Number.POSITIVE_INFINITY);
    expect(designEffect(4, 0.5)).toBe(2.5);
    expect(sizeForGap(100, 0.1, 0.05)).toBe(400);
    expect(sizeForGap(100, 0.1, 0)).toBeUndefined();
  });
});

it('paired cluster bootstrap: the same clusters in both arms', () => {
  const arms = [
    { before: [1, 0, 0], after: [0, 0, 0] },
    { before: [0, 0], after: [0] },
    { before: [1, 1, 1, 0], after: [1, 0] },
    { before: [0, 1], after: [0, 1] },
  ];
  const result = pairedClusterBootstrap(arms);
  expect(result.exact).toBe(true);
  // by hand over all 4^4 resamples
  let sum = 0;
  for (let i = 0; i < 256; i++) {
    const picks = [0, 1, 2, 3].map((place) => arms[(i >> (2 * place)) & 3]!);
    const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    sum += mean(picks.flatMap(({ after }) => after)) - mean(picks.flatMap(({ before }) => before));
  }
  expect(result.mean).toBeCloseTo(sum / 256, 12);
  const same = arms.map(({ before }) => ({ before, after: before }));
  expect(pairedClusterBootstrap(same)).toMatchObject({ low: 0, high: 0 });
});

it('what a judge sees of two arms: rates by Se and Sp, everything where it never errs', () => {
  const rates = fc.double({ min: 0.001, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(
      rates,
      rates,
      fc.double({ min: -1, max: 1, noNaN: true }),
      rates,
      rates,
      (p, q, phi, se, sp) => {
        const joint = jointOutcomes(p, q, phi);
        for (const share of joint) expect(share).toBeGreaterThanOrEqual(-1e-12);
        expect(joint[0] + joint[1]).toBeCloseTo(p, 12);
        expect(joint[0] + joint[2]).toBeCloseTo(q, 12);
        const seen = asJudged(joint, se, sp);
        expect(seen[0] + seen[1]).toBeCloseTo(p * se + (1 - p) * (1 - sp), 12);
        expect(seen.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
        expect(asJudged(joint, 1, 1)).toEqual(joint.map((share) => expect.closeTo(share, 12) as number));
      },
    ),
  );
});

it('the paired sample size has the power it says', () => {
  const random = rng('power');
  const [both, fixed, broken] = asJudged(jointOutcomes(0.24, 0.12, 0.3), 0.9, 0.95);
  const n = Math.ceil(mcnemarPairs(fixed, broken, { alpha: 0.05, power: 0.8 }));
  let found = 0;
  for (let run = 0; run < 2000; run++) {
    let [b, c] = [0, 0];
    for (let i = 0; i < n; i++) {
      const at = random.next() - both;
      if (at >= 0 && at < fixed) b++;
      else if (at >= fixed && at < fixed + broken) c++;
    }
    if (mcnemar(b, c).midP < 0.05) found++;
  }
  expect(found / 2000).toBeGreaterThan(0.77);
  expect(found / 2000).toBeLessThan(0.84);
});

const probability = fc.double({ min: 0, max: 1, noNaN: true });

describe('properties', () => {
  it('Holm is monotone, at least p, at most 1, and never below Benjamini-Hochberg', () => {
    fc.assert(
      fc.property(fc.array(probability, { maxLength: 40 }), (p) => {
        const adjusted = holm(p);
        const other = benjaminiHochberg(p);
        for (const [i, value] of adjusted.entries()) {
          expect(value).toBeGreaterThanOrEqual(p[i] as number);
          expect(value).toBeLessThanOrEqual(1);
          expect(value).toBeGreaterThanOrEqual((other[i] as number) - 1e-12);
          for (const [j, rest] of adjusted.entries()) {
            if ((p[i] as number) < (p[j] as number)) expect(value).toBeLessThanOrEqual(rest);
          }
        }
      }),
    );
  });

  it('the interval of a difference contains it and stays in [-1, 1]', () => {
    const score = fc.constantFrom(0, 1, undefined);
    const pair = fc.record({
      cluster: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      before: score,
      after: score,
    });
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 50 }), fc.boolean(), (pairs, alone) => {
        const used = alone ? pairs.map((one, i) => ({ ...one, cluster: String(i) })) : pairs;
        const { value, low, high, n, unscored } = pairedDifference(used);
        expect(n + unscored).toBe(pairs.length);
        expect(low).toBeGreaterThanOrEqual(-1);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThan(high);
        if (value !== null) {
          expect(low).toBeLessThanOrEqual(value);
          expect(high).toBeGreaterThanOrEqual(value);
        }
      }),
    );
  });

  it('Monte Carlo agrees with enumeration and is reproducible', () => {
    const values = [3, -1, 2, 5, -2, 1, 4, -3, 2, 2, 1, -1, 6, 2, -4, 1];
    const many = [...values, 1e-9, -1e-9]; // 18 clusters: too many to enumerate, same answer to 1e-9
    expect(signFlip(many).exact).toBe(false);
    expect(signFlip(many)).toEqual(signFlip(many));
    expect(Math.abs(signFlip(many).twoSided - signFlip(values).twoSided)).toBeLessThan(0.02);
  });

  // exact: sum over the trinomial of (b, c); n = 100 pairs, discordant 0.2 (0.15 / 0.05), true difference -0.1
  it.each([
    [30, 0.15, 0.05],
    [100, 0.15, 0.05],
    [100, 0.02, 0.01],
    [100, 0.3, 0.3],
  ])('coverage of the paired interval, n = %d, b %d, c %d', (n, pb, pc) => {
    let covered = 0;
    for (let changed = 0; changed <= n; changed++) {
      const weight = binomialPmf(changed, n, pb + pc);
      for (let b = 0; b <= changed; b++) {
        const { low, high } = pairedDifference(table(b, changed - b, n));
        if (low <= pc - pb && pc - pb <= high) covered += weight * binomialPmf(b, changed, pb / (pb + pc));
      }
    }
    expect(covered).toBeGreaterThan(0.935);
    expect(covered).toBeLessThan(0.99); // conservative where almost nothing changes
  });

  it('the exact McNemar test is never liberal', () => {
    for (const n of [5, 12, 40]) {
      let rejected = 0;
      for (let b = 0; b <= n; b++) if (mcnemar(b, n - b).p <= 0.05) rejected += binomialPmf(b, n, 0.5);
      expect(rejected).toBeLessThanOrEqual(0.05);
    }
  });
});
