import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rng } from '../core/rng.ts';
import { confusionMatrix, gwet, krippendorff, weightedKappa } from './agreement.ts';
import { itemBootstrap } from './bootstrap.ts';

const A = [0, 0, 1, 2, 3, 4, 5, 7, 6, 2];
const B = [0, 1, 1, 2, 4, 4, 4, 7, 7, 0];
const severities = confusionMatrix(
  A.map((a, i) => [a, B[i]!] as const),
  8,
);
const table = [
  [45, 5],
  [10, 40],
];

// Reference vectors: sklearn, irrCAC, krippendorff, and the published example.
describe('vectors', () => {
  it('kappa', () => {
    expect(weightedKappa(table, 'nominal')).toBeCloseTo(0.7, 12);
    expect(weightedKappa(severities, 'nominal')).toBeCloseTo(0.4252873563, 9);
    expect(weightedKappa(severities, 'linear')).toBeCloseTo(0.7810218978, 9);
    expect(weightedKappa(severities)).toBeCloseTo(0.9310344828, 9);
  });
  it('AC1 and AC2, and the paradox of rare harm', () => {
    expect(gwet(table)).toBeCloseTo(0.7007481297, 9);
    expect(gwet(severities, 'quadratic')).toBeCloseTo(0.9323181049, 9);
    const rare = [
      [93, 2],
      [3, 2],
    ];
    expect(weightedKappa(rare)).toBeCloseTo(0.4186046512, 9);
    expect(gwet(rare)).toBeCloseTo(0.9452983972, 9);
  });
  it("Krippendorff's textbook example, four raters with gaps", () => {
    const raters = [
      '1 2 3 3 2 1 4 1 2 . . .',
      '1 2 3 3 2 2 4 1 2 5 . 3',
      '. 3 3 3 2 3 4 2 2 5 1 .',
      '1 2 3 3 2 4 4 1 2 5 1 .',
    ].map((row) => row.split(' ').map((text) => (text === '.' ? undefined : Number(text))));
    const units = raters[0]!.map((_, unit) => raters.map((row) => row[unit]));
    expect(krippendorff(units, 'nominal')).toBeCloseTo(0.7434210526, 9);
    expect(krippendorff(units, 'ordinal')).toBeCloseTo(0.8153875038, 9);
    expect(krippendorff(units, 'interval')).toBeCloseTo(0.8491071429, 9);
    expect(
      krippendorff(
        A.map((a, i) => [a, B[i]]),
        'ordinal',
      ),
    ).toBeCloseTo(0.8960708783, 9);
  });
});

const ratings = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 })), {
  minLength: 1,
  maxLength: 40,
});

describe('properties', () => {
  it('at most 1, 1 for the same ratings, the same with the raters swapped', () => {
    fc.assert(
      fc.property(ratings, fc.constantFrom('nominal', 'linear', 'quadratic'), (pairs, kind) => {
        const matrix = confusionMatrix(pairs, 5);
        const swapped = confusionMatrix(
          pairs.map(([a, b]) => [b, a] as const),
          5,
        );
        const same = confusionMatrix(
          pairs.map(([a]) => [a, a] as const),
          5,
        );
        for (const coefficient of [weightedKappa, gwet]) {
          expect(coefficient(matrix, kind) ?? 0).toBeLessThanOrEqual(1 + 1e-12);
          expect(coefficient(swapped, kind) ?? 0).toBeCloseTo(coefficient(matrix, kind) ?? 0, 9);
          expect(coefficient(same, kind) ?? 1).toBeCloseTo(1, 9);
        }
        const alpha = krippendorff(pairs, 'ordinal');
        expect(alpha ?? 0).toBeLessThanOrEqual(1 + 1e-12);
        const again = krippendorff(
          pairs.map(([a, b]) => [b, undefined, a]),
          'ordinal',
        );
        expect(again ?? 0).toBeCloseTo(alpha ?? 0, 9);
      }),
    );
  });
  it('what cannot be told is null', () => {
    expect(weightedKappa(confusionMatrix([[1, 1]], 3))).toBeNull();
    expect(gwet(confusionMatrix([], 3))).toBeNull();
    expect(krippendorff([[1], [2, undefined]], 'nominal')).toBeNull();
    expect(krippendorff([[1, 1]], 'nominal')).toBeNull();
  });
});

it('the bootstrap interval of kappa covers the true one', () => {
  const random = rng('coverage-kappa');
  // truth 1 in 30 %, each rater right in 85 %: po = .745, both raters' share .15 + .7 x .3 = .36, pe = .5392
  const truth = (0.745 - 0.5392) / (1 - 0.5392);
  const kappa = (pairs: readonly (readonly [number, number])[]): number | null =>
    weightedKappa(confusionMatrix(pairs, 2), 'nominal');
  let covered = 0;
  const runs = 200;
  for (let run = 0; run < runs; run++) {
    const pairs = Array.from({ length: 150 }, () => {
      const is = Number(random.next() < 0.3);
      const rate = (): number => (random.next() < 0.85 ? is : 1 - is);
      return [rate(), rate()] as const;
    });
    const { low, high } = itemBootstrap(pairs, kappa, { draws: 199 })!;
    if (low <= truth && truth <= high) covered++;
  }
  expect(covered / runs).toBeGreaterThan(0.9);
  expect(covered / runs).toBeLessThan(0.99);
});
