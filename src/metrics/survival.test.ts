import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { brokenWithin, medianQueries, type Spent, survival } from './survival.ts';

const of = (...spent: (number | `${number}+`)[]): Spent[] =>
  spent.map((each) => ({
    queries: Number.parseInt(String(each), 10),
    broken: !String(each).endsWith('+'),
  }));

test('by hand: 1, 2, 2+, 3, 4+', () => {
  const steps = survival(of(1, 2, '2+', 3, '4+'));
  expect(steps.map(({ queries, atRisk }) => [queries, atRisk])).toEqual([
    [1, 5],
    [2, 4],
    [3, 2],
  ]);
  // S: 4/5, 4/5 * 3/4, 4/5 * 3/4 * 1/2
  for (const [i, expected] of [0.2, 0.4, 0.7].entries()) expect(steps[i]!.broken).toBeCloseTo(expected, 12);
  // Greenwood's sum at 3: 1/20 + 1/12 + 1/2; half = 1.96 sqrt(0.63333) / |ln 0.3|
  const half = (1.959963984540054 * Math.sqrt(0.05 + 1 / 12 + 0.5)) / -Math.log(0.3);
  expect(steps[2]!.low).toBeCloseTo(1 - 0.3 ** Math.exp(-half), 12);
  expect(steps[2]!.high).toBeCloseTo(1 - 0.3 ** Math.exp(half), 12);
  expect(medianQueries(of(1, 2, '2+', 3, '4+')).value).toBe(3);
});

test('nothing broken: the median is not reached, and the share has an upper bound', () => {
  const spent = of('5+', '5+', '5+');
  expect(medianQueries(spent)).toEqual({ value: null, low: null, high: null });
  // 1 - 0.025^(1/3)
  expect(brokenWithin(spent, 5)).toMatchObject({ broken: 0, low: 0, atRisk: 3 });
  expect(brokenWithin(spent, 5)!.high).toBeCloseTo(1 - 0.025 ** (1 / 3), 6);
  expect(brokenWithin(spent, 6)).toBeNull();
  expect(brokenWithin([], 1)).toBeNull();
});

test('intervals hold the share and stay within 0 and 1; shares grow; without censoring it is the plain share', () => {
  const one = fc.record({ queries: fc.integer({ min: 1, max: 9 }), broken: fc.boolean() });
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 30 }), (spent) => {
      let before = 0;
      for (const { broken, low, high } of survival(spent)) {
        expect(broken).toBeGreaterThan(before);
        before = broken;
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low - 1e-9).toBeLessThanOrEqual(broken);
        expect(high + 1e-9).toBeGreaterThanOrEqual(broken);
      }
      const all = spent.map(({ queries }) => ({ queries, broken: true }));
      expect(brokenWithin(all, 4)?.broken ?? 0).toBeCloseTo(
        all.filter(({ queries }) => queries <= 4).length / all.length,
        9,
      );
    }),
  );
});
