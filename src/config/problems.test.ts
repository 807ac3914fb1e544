import { expect, test } from 'vitest';
import { TemperError } from '../core/errors.ts';
import { loadConfig } from './config.ts';
import { editDistance } from './problems.ts';

function told(override: string): string {
  try {
    loadConfig(undefined, [override]);
  } catch (error) {
    return (error as TemperError).message.split('\n').at(-1)!.trim();
  }
  return '';
}

test.each([
  ['suites.seald.harm=1', 'suites.seald: no such key; did you mean sealed?'],
  ['traning.sft.epochs=1', 'traning: no such key; did you mean training?'],
  ['training.sft.learningrate=1', 'training.sft.learningrate: no such key; did you mean learningRate?'],
  ['training.variants.a.sft.epoch=1', 'training.variants.a.sft.epoch: no such key; did you mean epochs?'],
  ['targets.a={model: embedded, pth: x}', 'targets.a.pth: no such key; did you mean path?'],
  [
    'curation.imports=[{path: a, format: b, limt: 1}]',
    'curation.imports.0.limt: no such key; did you mean limit?',
  ],
  ['rank=8', 'rank: no such key; did you mean training.lora.rank?'],
  ['gate.beta=1', 'gate.beta: no such key; did you mean training.dpo.beta?'],
  ['epochs=2', 'epochs: no such key; did you mean training.sft.epochs or training.dpo.epochs?'],
  ['target.nonsense=1', 'target.nonsense: no such key'],
  ['target.x=1', 'target.x: no such key'],
  ['target={__proto__: 1}', 'target.__proto__: no such key'],
  ['targets={__proto__: {model: embedded}}', 'targets.__proto__: no such key'],
  ['training.variants.a.sft={__proto__: 1, seed: 2}', 'training.variants.a.sft.__proto__: no such key'],
])('%s', (override, line) => {
  expect(told(override)).toBe(`--set ${line}`);
});

test('a key as long as a file brings no guess, and soon', () => {
  const key = 'maxTokens'.repeat(50_000);
  const started = performance.now();
  expect(told(`target.${key}=1`)).toBe(`--set target.${key}: no such key`);
  // Half a million letters beside each key of the target took a minute and more.
  expect(performance.now() - started).toBeLessThan(5000);
});

test('letters put in, left out, replaced or swapped', () => {
  expect(editDistance('', 'abc')).toBe(3);
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('form', 'from')).toBe(1);
  expect(editDistance('same', 'same')).toBe(0);
});
