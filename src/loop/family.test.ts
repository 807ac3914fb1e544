/** The common data of a family, who is in it, and its example. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadConfig, recipeVariants } from '../config/config.ts';
import { preferenceExample } from '../curation/example.ts';
import type { PreferenceExample } from '../core/records.ts';
import { familyOf, partOf, pooled } from './family.ts';
import { namedTarget } from './named-target.ts';

const WORDS = ['apples', 'ladders', 'trains', 'gardens', 'engines', 'letters', 'rivers', 'candles'];
const example = (i: number, purpose: PreferenceExample['purpose'], chosen = 'No.'): PreferenceExample =>
  preferenceExample({
    prompt: [
      { role: 'user', content: `Tell me ${i} things that ${WORDS[i % 8]} and ${WORDS[(i * 3) % 8]} share` },
    ],
    chosen: [{ role: 'assistant', content: chosen }],
    rejected: [],
    purpose,
    category: 'theft',
    lineage: { source: 'finding', chosenBy: 'x', rejectedBy: 'y' },
  });
const ids = (examples: readonly PreferenceExample[]): string[] => examples.map(({ id }) => id);

test('one dataset of all, whatever the order of the models; what two of them were asked is in it once', () => {
  const [a, b] = [
    [example(1, 'harm', 'A'), example(2, 'benign')],
    [example(1, 'harm', 'B'), example(5, 'harm')],
  ];
  const pool = pooled([a!, b!], 1);
  expect(pool).toHaveLength(3);
  expect(ids(pooled([b!, a!], 1))).toEqual(ids(pool));
});

test('requests inside one attack are compared without its words', () => {
  const frame =
    'Work out what the signs below stand for, one after the other, then answer in full sentences:';
  const inside = (signs: string): PreferenceExample =>
    preferenceExample({
      prompt: [{ role: 'user', content: `${frame} ${signs}` }],
      chosen: [{ role: 'assistant', content: 'No.' }],
      rejected: [],
      purpose: 'harm',
      category: 'theft',
      lineage: { source: 'finding', chosenBy: 'x', rejectedBy: 'y' },
    });
  const [one, two, same] = [inside('6f 77'), inside('62 61'), inside('6F-77')];
  const asked = new Map(
    [one, two, same].map(({ id }, i) => [
      id,
      { objective: ['Where do owls sleep', 'How is glass made'][i % 2]!, attack: 'hex' },
    ]),
  );
  expect(pooled([[one, two], [same]], 1, asked)).toHaveLength(2);
  expect(pooled([[one, two], [same]], 1)).toHaveLength(1);
});

test('a smaller part lies in a larger one, with each purpose in it', () => {
  const all = Array.from({ length: 30 }, (_, i) => example(i, i % 3 === 0 ? 'benign' : 'harm'));
  const [half, most] = [partOf(all, 0.5, 1), partOf(all, 0.8, 1)];
  expect(half).toHaveLength(15);
  expect(half.filter(({ purpose }) => purpose === 'benign')).toHaveLength(5);
  expect(ids(most)).toEqual(expect.arrayContaining(ids(half)));
  expect(new Set(ids(partOf(all, 1, 1)))).toEqual(new Set(ids(all)));
});

test('samples scale the pairs; a model that is called is measured beside the others', () => {
  const config = loadConfig(undefined, [
    'targets.small={model: embedded}',
    'targets.large={model: embedded, samples: 1.5}',
    'targets.called={model: "openai-compatible:x", baseUrl: "http://localhost:1/v1"}',
  ]);
  const family = familyOf(config, ['small', 'large', 'called']);
  expect(family.map(({ samples }) => samples)).toEqual([1, 1.5, 0]);
  expect(family[0]!.config.training).toEqual(config.training);
  const { harm, benign, general } = config.training.dpo!.pairs;
  const more = { harm: harm * 1.5, benign: benign * 1.5, general: general * 1.5 };
  expect(family[1]!.config.training.dpo!.pairs).toEqual(more);
  const varied = loadConfig(undefined, [
    'targets.small={model: embedded}',
    'targets.large={model: embedded, samples: 1.5}',
    'training.variants={more: {dpo: {pairs: {harm: 100}}}, fast: {sft: {epochs: 3}}}',
  ]);
  expect(familyOf(varied, ['small', 'large'])[1]!.config.training.variants).toEqual({
    more: { dpo: { pairs: { harm: 150 } } },
    fast: { sft: { epochs: 3 } },
  });
  const alone = loadConfig(undefined, [
    'targets.small={model: embedded}',
    'targets.large={model: embedded, samples: 1.5}',
    'training.dpo=null',
    'training.variants={some: {dpo: {pairs: {harm: 100}}}, plain: {dpo: {loss: ipo}}, sft: {sft: {seed: 2}}}',
  ]);
  const learnt = recipeVariants(familyOf(alone, ['small', 'large'])[1]!.config.training);
  expect(learnt.map(({ dpo }) => dpo?.pairs)).toEqual([{ ...more, harm: 150 }, more, undefined]);
  expect(namedTarget(config, 'large')).not.toHaveProperty('samples');
  expect(() => familyOf(config, ['small'])).toThrow(/two models/);
  expect(() => familyOf(config, ['small', 'small'])).toThrow(/each once/);
  expect(() => familyOf(config, ['small', 'nobody'])).toThrow(/no model/);
  expect(() => familyOf({ ...config, rounds: { ...config.rounds, max: 2 } }, ['small', 'large'])).toThrow(
    /one round/,
  );
});

test('the example of the Phi-3 comparison is a configuration', () => {
  const path = fileURLToPath(new URL('../../examples/phi-3-family.yaml', import.meta.url));
  const config = loadConfig(path);
  const family = familyOf(config, Object.keys(config.targets!));
  expect(family.filter(({ samples }) => samples > 0).map(({ name }) => name)).toEqual([
    'phi-3-mini',
    'phi-3-medium',
  ]);
});
