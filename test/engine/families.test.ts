/** Each family against Hugging Face transformers, on tiny random models: bench/parity/families.py writes them. */
import { cpSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadAdapter, saveAdapter } from '../../src/engine/adapter.ts';
import { ARCHITECTURES } from '../../src/engine/architectures/registry.ts';
import { scoringGraph, trainingGraph } from '../../src/engine/build.ts';
import { adapterFeeds, float32 } from '../../src/engine/feeds.ts';
import { sequenceFeeds } from '../../src/engine/sequences.ts';
import { BLOCK_TYPES } from '../../src/engine/dequantize.ts';
import { exportMerged } from '../../src/engine/export.ts';
import { Generator } from '../../src/engine/generator.ts';
import { readGguf } from '../../src/engine/gguf.ts';
import { type LoadedModel, loadModel } from '../../src/engine/model.ts';
import { decodeSafetensors } from '../../src/engine/safetensors.ts';
import { scoreCompletions } from '../../src/engine/scorer.ts';
import { Session } from '../../src/engine/session.ts';
import { sftLoss } from '../../src/training/losses.ts';

interface Row {
  prompt: number[];
  completion: number[];
  /** Log-probabilities of the first tokens of the vocabulary after the prompt. */
  next: number[];
  logp: number[];
  adaptedLogp: number[];
  greedy: number[];
}

const fixtures = fileURLToPath(new URL('../fixtures/families/', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'temper-families-'));
const tensors = (path: string) => decodeSafetensors(readFileSync(path), path);

/** The fixture as a folder of the hub: the model's own files and the tokenizer that all share. */
function hubFolder(family: string): string {
  const folder = join(work, family);
  cpSync(join(fixtures, family), folder, { recursive: true });
  cpSync(join(fixtures, 'tokenizer'), folder, { recursive: true });
  return folder;
}

const close = (ours: Iterable<number>, wanted: readonly number[], tolerance: number): void => {
  const values = [...ours];
  expect(values).toHaveLength(wanted.length);
  wanted.forEach((value, i) =>
    expect(Math.abs(values[i]! - value), `${values[i]} for ${value}`).toBeLessThan(tolerance),
  );
};

const families = Object.keys(ARCHITECTURES).map((family) => {
  const golden = JSON.parse(readFileSync(join(fixtures, `${family}.json`), 'utf8')) as {
    loss: number;
    rows: Row[];
  };
  return { family, golden, folder: hubFolder(family), gguf: join(fixtures, `${family}.gguf`) };
});

test('every family but Mistral, which GGUF calls llama, has a GGUF file too', () => {
  expect(families.filter(({ gguf }) => !existsSync(gguf)).map(({ family }) => family)).toEqual(['mistral']);
});

test('one GGUF file with matrices in every quantised format', async () => {
  const path = join(fixtures, 'mixed.gguf');
  const formats = new Set([...readGguf(path).tensors.values()].map(({ type }) => type));
  expect([...formats].sort()).toEqual(
    Object.keys(BLOCK_TYPES)
      .filter((type) => type !== 'BF16')
      .sort(),
  );
  const model = loadModel(path);
  const { rows } = JSON.parse(readFileSync(join(fixtures, 'mixed.json'), 'utf8')) as { rows: Row[] };
  const scores = await scoreCompletions(model, rows);
  scores.forEach((logp, i) => close(logp, rows[i]!.logp, 5e-4));
  await using generator = await Generator.create(model, { batch: 2 });
  const answers = rows.map(({ prompt, greedy }) => generator.generate({ prompt, maxTokens: greedy.length }));
  expect((await Promise.all(answers)).map(({ tokens }) => tokens)).toEqual(rows.map(({ greedy }) => greedy));
});

