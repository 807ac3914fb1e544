import { expect, test } from 'vitest';
import { tinyLlama, tinyPath, tinyStream, withTokens } from '../../test/tiny-fixture.ts';
import type { TemperError } from '../core/errors.ts';
import { loadAdapter } from '../engine/adapter.ts';
import { trainingGraph } from '../engine/build.ts';
import { tokenize } from './batches.ts';
import { sftLoss } from './losses.ts';
import { activationBytes, type Plan, requireTrainingMemory } from './memory.ts';
import { sftSchema } from './recipe.ts';

const model = withTokens(tinyLlama());
const adapter = loadAdapter(tinyPath('adapter'), model.config);

function plan(keys: object): Plan {
  const recipe = sftSchema.parse({ maxLength: 24, ...keys });
  const { examples } = tokenize(tinyStream(), model.tokenizer, recipe);
  return {
    graph: trainingGraph(model.config, adapter.shape, 1, sftLoss),
    recipe,
    examples,
    batches: [[...examples.keys()].slice(0, 8), [...examples.keys()].slice(8)],
    lengthOf: ({ prompt, chosen }) => prompt.length + chosen.length,
    sequencesOf: (members) => members.map(({ prompt, chosen }) => ({ prompt, completion: chosen })),
  };
}

test('activations grow with the tokens of a pass, and the advice fits', () => {
  const bytes = [32, 64, 1024].map((microBatchTokens) => activationBytes(model, plan({ microBatchTokens })));
  expect(bytes[0]!).toBeLessThan(bytes[1]!);
  expect(bytes[1]!).toBeLessThan(bytes[2]!);
  const room =
    1.21 * bytes[1]! + 24 * [...adapter.matrices.values()].reduce((sum, { length }) => sum + length, 0);
  expect(() => requireTrainingMemory(model, adapter, plan({ microBatchTokens: 64 }), room)).not.toThrow();
  const refused = (microBatchTokens: number, free: number): TemperError => {
    try {
      requireTrainingMemory(model, adapter, plan({ microBatchTokens }), free);
    } catch (error) {
      return error as TemperError;
    }
    throw new Error('not refused');
  };
  const { code, message, hint } = refused(1024, room);
  expect(code).toBe('resource');
  expect(message).toMatch(/^training takes .* are free \(activations of a pass of at most 1024 tokens/);
  const advised = Number(/^Set microBatchTokens to (\d+)/.exec(hint!)![1]);
  expect(() =>
    requireTrainingMemory(model, adapter, plan({ microBatchTokens: advised }), room),
  ).not.toThrow();
  expect(refused(1024, 1000).hint).toContain('--backend trl');
});
