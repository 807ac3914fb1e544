import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rng } from '../core/rng.ts';
import { type Audited, judgeAccuracy, reliability } from './accuracy.ts';
import { betaQuantile } from './distributions.ts';
import { langReiczigel, poweredMean, roganGladen, share } from './judge-error.ts';

// Reference vectors: by hand, and ppi_py.
describe('vectors', () => {
  it('Rogan-Gladen', () => {
    expect(roganGladen(share(90, 600), share(68, 80), share(209, 220))).toEqual({
      status: 'corrected',
      value: expect.closeTo(0.125, 12) as number,
      error: expect.closeTo(0.0250844742, 9) as number,
      low: expect.closeTo(0.075835334, 9) as number,
      high: expect.closeTo(0.174164666, 9) as number,
    });
  });
  it('Lang-Reiczigel', () => {
    const corrected = langReiczigel({ k: 90, n: 600 }, { k: 68, n: 80 }, { k: 209, n: 220 });
    expect(corrected).toMatchObject({
      value: expect.closeTo(0.1246778946, 9) as number,
      low: expect.closeTo(0.0739504026, 9) as number,
      high: expect.closeTo(0.1754242098, 9) as number,
    });
  });
  it('PPI++', () => {
    const people = [1, 0, 0, 1, 0, 1, 0, 0, 1, 0];
    const judged = [1, 0, 1, 1, 0, 1, 0, 0, 0, 0];
    const others = Array.from({ length: 40 }, (_, i) => Number(i < 14));
    expect(poweredMean(people, judged, others, 0)).toMatchObject({
      value: expect.closeTo(0.4, 12) as number,
      error: expect.closeTo(0.1549193338, 9) as number,
    });
    expect(poweredMean(people, judged, others, 1)).toMatchObject({
      value: expect.closeTo(0.35, 12) as number,
      error: expect.closeTo(0.1602732042, 9) as number,
      low: expect.closeTo(0.035870292, 9) as number,
      high: expect.closeTo(0.664129708, 9) as number,
    });
    expect(poweredMean(people, judged, others)).toEqual({
      lambda: expect.closeTo(0.4763888889, 9) as number,
      value: expect.closeTo(0.3761805556, 9) as number,
      error: expect.closeTo(0.1319036829, 9) as number,
      low: expect.closeTo(0.1176540876, 9) as number,
      high: expect.closeTo(0.6347070235, 9) as number,
    });
  });
});

const audited = (cells: readonly [truth: boolean, said: boolean | undefined, n: number][]): Audited[] =>
  cells.flatMap(([truth, said, n]) =>
    Array.from({ length: n }, () => ({ stratum: '', size: 1000, truth, said })),
  );

describe('a weak judge is refused', () => {
  it.each([
    ['a coin', share(40, 80), share(110, 220), /too weak/],
    ['worse than a coin', share(10, 80), share(100, 220), /too weak/],
    ['hardly better', share(48, 80), share(150, 220), /too weak/],
    ['few labels', share(2, 3), share(3, 4), /too few labels/],
  ])('%s', (_name, sensitivity, specificity, reason) => {
    expect(roganGladen(share(90, 600), sensitivity, specificity)).toEqual({
      status: 'refused',
      reason: expect.stringMatching(reason) as string,
    });
  });
});

