import { expect, test } from 'vitest';
import { TemperError } from '../core/errors.ts';
import { tinyLlama } from '../../test/tiny-fixture.ts';
import { availableMemory, cacheBytes, requireMemory, weightBytes } from './memory.ts';

test('what fits passes; what does not is refused with the arithmetic and the setting', () => {
  const parts = { weights: 6e9, 'packed weights': 6e9, cache: 0.05e9 };
  expect(() => requireMemory('generation', parts, 'Use a smaller batch.', 12.1e9)).not.toThrow();
  let thrown: unknown;
  try {
    requireMemory('generation', parts, 'Use a smaller batch.', 8e9);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(TemperError);
  expect(thrown).toMatchObject({
    code: 'resource',
    message:
      'generation takes 12.1 GB of memory and 8.0 GB are free (weights 6.0 + packed weights 6.0 + cache 0.05)',
    hint: 'Use a smaller batch.',
  });
});

test('weights and cache by their shapes', () => {
  expect(weightBytes([[10, 3], [7]])).toBe(148);
  const { config } = tinyLlama();
  const { layers, kvHeads, headSize } = config;
  expect(cacheBytes(config, 5)).toBe(2 * 4 * 5 * layers * kvHeads * headSize);
  expect(availableMemory()).toBeGreaterThan(1e8);
});
