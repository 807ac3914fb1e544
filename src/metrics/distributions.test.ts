import fc from 'fast-check';
import { expect, it } from 'vitest';
import { chiSquareTail, normalCdf, normalQuantile, Z_95, Z_POWER_80 } from './distributions.ts';

it('the normal and chi-square, by their tables', () => {
  expect(normalQuantile(0.975)).toBeCloseTo(Z_95, 12);
  expect(normalQuantile(0.8)).toBeCloseTo(Z_POWER_80, 12);
  expect(normalCdf(-1)).toBeCloseTo(0.15865525393, 10);
  // McNemar's statistic for 15 and 5, without and with continuity correction
  expect(chiSquareTail(5, 1)).toBeCloseTo(0.0253473187, 9);
  expect(chiSquareTail(4.05, 1)).toBeCloseTo(0.0441713449, 9);
  expect(chiSquareTail(5.991464547, 2)).toBeCloseTo(0.05, 9);
  expect(chiSquareTail(18.30703805, 10)).toBeCloseTo(0.05, 9);
});

it('the quantile undoes the distribution function', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.0001, max: 0.9999, noNaN: true }), (p) => {
      expect(normalCdf(normalQuantile(p))).toBeCloseTo(p, 10);
    }),
  );
});

it('one degree of freedom is the square of a normal', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 6, noNaN: true }), (z) => {
      expect(chiSquareTail(z * z, 1)).toBeCloseTo(2 * (1 - normalCdf(z)), 10);
    }),
  );
});