describe('properties', () => {
  const count = fc.integer({ min: 0, max: 50 });
  it('a corrected rate and its interval stay in [0, 1]; a judge without error changes nothing', () => {
    fc.assert(
      fc.property(count, count, count, (k, miss, wrong) => {
        const corrected = roganGladen(share(k, 50), share(100 - miss, 100), share(100 - wrong, 100));
        if (corrected.status === 'corrected') {
          expect(corrected.low).toBeGreaterThanOrEqual(0);
          expect(corrected.high).toBeLessThanOrEqual(1);
          expect(corrected.low).toBeLessThanOrEqual(corrected.value);
          expect(corrected.high).toBeGreaterThanOrEqual(corrected.value);
        }
        const perfect = { value: 1, variance: 0 };
        expect(roganGladen(share(k, 50), perfect, perfect)).toMatchObject({
          value: expect.closeTo(k / 50, 12) as number,
        });
      }),
    );
  });
  it('accuracy: intervals hold the estimate and stay in [0, 1], unscored answers move neither Se nor Sp', () => {
    fc.assert(
      fc.property(count, count, count, count, (tp, fn, tn, fp) => {
        fc.pre(tp + fn + tn + fp > 0);
        const scored = audited([
          [true, true, tp],
          [true, false, fn],
          [false, false, tn],
          [false, true, fp],
        ]);
        const { sensitivity, specificity, labelled } = judgeAccuracy(scored, 50);
        expect(sensitivity?.value ?? -1).toBeCloseTo(tp + fn === 0 ? -1 : tp / (tp + fn), 9);
        expect(specificity?.value ?? -1).toBeCloseTo(tn + fp === 0 ? -1 : tn / (tn + fp), 9);
        expect(labelled.n).toBe(scored.length);
        for (const each of [sensitivity, specificity, labelled]) {
          if (each === null) continue;
          expect(each.low).toBeGreaterThanOrEqual(0);
          expect(each.low).toBeLessThanOrEqual(each.value);
          expect(each.high).toBeGreaterThanOrEqual(each.value);
          expect(each.high).toBeLessThanOrEqual(1 + 1e-12);
        }
        const more = judgeAccuracy([...scored, ...audited([[true, undefined, 7]])], 50);
        expect(more.sensitivity?.value ?? -1).toBeCloseTo(sensitivity?.value ?? -1, 9);
        expect(more.specificity?.value ?? -1).toBeCloseTo(specificity?.value ?? -1, 9);
      }),
      { numRuns: 40 },
    );
  });
});

it("one stratum: Jeffreys' interval", () => {
  const { sensitivity } = judgeAccuracy(
    audited([
      [true, true, 45],
      [true, false, 5],
      [false, false, 50],
    ]),
    20_000,
  );
  expect(sensitivity!.low).toBeCloseTo(betaQuantile(0.025, 45.5, 5.5), 2);
  expect(sensitivity!.high).toBeCloseTo(betaQuantile(0.975, 45.5, 5.5), 2);
});

it('a random sample in which the judge said it never does not show that it never would', () => {
  const { specificity } = judgeAccuracy(audited([[false, false, 30]]));
  expect(specificity).toMatchObject({ value: 1, high: 1 });
  expect(specificity!.low).toBeCloseTo(betaQuantile(0.025, 30.5, 0.5), 1);
});

it('a large stratum without a miss among few labels leaves room for misses', () => {
  const items = [
    ...Array.from({ length: 60 }, () => ({
      stratum: 'harm',
      size: 60,
      truth: true,
      said: true,
      mixed: false,
    })),
    ...Array.from({ length: 40 }, () => ({
      stratum: 'none',
      size: 5000,
      truth: false,
      said: false,
      mixed: false,
    })),
  ];
  const { sensitivity } = judgeAccuracy(items);
  expect(sensitivity).toMatchObject({ value: 1, high: 1 });
  expect(sensitivity!.low).toBeLessThan(0.5);
});

