/** Several models, tries, strata and factors at once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rng } from '../core/rng.ts';
import { cochranQ, equalShares } from './heterogeneity.ts';
import { pairedDifference } from './paired.ts';
import { stratifiedDifference } from './stratified.ts';
import { attackSuccess, successAt } from './success.ts';
import { varianceSplit } from './variance.ts';

describe('heterogeneity', () => {
  it('by hand', () => {
    // 10/50 and 20/50: pooled .3, (5^2 + 5^2) / (50 .3 .7) = 4.7619, the 2 x 2 chi-square without correction
    const two = equalShares([
      { k: 10, n: 50 },
      { k: 20, n: 50 },
    ]);
    expect(two).toMatchObject({ statistic: expect.closeTo(4.7619047619, 9) as number, degrees: 1 });
    expect(two.p).toBeCloseTo(0.0290963, 6);
    // weights 100, 25: mean .12, Q = 100 x .02^2 + 25 x .08^2 = .2
    const q = cochranQ([
      { value: 0.1, error: 0.1 },
      { value: 0.2, error: 0.2 },
    ]);
    expect(q).toMatchObject({ statistic: expect.closeTo(0.2, 12) as number, degrees: 1, inconsistency: 0 });
  });
  it('nothing to compare has no p; all alike has p 1', () => {
    expect(equalShares([{ k: 3, n: 9 }]).p).toBeNull();
    expect(cochranQ([]).p).toBeNull();
    expect(
      equalShares([
        { k: 0, n: 9 },
        { k: 0, n: 20 },
      ]),
    ).toMatchObject({ statistic: 0, p: 1 });
  });
  it('finds a difference in 5 % of families without one', () => {
    const random = rng('heterogeneity');
    let [shares, q] = [0, 0];
    for (let run = 0; run < 2000; run++) {
      const counts = Array.from({ length: 4 }, () => {
        let k = 0;
        for (let i = 0; i < 100; i++) k += Number(random.next() < 0.2);
        return { k, n: 100 };
      });
      if (equalShares(counts).p! < 0.05) shares++;
      if (cochranQ(Array.from({ length: 4 }, () => ({ value: random.normal() * 0.3, error: 0.3 }))).p! < 0.05)
        q++;
    }
    for (const found of [shares, q]) expect(Math.abs(found / 2000 - 0.05)).toBeLessThan(0.015);
  });
});

describe('attack success at k', () => {
  it('by hand: 2 of 5 succeed; of 10 pairs 3 hold none', () => {
    expect(successAt(1, { scored: 5, succeeded: 2 })).toBeCloseTo(0.4, 12);
    expect(successAt(2, { scored: 5, succeeded: 2 })).toBeCloseTo(0.7, 12);
    expect(successAt(4, { scored: 5, succeeded: 2 })).toBe(1);
    expect(successAt(6, { scored: 5, succeeded: 2 })).toBeUndefined();
  });
  it('rises with k and with successes, within [0, 1]', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.nat(), (scored, seed) => {
        const succeeded = seed % (scored + 1);
        let before = 0;
        for (let k = 1; k <= scored; k++) {
          const now = successAt(k, { scored, succeeded })!;
          expect(now).toBeGreaterThanOrEqual(before - 1e-12);
          expect(now).toBeLessThanOrEqual(1);
          before = now;
        }
      }),
    );
  });
  it('without bias, and its interval covers', () => {
    const random = rng('success');
    let [sum, covered] = [0, 0];
    const truth = 0.4 * (1 - 0.9 ** 3) + 0.6 * (1 - 0.6 ** 3);
    const runs = 600;
    for (let run = 0; run < runs; run++) {
      const tries = Array.from({ length: 60 }, (_, i) => {
        const p = random.next() < 0.4 ? 0.1 : 0.4;
        let succeeded = 0;
        for (let n = 0; n < 5; n++) succeeded += Number(random.next() < p);
        return { cluster: String(i), scored: 5, succeeded };
      });
      const { value, low, high } = attackSuccess(tries, 3);
      sum += value!;
      if (low <= truth && truth <= high) covered++;
    }
    expect(sum / runs).toBeCloseTo(truth, 2);
    expect(Math.abs(covered / runs - 0.95)).toBeLessThan(0.015 + 0.018);
    expect(attackSuccess([{ cluster: 'a', scored: 2, succeeded: 1 }], 3)).toMatchObject({
      n: 0,
      unscored: 1,
    });
  });
});

describe('stratified paired difference', () => {
  const pair = (stratum: string, i: number, before: number | undefined, after: number | undefined) => ({
    stratum,
    cluster: `${stratum}${i}`,
    before,
    after,
  });
  it('by hand: strata of 4 and 2 pairs, weighted alike', () => {
    const pairs = [
      ...[1, 1, 1, 0].map((before, i) => pair('a', i, before, i === 0 ? 0 : before)), // -1/4
      ...[1, 0].map((before, i) => pair('b', i, before, 0)), // -1/2
      pair('b', 9, 1, undefined),
    ];
    const { value, n, strata, p } = stratifiedDifference(pairs, { weights: { a: 1, b: 1 } });
    expect(value).toBeCloseTo(-0.375, 12);
    expect({ n, strata, p }).toEqual({ n: 6, strata: 2, p: 0.5 });
    expect(stratifiedDifference(pairs).value).toBeCloseTo(-2 / 6, 12);
    expect(stratifiedDifference([])).toMatchObject({ value: null, p: null, low: -1, high: 1 });
  });
  it('one stratum is the plain difference', () => {
    const outcome = fc.constantFrom(0, 1, undefined);
    fc.assert(
      fc.property(fc.array(fc.tuple(outcome, outcome), { minLength: 1, maxLength: 40 }), (arms) => {
        const pairs = arms.map(([before, after], i) => pair('', i, before, after));
        const { value, low, high } = stratifiedDifference(pairs);
        const plain = pairedDifference(pairs).value;
        if (plain === null) expect(value).toBeNull();
        else expect(value).toBeCloseTo(plain, 12);
        expect(low).toBeLessThanOrEqual(value ?? 0);
        expect(high).toBeGreaterThanOrEqual(value ?? 0);
      }),
    );
  });
  it('covers where the strata differ, and finds nothing in 5 % where nothing changed', () => {
    const random = rng('stratified');
    const change = { a: [0.5, 0.2], b: [0.1, 0.1] } as const;
    let [covered, found] = [0, 0];
    const runs = 250;
    const draw = (after: (stratum: 'a' | 'b') => number) =>
      (['a', 'b'] as const).flatMap((stratum) =>
        Array.from({ length: stratum === 'a' ? 30 : 90 }, (_, i) =>
          pair(
            stratum,
            i,
            Number(random.next() < change[stratum][0]),
            Number(random.next() < after(stratum)),
          ),
        ),
      );
    for (let run = 0; run < runs; run++) {
      const { low, high } = stratifiedDifference(
        draw((stratum) => change[stratum][1]),
        { weights: { a: 1, b: 1 } },
      );
      if (low <= -0.15 && -0.15 <= high) covered++;
      if (run < 80 && stratifiedDifference(draw((stratum) => change[stratum][0])).p! < 0.05) found++;
    }
    expect(Math.abs(covered / runs - 0.95)).toBeLessThan(0.015 + 0.028);
    expect(found / 80).toBeLessThan(0.125);
  });
});

describe('variance split', () => {
  const crossing = (value: (s: number, j: number, t: number) => number, sizes = [3, 3, 4]) =>
    Array.from({ length: sizes[0]! }, (_, s) =>
      Array.from({ length: sizes[1]! }, (__, j) =>
        Array.from({ length: sizes[2]! }, (___, t) => ({
          value: value(s, j, t),
          levels: { simulator: `s${s}`, judge: `j${j}`, target: `t${t}` },
        })),
      ),
    ).flat(2);
  const factors = ['simulator', 'judge', 'target'] as const;

  it('by hand: one factor moves the figure', () => {
    // target effects 0, 1, 2, 3: sample variance 5 / 3, no residual
    const { mean, components, shares } = varianceSplit(
      crossing((_s, _j, t) => t),
      factors,
    );
    expect(mean).toBe(1.5);
    expect(components.target).toBeCloseTo(5 / 3, 12);
    expect(components).toMatchObject({ simulator: 0, judge: 0, residual: 0 });
    expect(shares).toMatchObject({ target: 1 });
    expect(
      varianceSplit(
        crossing(() => 2),
        factors,
      ).shares,
    ).toBeNull();
  });
  it('without bias over many draws', () => {
    const random = rng('variance');
    const sums = { simulator: 0, judge: 0, target: 0, residual: 0 };
    const runs = 400;
    for (let run = 0; run < runs; run++) {
      const effects = [2, 3, 1].map((sd) => Array.from({ length: 8 }, () => sd * random.normal()));
      const { components } = varianceSplit(
        crossing(
          (s, j, t) => effects[0]![s]! + effects[1]![j]! + effects[2]![t]! + random.normal() / 2,
          [8, 8, 8],
        ),
        factors,
      );
      for (const [name, value] of Object.entries(components)) sums[name as 'judge'] += value / runs;
    }
    expect(sums.simulator).toBeGreaterThan(3.6);
    expect(sums.simulator).toBeLessThan(4.4);
    expect(Math.abs(sums.judge - 9)).toBeLessThan(0.9);
    expect(Math.abs(sums.target - 1)).toBeLessThan(0.1);
    expect(Math.abs(sums.residual - 0.25)).toBeLessThan(0.01);
  });
  it('refuses a crossing with a gap', () => {
    expect(() => varianceSplit(crossing((s) => s).slice(1), factors)).toThrow(RangeError);
    expect(() => varianceSplit([{ value: 1, levels: { judge: 'a' } }], ['judge'])).toThrow(RangeError);
  });
});