describe.each(families)('$family', ({ family, golden, folder, gguf }) => {
  const { rows } = golden;
  const sources: [string, string][] = [['safetensors', folder]];
  if (existsSync(gguf)) sources.push(['GGUF', gguf]);

  describe.each(sources)('from %s', (_kind, path) => {
    const model: LoadedModel = loadModel(path);

    test('scores completions', async () => {
      expect(model.config.architecture).toBe(family);
      const scores = await scoreCompletions(model, rows);
      scores.forEach((logp, i) => close(logp, rows[i]!.logp, 2e-4));
      const graph = scoringGraph(model.config, null, { logprobs: true });
      await using session = await Session.create(graph, model.weights, { placement: 'fed' });
      for (const { prompt, completion, next } of rows) {
        const feeds = sequenceFeeds(model, [{ prompt, completion: completion.slice(0, 1) }]);
        const { logprobs } = await session.run(feeds, { logprobs: null });
        close((logprobs!.data as Float32Array).slice(0, next.length), next, 2e-4);
      }
    });

    test('generates the same greedy tokens, alone and in company', async () => {
      await using generator = await Generator.create(model, { batch: 3 });
      const ask = ({ prompt, greedy }: Row) => generator.generate({ prompt, maxTokens: greedy.length });
      const together = await Promise.all([...rows, ...rows].map(ask));
      together.forEach(({ tokens }, i) => expect(tokens).toEqual(rows[i % rows.length]!.greedy));
      expect((await ask(rows[0]!)).tokens).toEqual(rows[0]!.greedy);
    });

    test('generates the same tokens after a beginning that prompts share', async () => {
      const [{ prompt, greedy }] = rows as [Row];
      for (const length of [1, Math.floor(prompt.length / 2), prompt.length - 1]) {
        await using generator = await Generator.create(model, {
          batch: 3,
          beginning: prompt.slice(0, length),
        });
        const answers = rows.map((row) =>
          generator.generate({ prompt: row.prompt, maxTokens: greedy.length }),
        );
        const all = await Promise.all(answers);
        expect(all.map(({ tokens }) => tokens)).toEqual(rows.map((row) => row.greedy));
      }
    });

    test('has the loss and the gradients of one training step, from an adapter that PEFT wrote', async () => {
      const adapter = loadAdapter(join(folder, 'adapter'), model.config);
      const scores = await scoreCompletions(model, rows, { adapter });
      scores.forEach((logp, i) => close(logp, rows[i]!.adaptedLogp, 2e-4));
      const graph = trainingGraph(model.config, adapter.shape, adapter.alpha / adapter.rank, sftLoss);
      await using session = await Session.create(graph, model.weights, { placement: 'fed' });
      const count = rows.reduce((total, row) => total + row.completion.length, 0);
      const results = await session.run(
        {
          ...sequenceFeeds(model, rows),
          ...adapterFeeds(adapter),
          token_weight: float32(new Float32Array(count).fill(1 / count), [1, count]),
        },
        Object.fromEntries(session.outputNames.map((name) => [name, null])),
      );
      close(results['loss']!.data as Float32Array, [golden.loss], 1e-4);
      const wanted = tensors(join(folder, 'gradients.safetensors'));
      expect([...wanted.keys()].sort()).toEqual([...adapter.matrices.keys()].sort());
      for (const [name, { data }] of wanted) {
        const ours = results[`gradient:${name}`]!.data as Float32Array;
        const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        close(ours, [...data], 1e-3 * Math.max(largest, 1e-2));
      }
    });
  });

  test.each(sources)(
    'merged from %s, it is read back with the log-probabilities of the adapter',
    async (kind, path) => {
      const model = loadModel(path);
      const merged = join(work, `${family}-${kind}-merged`);
      const write = (): void =>
        exportMerged(merged, model, loadAdapter(join(folder, 'adapter'), model.config));
      if (kind === 'GGUF' && family === 'llama') {
        expect(write).toThrow('divisors of its rotary frequencies');
        return;
      }
      write();
      const scores = await scoreCompletions(loadModel(merged), rows);
      scores.forEach((logp, i) => close(logp, rows[i]!.adaptedLogp, 2e-4));
      // Where transformers wants a float, 4 is none.
      if (family === 'gemma2')
        expect(readFileSync(join(merged, 'config.json'), 'utf8')).toContain(
          '"final_logit_softcapping": 4.0,',
        );
      if (kind !== 'safetensors') return;
      const settings = (of: string): object =>
        JSON.parse(readFileSync(join(of, 'config.json'), 'utf8')) as object;
      expect(settings(merged)).toMatchObject({ ...settings(path), dtype: 'float32' });
    },
  );

  test('an adapter goes back to disk as PEFT wrote it', () => {
    const source = join(folder, 'adapter');
    const copy = join(work, `${family}-adapter`);
    saveAdapter(copy, loadAdapter(source, loadModel(folder).config), { base: family });
    expect(tensors(join(copy, 'adapter_model.safetensors'))).toEqual(
      tensors(join(source, 'adapter_model.safetensors')),
    );
    const config = (path: string) =>
      JSON.parse(readFileSync(join(path, 'adapter_config.json'), 'utf8')) as { target_modules: string[] };
    expect(config(copy).target_modules).toEqual(config(source).target_modules.sort());
  });
});