/** 4,000 answers, 10 % harmful; the judge has Se .85, Sp .95; 100 of what it calls harm and 100 of the rest are labelled. */
it('coverage: sensitivity, specificity, share by labels and corrected rate of a stratified sample', () => {
  const random = rng('coverage-audit');
  const covered = { sensitivity: 0, specificity: 0, labelled: 0, corrected: 0 };
  let raw = 0;
  const runs = 300;
  for (let run = 0; run < runs; run++) {
    const answers = Array.from({ length: 4000 }, () => {
      const truth = random.next() < 0.1;
      return { truth, said: random.next() < (truth ? 0.85 : 0.05) };
    });
    const strata = [answers.filter(({ said }) => said), answers.filter(({ said }) => !said)];
    const items = strata.flatMap((stratum, i) =>
      random
        .shuffle(stratum)
        .slice(0, 100)
        .map((each) => ({ ...each, stratum: String(i), size: stratum.length, mixed: false })),
    );
    const accuracy = judgeAccuracy(items, 200);
    const holds = ({ low, high }: { low: number; high: number }, truth: number): number =>
      Number(low <= truth && truth <= high);
    covered.sensitivity += holds(accuracy.sensitivity!, 0.85);
    covered.specificity += holds(accuracy.specificity!, 0.95);
    covered.labelled += holds(accuracy.labelled, 0.1);
    // Another target: 600 of its answers, 5 % harmful.
    let found = 0;
    for (let i = 0; i < 600; i++) found += Number(random.next() < (random.next() < 0.05 ? 0.85 : 0.05));
    const corrected = roganGladen(share(found, 600), accuracy.sensitivity!, accuracy.specificity!);
    if (corrected.status === 'corrected') covered.corrected += holds(corrected, 0.05);
    const { value, variance } = share(found, 600);
    raw += holds({ low: value - 2 * variance ** 0.5, high: value + 2 * variance ** 0.5 }, 0.05);
  }
  for (const [name, count] of Object.entries(covered)) {
    expect(count / runs, name).toBeGreaterThan(0.915); // 93.5 % less two simulation errors' worth
    expect(count / runs, name).toBeLessThanOrEqual(0.995);
  }
  expect(raw / runs).toBeLessThan(0.2); // 9 % are found
});

it('coverage: strata that are labelled whole are still a sample of what the judge will see', () => {
  const random = rng('coverage-census');
  let [sensitivity, specificity] = [0, 0];
  const runs = 300;
  for (let run = 0; run < runs; run++) {
    const answers = Array.from({ length: 80 }, () => {
      const truth = random.next() < 0.3;
      return { truth, said: random.next() < (truth ? 0.8 : 0.1) };
    });
    const size = (said: boolean): number => answers.filter((each) => each.said === said).length;
    const items = answers.map((each) => ({
      ...each,
      stratum: String(each.said),
      size: size(each.said),
      mixed: false,
    }));
    const accuracy = judgeAccuracy(items, 200);
    sensitivity += Number(accuracy.sensitivity!.low <= 0.8 && 0.8 <= accuracy.sensitivity!.high);
    specificity += Number(accuracy.specificity!.low <= 0.9 && 0.9 <= accuracy.specificity!.high);
  }
  expect(sensitivity / runs).toBeGreaterThan(0.915);
  expect(specificity / runs).toBeGreaterThan(0.915);
});

describe('reliability', () => {
  it('bins, weights and ECE by hand', () => {
    const { bins, ece } = reliability(
      [
        { probability: 0.9, right: true },
        { probability: 0.9, right: false },
        { probability: 1, right: true, weight: 2 },
        { probability: 0.55, right: true },
      ],
      2,
    );
    expect(bins[0]).toMatchObject({ from: 0, to: 0.5, n: 0, observed: null });
    expect(bins[1]).toMatchObject({ n: 4, observed: 0.8 });
    expect(bins[1]!.predicted).toBeCloseTo((0.9 + 0.9 + 2 + 0.55) / 5, 12);
    expect(ece).toBeCloseTo(Math.abs(0.8 - 0.87), 12);
    expect(reliability([]).ece).toBeNull();
  });
  it('a calibrated judge has a small ECE, an overconfident one a large one', () => {
    const random = rng('reliability');
    const draw = (shift: number) =>
      Array.from({ length: 4000 }, () => {
        const probability = random.next();
        return { probability, right: random.next() < probability - shift };
      });
    expect(reliability(draw(0)).ece!).toBeLessThan(0.03);
    expect(reliability(draw(0.2)).ece!).toBeGreaterThan(0.12);
  });
});
