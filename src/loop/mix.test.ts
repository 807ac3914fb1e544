/** The data of a variant, and what DPO and a held-out loss take of them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PreferenceExample } from '../core/records.ts';
import { preferenceExample } from '../curation/example.ts';
import { planTraining } from '../training/batches.ts';
import { type Mix, ownMix } from '../training/mix.ts';
import { sftSchema } from '../training/recipe.ts';
import { mixed } from './mix.ts';
import { pairsFor } from './pairs.ts';

const example = (i: number, purpose: PreferenceExample['purpose'], source: string): PreferenceExample =>
  preferenceExample({
    prompt: [{ role: 'user', content: `Question ${i} of ${source}` }],
    chosen: [{ role: 'assistant', content: 'Yes' }],
    rejected: [{ role: 'assistant', content: 'No' }],
    purpose,
    category: 'theft',
    lineage: { source, chosenBy: 'x', rejectedBy: 'y' },
  });
const KINDS = [
  ['harm', 'finding'],
  ['harm', 'augmentation'],
  ['benign', 'look-alike'],
  ['general', 'general'],
  ['general', 'import'],
] as const;
const DATA = Array.from({ length: 50 }, (_, i) => {
  const [purpose, source] = KINDS[i % KINDS.length]!;
  return example(i, purpose, source);
});
const count = (examples: readonly PreferenceExample[], source: string): number =>
  examples.filter(({ lineage }) => lineage.source === source).length;

test('each kind as often as its purpose and its source weigh; without a mix the data are the data', () => {
  expect(mixed(DATA, undefined)).toBe(DATA);
  const of = mixed(DATA, { purposes: { benign: 2.5, harm: 0.5 }, sources: { augmentation: 0, finding: 3 } });
  expect(KINDS.map(([, source]) => count(of, source))).toEqual([15, 0, 25, 10, 10]);
});

test('a smaller part lies in a larger one, whatever else is there', () => {
  const weight = fc.double({ min: 0, max: 3, noNaN: true });
  fc.assert(
    fc.property(weight, weight, fc.integer({ min: 1, max: 50 }), (a, b, size) => {
      const data = DATA.slice(0, size);
      const [less, more] = [Math.min(a, b), Math.max(a, b)].map((each) => {
        const times = new Map<string, number>();
        for (const { id } of mixed(data, { purposes: { harm: each } }))
          times.set(id, (times.get(id) ?? 0) + 1);
        return times;
      });
      for (const [id, times] of less!) expect(more!.get(id)).toBeGreaterThanOrEqual(times);
      // In the order of the data, and nothing of what is not named is touched.
      const rest = mixed(data, { purposes: { harm: 0 } });
      expect(rest).toEqual(data.filter(({ purpose }) => purpose !== 'harm'));
    }),
  );
});

test('DPO takes what is repeated after everything else, and without repeats what it took before', () => {
  const recipe = { seed: 1, pairs: { harm: 12, benign: 12, general: 0 } } as Parameters<typeof pairsFor>[0];
  const once = pairsFor(recipe, DATA);
  expect(count(once, 'finding')).toBe(10); // what broke before the rest
  const twice = pairsFor(recipe, mixed(DATA, { purposes: { benign: 2 } }));
  expect(new Set(twice.filter(({ purpose }) => purpose === 'benign')).size).toBe(10);
  expect(count(twice, 'look-alike')).toBe(12);
  expect(twice.filter(({ purpose }) => purpose === 'harm')).toHaveLength(12);
});

test('repeats hold out no more examples than there were to be', () => {
  const recipe = sftSchema.parse({ evaluateEvery: 1, evaluationShare: 0.2 });
  for (const times of [1, 3, 10]) {
    const ids = mixed(DATA, { purposes: { general: times } }).map(({ id }) => id);
    const { held, trained } = planTraining(
      ids.map(() => 10),
      recipe,
      ids,
    );
    expect([new Set(held.map((i) => ids[i])).size, held.length]).toEqual([10, 10]);
    expect(new Set(trained.map((i) => ids[i])).size).toBe(40);
  }
});

test('what the held-out loss is of is not learnt under another number', () => {
  const recipe = sftSchema.parse({ evaluateEvery: 1, evaluationShare: 0.2 });
  const data = mixed(DATA, { purposes: { general: 3 } });
  const ids = data.map(({ id }) => id);
  const lengths = ids.map(() => 5);
  const { trained, held } = planTraining(lengths, recipe, ids);
  const measured = new Set(held.map((i) => ids[i]));
  expect(held.length).toBeGreaterThan(0);
  expect(trained.filter((i) => measured.has(ids[i]!))).toEqual([]);
  expect(planTraining(lengths, recipe).trained.length).toBeGreaterThan(trained.length);
});

test('weights of one change nothing', () => {
  const cases: [Mix | undefined, Mix | undefined][] = [
    [undefined, undefined],
    [{}, undefined],
    [{ purposes: { harm: 1 }, sources: {} }, undefined],
    [{ purposes: { harm: 1, benign: 2 } }, { purposes: { benign: 2 } }],
  ];
  for (const [written, own] of cases) expect(ownMix(written)).toEqual(own);
});
