/** Adapters across tools: numbers and files from bench/parity/adapters.py (PEFT, gguf, transformers). */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Adapter, freshAdapter, loadAdapter, saveAdapter } from '../../src/engine/adapter.ts';
import { interpolateAdapters, mergeAdapters, scaleAdapter } from '../../src/engine/adapter-arithmetic.ts';
import { trainingGraph } from '../../src/engine/build.ts';
import { exportGgufAdapter, exportMerged } from '../../src/engine/export.ts';
import { readGguf, readTensorBytes } from '../../src/engine/gguf.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/engine/safetensors.ts';
import { scoreCompletions } from '../../src/engine/scorer.ts';
import { sftLoss } from '../../src/training/losses.ts';
import { tinyGolden, tinyLlama, tinyPath } from '../tiny-fixture.ts';

const golden = tinyGolden<{
  tokens: number[];
  logprobs: Record<string, number[]>;
  merged: Record<string, number[]>;
}>('adapters.json');
const model = tinyLlama();
const out = mkdtempSync(join(tmpdir(), 'temper-export-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

const load = (name: string): Adapter => loadAdapter(tinyPath(name), model.config);
async function logprobs(adapter: Adapter, strength = 1): Promise<number[]> {
  const sequence = { prompt: golden.tokens.slice(0, 1), completion: golden.tokens.slice(1) };
  const [scores] = await scoreCompletions(model, [sequence], { adapter, strength });
  return [...scores!];
}
const expectClose = (ours: ArrayLike<number>, theirs: ArrayLike<number>, tolerance = 1e-4): void => {
  expect(ours.length).toBe(theirs.length);
  for (let i = 0; i < ours.length; i++) expect(Math.abs(ours[i]! - theirs[i]!)).toBeLessThan(tolerance);
};

test.each(['adapter', 'rslora', 'patterns'])(
  '%s: one made by PEFT gives its log-probabilities',
  async (name) => {
    expectClose(await logprobs(load(name)), golden.logprobs[name]!);
  },
);

test('what is saved holds the tensors that PEFT writes, and loads again', async () => {
  for (const name of ['adapter', 'rslora', 'patterns']) {
    saveAdapter(join(out, name), load(name), { base: 'tiny' });
    expectClose(await logprobs(loadAdapter(join(out, name), model.config)), golden.logprobs[name]!);
  }
  const tensors = (directory: string) => {
    const path = join(directory, 'adapter_model.safetensors');
    return decodeSafetensors(readFileSync(path), path);
  };
  const [ours, theirs] = [tensors(join(out, 'adapter')), tensors(tinyPath('adapter'))];
  expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
  for (const [name, tensor] of theirs) expect(ours.get(name), name).toEqual(tensor);
});

test('rsLoRA of a fresh adapter is alpha times the root of the rank', () => {
  const shape = { rank: 4, alpha: 3, targets: ['q_proj'], seed: 1 };
  expect(freshAdapter(model.config, { ...shape, rslora: true }).alpha).toBe(6);
  expect(freshAdapter(model.config, shape).alpha).toBe(3);
});

/** The adapter of PEFT with other settings or tensors. */
function changed(
  name: string,
  settings: (config: Record<string, unknown>) => unknown,
  tensors: (data: Float32Array) => void = () => {},
): string {
  const directory = join(out, name);
  cpSync(tinyPath('adapter'), directory, { recursive: true });
  const [config, weights] = ['adapter_config.json', 'adapter_model.safetensors'].map((file) =>
    join(directory, file),
  ) as [string, string];
  const read = JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>;
  writeFileSync(config, JSON.stringify(settings(read)));
  const all = decodeSafetensors(readFileSync(weights), weights);
  tensors([...all.values()][0]!.data);
  writeFileSync(weights, encodeSafetensors(all, {}));
  return directory;
}

test('an adapter with an alpha of 0 changes nothing', async () => {
  const loaded = loadAdapter(
    changed('zero', (config) => ({ ...config, lora_alpha: 0 })),
    model.config,
  );
  const fresh = freshAdapter(model.config, { rank: 2, alpha: 1, targets: ['q_proj'], seed: 1 });
  expectClose(await logprobs(loaded), await logprobs(fresh), 1e-6);
});

test.each<[string, (config: Record<string, unknown>) => unknown, (data: Float32Array) => void, string]>([
  ['nan', (config) => config, (data) => (data[3] = Number.NaN), 'not finite'],
  ['infinite', (config) => config, (data) => (data[0] = Infinity), 'not finite'],
  ['null', () => null, () => {}, 'not an object'],
  ['list', () => [], () => {}, 'not an object'],
])('a damaged adapter (%s) is refused', (name, settings, tensors, message) => {
  const directory = changed(name, settings, tensors);
  expect(() => loadAdapter(directory, model.config)).toThrow(message);
});

test('an adapter that attaches to no layer is refused by the names that there are', () => {
  const options = { rank: 2, alpha: 1, targets: ['qkv_proj'], seed: 1 };
  expect(() => freshAdapter(model.config, options)).toThrow('no layer of this model is called qkv_proj');
});

test('an adapter of the upper blocks names them for PEFT, and nothing below gets a gradient', async () => {
  const options = { rank: 2, alpha: 1, targets: ['q_proj', 'up_proj'], frozen: 0.5, seed: 1 };
  const upper = freshAdapter(model.config, options);
  expect([...upper.shape.layers]).toEqual(['model.layers.1.self_attn.q_proj', 'model.layers.1.mlp.up_proj']);
  const graph = (adapter: Adapter) => trainingGraph(model.config, adapter.shape, 1, sftLoss).nodes.length;
  expect(graph(upper)).toBeLessThan(graph(freshAdapter(model.config, { ...options, frozen: 0 })) * 0.8);
  const directory = join(out, 'upper');
  saveAdapter(directory, upper, { base: 'tiny' });
  const saved = JSON.parse(readFileSync(join(directory, 'adapter_config.json'), 'utf8')) as object;
  expect(saved).toMatchObject({ layers_to_transform: [1] });
  expect(loadAdapter(directory, model.config)).toEqual(upper);
});

test('the GGUF LoRA is the one of the gguf package: metadata, names, shapes, rotary order', () => {
  const path = join(out, 'adapter.gguf');
  writeFileSync(`${path}.tmp`, 'mine');
  exportGgufAdapter(path, load('adapter'), model.config);
  expect(readFileSync(`${path}.tmp`, 'utf8')).toBe('mine');
  expect(readdirSync(out).filter((name) => name.startsWith('.temper-'))).toEqual([]);
  const [ours, theirs] = [readGguf(path), readGguf(tinyPath('adapter.gguf'))];
  for (const [key, value] of ours.metadata) expect(theirs.metadata.get(key), key).toEqual(value);
  expect([...ours.tensors.keys()].sort()).toEqual([...theirs.tensors.keys()].sort());
  for (const [name, tensor] of theirs.tensors) {
    const mine = ours.tensors.get(name)!;
    expect(mine.shape, name).toEqual(tensor.shape);
    expect(readTensorBytes(path, mine), name).toEqual(readTensorBytes(theirs.path, tensor));
  }
});

test('the merged model has the weights of merge_and_unload, and its sizes', () => {
  const directory = join(out, 'merged');
  exportMerged(directory, model, load('adapter'));
  const file = join(directory, 'model.safetensors');
  const tensors = decodeSafetensors(readFileSync(file), file);
  expect(tensors.has('lm_head.weight')).toBe(false);
  for (const [name, probes] of Object.entries(golden.merged)) {
    const { data } = tensors.get(name)!;
    const step = Math.max(1, Math.floor(data.length / 5));
    expectClose(
      data.filter((_, i) => i % step === 0),
      probes,
      1e-6,
    );
  }
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8')) as object;
  expect(config).toMatchObject({
    model_type: 'llama',
    hidden_size: 32,
    num_key_value_heads: 2,
    vocab_size: 260,
  });
});

test('arithmetic: scaled, merged and interpolated adapters do what their definition says', async () => {
  const [a, b] = [load('adapter'), load('rslora')];
  expectClose(await logprobs(scaleAdapter(a, 0.5)), await logprobs(a, 0.5), 1e-5);
  // One adapter in two halves, and an adapter less itself.
  const halves = mergeAdapters([
    { adapter: a, weight: 0.25 },
    { adapter: a, weight: 0.75 },
  ]);
  expect(halves.rank).toBe(8);
  expectClose(await logprobs(halves), await logprobs(a));
  const both = mergeAdapters([
    { adapter: a, weight: 1 },
    { adapter: b, weight: 2 },
    { adapter: a, weight: -1 },
  ]);
  expectClose(await logprobs(both), await logprobs(b, 2));
  const fresh = freshAdapter(model.config, {
    rank: 4,
    alpha: 8,
    targets: [...'qkvo'].map((x) => `${x}_proj`),
    seed: 1,
  });
  expect(() => interpolateAdapters(a, fresh, 0.5)).toThrow('differ');
  const moved = scaleAdapter(a, 3);
  expectClose(await logprobs(interpolateAdapters(a, moved, 0.25)), await logprobs(a, 1.5), 1e-5);
});
