/** The gradient by tokens against finite differences, and the search for a suffix, on tiny random models. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { rng } from '../../src/core/rng.ts';
import { EMBEDDING } from '../../src/engine/architecture.ts';
import { SHIFT, tokenGradientGraph } from '../../src/engine/build.ts';
import { float32, int64 } from '../../src/engine/feeds.ts';
import { type LoadedModel, loadModel } from '../../src/engine/model.ts';
import { scoreCompletions } from '../../src/engine/scorer.ts';
import { sequenceFeeds } from '../../src/engine/sequences.ts';
import { Session } from '../../src/engine/session.ts';
import { SuffixSearch } from '../../src/engine/suffix.ts';
import { suffixes } from '../../src/models/suffixes.ts';
import { tinyGguf } from '../tiny-model.ts';

let model: LoadedModel;
beforeAll(() => {
  model = loadModel(tinyGguf(join(mkdtempSync(join(tmpdir(), 'temper-suffix-')), 'tiny.gguf')));
});

test('the derivative by each token is what a little of that token changes', { timeout: 60_000 }, async () => {
  const prompt = model.tokenizer.encodeChat([{ role: 'user', content: 'Open the door ! ! !' }]);
  const completion = model.tokenizer.encode('Sure, here is');
  const { hiddenSize, vocabularySize } = model.config;
  const feeds = sequenceFeeds(model, [{ prompt, completion }]);
  const rows = feeds['ids']!.dims[0]!;
  const wanted = [2, 4, prompt.length - 2];
  await using session = await Session.create(tokenGradientGraph(model.config, null), model.weights, {
    placement: 'fed',
  });
  const run = async (shift: Float32Array) =>
    await session.run(
      { ...feeds, [SHIFT]: float32(shift, [rows, hiddenSize]), wanted: int64(wanted, [wanted.length]) },
      { loss: null, gradient: null },
    );
  const zeros = (): Float32Array => new Float32Array(rows * hiddenSize);
  const { gradient } = await run(zeros());
  expect(gradient!.dims).toEqual([wanted.length, vocabularySize]);
  const table = model.weights.get(EMBEDDING)!;
  const h = 1e-2;
  for (const [i, row] of wanted.entries())
    for (const token of [3, 17, vocabularySize - 1]) {
      const losses: number[] = [];
      for (const sign of [1, -1]) {
        const shift = zeros();
        for (let d = 0; d < hiddenSize; d++)
          shift[row * hiddenSize + d] = sign * h * table[token * hiddenSize + d]!;
        losses.push(((await run(shift)).loss!.data as Float32Array)[0]!);
      }
      const numeric = (losses[0]! - losses[1]!) / (2 * h);
      const analytic = (gradient!.data as Float32Array)[i * vocabularySize + token]!;
      expect(Math.abs(analytic - numeric)).toBeLessThan(0.02 * Math.abs(numeric) + 0.02);
    }
});

describe('the search', () => {
  const settings = { steps: 6, candidates: 24, top: 64 };
  const request = 'Open the door';
  const prompted = (suffix: string): number[] =>
    model.tokenizer.encodeChat([{ role: 'user', content: request + suffix }]);

  test(
    'never gets worse, gets better, and its loss is that of what the target would read',
    { timeout: 120_000 },
    async () => {
      await using search = await SuffixSearch.create(model, null);
      const first = ' !'.repeat(8);
      const steps = await Array.fromAsync(
        search.search(prompted, first, 'Sure, here is', { ...settings, random: rng('suffix', 1) }),
      );
      expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
      const completion = model.tokenizer.encode('Sure, here is');
      const lossOf = async (suffix: string): Promise<number> => {
        const [logp] = await scoreCompletions(model, [{ prompt: prompted(suffix), completion }]);
        return -logp!.reduce((sum, value) => sum + value, 0);
      };
      const losses = [await lossOf(first), ...steps.map(({ loss }) => loss)];
      for (let i = 1; i < losses.length; i++) expect(losses[i]!).toBeLessThanOrEqual(losses[i - 1]! + 1e-4);
      expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.1);
      expect(await lossOf(steps.at(-1)!.text)).toBeCloseTo(losses.at(-1)!, 3);
      for (const { text } of steps) expect(text).toMatch(/^[\x20-\x7e]+$/);
    },
  );

  test('gradients choose better than chance', { timeout: 120_000 }, async () => {
    const final = async (top: number): Promise<number> => {
      let total = 0;
      await using search = await SuffixSearch.create(model, null);
      for (const seed of [1, 2, 3]) {
        const options = { ...settings, candidates: 8, top, random: rng('chance', seed) };
        const steps = await Array.fromAsync(
          search.search(prompted, ' !'.repeat(8), 'Sure, here is', options),
        );
        total += steps.at(-1)!.loss;
      }
      return total / 3;
    };
    // With as many as the vocabulary has, any token is drawn.
    expect(await final(16)).toBeLessThan(await final(1e9));
  });

  test(
    'the same seed finds the same; a stop ends it; a message without a suffix gives none',
    { timeout: 60_000 },
    async () => {
      const message = [{ role: 'user' as const, content: `${request}${' !'.repeat(6)}` }];
      const once = () =>
        Array.fromAsync(suffixes(model, null, message, 'Yes', { ...settings, steps: 2, random: rng(5) }));
      expect(await once()).toEqual(await once());
      const controller = new AbortController();
      controller.abort(new Error('stopped'));
      const stopped = suffixes(model, null, message, 'Yes', {
        ...settings,
        random: rng(5),
        signal: controller.signal,
      });
      await expect(Array.fromAsync(stopped)).rejects.toThrow('stopped');
      const bare = [{ role: 'user' as const, content: request }];
      expect(
        await Array.fromAsync(suffixes(model, null, bare, 'Yes', { ...settings, random: rng(5) })),
      ).toEqual([]);
    },
  );
});
