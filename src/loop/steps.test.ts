/** The trainings of a round: their order, and which examples each learns from. */
import { expect, test } from 'vitest';
import { loadConfig } from '../config/config.ts';
import type { PreferenceExample } from '../core/records.ts';
import { learntBy, type RoundWords, trainingSteps, wordsFor } from './steps.ts';

const { sft, dpo, words } = loadConfig(undefined, []).training;
const names = (recipes: Parameters<typeof trainingSteps>[0]) =>
  trainingSteps(recipes).map(({ name }) => name);

const examples = (['harm', 'benign', 'general'] as const).flatMap((purpose) =>
  Array.from(
    { length: 20 },
    (_, i) =>
      ({
        id: `${purpose}-${i}`,
        purpose,
        rejected: [{ role: 'assistant', content: i % 2 === 0 ? 'worse' : '' }],
        lineage: { source: 'finding' },
      }) as unknown as PreferenceExample,
  ),
);
const recipe = (seed: number): RoundWords => ({
  ...words!,
  seed,
  examples: { harm: 5, benign: 30, general: 0 },
});

test('SFT, DPO, words; words follow DPO alone', () => {
  expect(names({ sft, dpo, words })).toEqual(['sft', 'dpo', 'words']);
  expect(names({ sft, dpo, words: null })).toEqual(['sft', 'dpo']);
  expect(names({ sft, dpo: null, words })).toEqual(['sft']);
});

test('words are learnt from so many of each purpose at most, drawn by the seed, those without a worse answer among them', () => {
  const drawn = wordsFor(recipe(1), examples);
  const counts = Object.groupBy(drawn, ({ purpose }) => purpose);
  expect([counts.harm?.length, counts.benign?.length, counts.general]).toEqual([5, 20, undefined]);
  expect(wordsFor(recipe(1), examples)).toEqual(drawn);
  expect(wordsFor(recipe(2), examples)).not.toEqual(drawn);
  expect(counts.benign?.some(({ rejected }) => rejected[0]?.content === '')).toBe(true);
});

test('SFT learns from all, DPO from pairs in which both answers mean something', () => {
  const [first, second, third] = trainingSteps({ sft, dpo, words: recipe(1) });
  expect(learntBy(first!, examples)).toBe(examples);
  expect(learntBy(second!, examples).every(({ rejected }) => rejected[0]?.content !== '')).toBe(true);
  expect(learntBy(third!, examples)).toEqual(wordsFor(recipe(1), examples));
});
