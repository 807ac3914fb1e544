import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TemperError } from '../core/errors.ts';
import { type Config, configSchema, loadConfig, recipeVariants } from './config.ts';

const training = (...overrides: string[]): Config['training'] =>
  loadConfig(
    undefined,
    overrides.map((each) => `training.${each}`),
  ).training;

function problem(...overrides: string[]): string {
  try {
    training(...overrides);
  } catch (error) {
    expect(error).toMatchObject({ code: 'config' });
    return (error as TemperError).message;
  }
  return '';
}

test('a variant is the recipes with what it says otherwise, part by part', () => {
  const own = training(
    'dpo.beta=0.2',
    'variants.gentle={sft: {learningRate: 1e-4, opening: {weight: 2}}}',
    'variants.ipo.dpo={loss: ipo, pairs: {benign: 7}}',
    'variants.alone={sft: {seed: 3}, dpo: null}',
  );
  const [gentle, ipo, alone] = recipeVariants(own);
  expect(gentle).toEqual({
    name: 'gentle',
    sft: { ...own.sft, learningRate: 1e-4, opening: { ...own.sft.opening, weight: 2 } },
    dpo: own.dpo,
  });
  expect(ipo).toMatchObject({
    sft: own.sft,
    dpo: { ...own.dpo, loss: 'ipo', pairs: { ...own.dpo!.pairs, benign: 7 } },
  });
  expect(alone).toMatchObject({ sft: { seed: 3 }, dpo: null });
});

test('a variant may have a mix of the data: the same recipes of other data are other candidates', () => {
  const own = training(
    'variants.calm.mix={purposes: {benign: 2, general: 1}, sources: {augmentation: 0}}',
    'variants.calmer.mix.purposes.benign=3',
    'variants.fast.sft.seed=4',
  );
  const [calm, calmer, fast] = recipeVariants(own);
  expect(calm).toEqual({
    name: 'calm',
    sft: own.sft,
    dpo: own.dpo,
    mix: { purposes: { benign: 2 }, sources: { augmentation: 0 } },
  });
  expect(calmer!.mix).toEqual({ purposes: { benign: 3 } });
  expect(fast).not.toHaveProperty('mix');
  const told = problem('variants.a.mix={purpose: {harm: 1}}', 'variants.b.mix.purposes.harm=-1');
  expect(told).toContain('training.variants.a.mix.purpose: no such key; did you mean purposes?');
  expect(told).toContain('training.variants.b.mix.purposes.harm: ');
  expect(problem('variants.a.mix.sources={findings: 2}')).toContain('training.variants.a.mix.sources');
  expect(problem('variants.a.mix={purposes: {harm: 0, benign: 0, general: 0}}')).toContain(
    'nothing would be',
  );
});

test('a variant may be a recipe in a file, but for the shape of the adapter', () => {
  const folder = mkdtempSync(join(tmpdir(), 'temper-variants-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const own = training(`variants.ipo.dpo=${file('a.yaml', 'kind: dpo\nloss: ipo\n')}`);
  expect(recipeVariants(own)[0]!.dpo).toEqual({ ...own.dpo, loss: 'ipo' });
  const wrong = file('b.yaml', 'kind: dpo\nbeta: -1\n');
  expect(problem(`variants.ipo.dpo=${wrong}`)).toMatch(new RegExp(`^${wrong}: 1 problem\n  beta: `));
  expect(problem(`variants.ipo.sft=${wrong}`)).toContain('of the kind dpo');
  const shaped = file('c.yaml', 'kind: dpo\nlora: { rank: 4 }\n');
  expect(problem(`variants.ipo.dpo=${shaped}`)).toContain('has lora');
});

test('without DPO a variant may add one, at the defaults', () => {
  const [only] = recipeVariants(training('dpo=null', 'variants.ipo.dpo.loss=ipo'));
  expect(only!.dpo).toEqual({ ...configSchema.parse({}).training.dpo, loss: 'ipo' });
  expect(recipeVariants(training('dpo=null'))).toEqual([]);
});

test('without variants a configuration says nothing of them, so that its id stays', () => {
  expect(configSchema.parse({}).training).not.toHaveProperty('variants');
});

test('what a recipe may not say is told by its place', () => {
  const told = problem('variants.a.sft.learningRat=1', 'variants.b.dpo.beta=-1', 'variants.c.sft.patience=3');
  expect(told).toContain('training.variants.a.sft.learningRat: no such key');
  expect(told).toContain('training.variants.b.dpo.beta: ');
  expect(told).toContain('training.variants.c.sft.patience: it counts');
  expect(problem('variants.a.rank=4')).toContain('training.variants.a.rank: no such key');
  expect(problem('variants={"a: b": {sft: {seed: 2}}}')).toContain('a name has letters');
});

test('what is wrong is told once, where it stands', () => {
  const count = (...overrides: string[]): string => problem(...overrides).split('\n')[0]!;
  expect(count('variants.a={stf: {seed: 2}}')).toBe('--set: 1 problem');
  // What a variant takes over is of the recipes; what it says itself is not.
  const base = 'sft.learningRate=-1';
  expect(count(base, 'variants.a.sft.seed=2')).toBe('--set: 1 problem');
  expect(count(base, 'variants.a.sft.learningRate=-2')).toBe('--set: 2 problems');
});

test.each([
  ['nothing', 'variants.same={}'],
  ['what is there', 'variants.same.sft.epochs=1'],
  ['a mix of everything as it is', 'variants.same.mix={purposes: {harm: 1}}'],
  ['SFT alone, whose checkpoints are candidates in any case', 'variants.same.dpo=null'],
  ['what another variant says', 'variants={a: {sft: {seed: 2}}, same: {sft: {seed: 2}}}'],
])('a variant that adds no candidate is refused: %s', (_, override) => {
  expect(problem(override)).toMatch(/variants\.same: it trains nothing that/);
});
