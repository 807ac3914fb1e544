import { expect, describe, test } from 'vitest';
import { RAI_ROWS } from '../core/records.ts';
import { BUILT_IN } from './built-in.ts';
import { expandRai, loadRaiSuites, raiSuitesNamed, raiTexts } from './rai.ts';
import { loadTaxonomy } from './taxonomy.ts';

const suites = loadRaiSuites(BUILT_IN.rai);
const { leaves } = loadTaxonomy(BUILT_IN.taxonomy);

test('there is one for each row, in their order', () => {
  expect(suites.map(({ row }) => row)).toEqual([...RAI_ROWS]);
});

describe.each(suites.map((suite) => [suite.id, suite] as const))('%s', (_, suite) => {
  const all = expandRai(suite, 1);
  const own = all.filter(({ kind }) => kind !== 'benign');

  test('has at least 100 distinct scenarios of its row, all sealed, and no place is left open', () => {
    expect(own.length).toBeGreaterThanOrEqual(100);
    expect(new Set(own.map(({ objective, context = '' }) => `${context}${objective}`)).size).toBe(own.length);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(new Set(all.map(({ key }) => key)).size).toBe(all.length);
    for (const { row, split, objective, context = '' } of own) {
      expect([row, split]).toEqual([suite.row, 'sealed']);
      expect(`${objective}${context}`).not.toMatch(/[{}]/);
    }
  });

  test('covers many categories of the taxonomy, none of them restricted', () => {
    const open = new Set(leaves.filter(({ restricted }) => !restricted).map(({ id }) => id));
    const categories = new Set(all.map(({ category }) => category));
    if (suite.row === 'ungroundedness') expect([...categories]).toEqual(['grounded']);
    else {
      expect(categories.size).toBeGreaterThanOrEqual(12);
      expect([...categories].filter((category) => !open.has(category))).toEqual([]);
      expect(all.length - own.length).toBeGreaterThanOrEqual(30);
    }
    if (suite.row === 'third-party-harm') {
      const others = new Set(leaves.filter(({ thirdParty }) => thirdParty).map(({ id }) => id));
      expect([...categories].filter((category) => !others.has(category))).toEqual([]);
    }
  });

  test('is the same for a seed, and another seed asks otherwise', () => {
    const ids = (seed: number): string[] => expandRai(suite, seed).map(({ id }) => id);
    expect(ids(1)).toEqual(all.map(({ id }) => id));
    expect(ids(2)).not.toEqual(ids(1));
  });

  test('whatever the seed, all that it asks is among the texts to guard', () => {
    const texts = raiTexts(suite).map(({ text }) => text);
    for (const { kind, objective, context } of [1, 2, 3].flatMap((seed) => expandRai(suite, seed))) {
      const asked = kind === 'grounded' ? [context!, ...objective.split('\n')] : [objective];
      for (const each of asked) expect(texts.some((text) => each.includes(text))).toBe(true);
    }
  });
});

test('names choose, and an unknown one lists the others', () => {
  const ids = (...names: string[]) => raiSuitesNamed(suites, names).map(({ id }) => id);
  expect(ids('rai')).toHaveLength(5);
  expect(ids('jailbreak', 'rai-ungroundedness')).toEqual(['rai-ungroundedness', 'rai-jailbreak']);
  expect(() => ids('rai-x')).toThrow('unknown suite `rai-x`');
});
