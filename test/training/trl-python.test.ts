/**
 * The `trl` backend with TRL itself, against the own engine: same start, same data, same adapter. Needs Python with
 * backends/trl/requirements.txt: TEMPER_TRL_PYTHON=.../python npm run test:trl
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Message, PreferenceExample } from '../../src/core/records.ts';
import { type Adapter, adapterHash, freshAdapter, loadAdapter } from '../../src/engine/adapter.ts';
import { MetricsLog, type StepMetrics } from '../../src/training/metrics.ts';
import { type Trainer, trainOnnx } from '../../src/training/onnx.ts';
import { dpoSchema, loraSchema, type Recipe, sftSchema } from '../../src/training/recipe.ts';
import { trlSchema } from '../../src/training/trl/settings.ts';
import { trlTrainer } from '../../src/training/trl/trainer.ts';
import { tinyLlama, tinyPath } from '../tiny-fixture.ts';

const python = process.env['TEMPER_TRL_PYTHON'];
const root = mkdtempSync(join(tmpdir(), 'temper-trl-python-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const model = tinyLlama();
const says = (role: Message['role'], content: string): Message[] => [{ role, content }];
const data = Array.from({ length: 16 }, (_, i): PreferenceExample => ({
  id: `${i}`,
  prompt: says('user', `Tell me about number ${i} ${'very '.repeat(i % 5)}`),
  chosen: says('assistant', `Number ${i} is fine${' and good'.repeat(i % 4)}.`),
  rejected: says('assistant', `I will not say ${i}.`),
  purpose: 'general',
  category: 'numbers',
  lineage: { source: 'test', chosenBy: 'a', rejectedBy: 'b' },
}));
const lora = loraSchema.parse({ rank: 4, alpha: 8 });
const common = { batch: 4, learningRate: 1e-2, maxCompletionLength: 12 };
const sft = sftSchema.parse({ ...common, warmup: 0.25 });
const dpo = dpoSchema.parse({ ...common, nll: 0.5 });

function trl(name: string, settings: object = {}): Trainer {
  const place = { lora, folder: join(root, name), id: name, path: tinyPath('model.gguf') };
  return trlTrainer({ ...place, settings: trlSchema.parse({ python, poll: 0.1, ...settings }) });
}

/** Length of the difference over the length of the first. */
function distance(a: Adapter, b: Adapter): number {
  let [difference, length] = [0, 0];
  for (const [name, values] of a.matrices) {
    const others = b.matrices.get(name)!;
    values.forEach((value, i) => {
      difference += (value - others[i]!) ** 2;
      length += value ** 2;
    });
  }
  return Math.sqrt(difference / length);
}

async function bothWays(name: string, recipe: Recipe, start: Adapter, settings: object = {}) {
  const rows = { onnx: [] as StepMetrics[], trl: [] as StepMetrics[] };
  const own = await trainOnnx(model, start, data, recipe, { onStep: (row) => rows.onnx.push(row) });
  const other = await trl(name, settings)(model, start, data, recipe, {
    onStep: (row) => rows.trl.push(row),
  });
  expect(rows.trl.map(({ step, num_tokens }) => [step, num_tokens])).toEqual(
    rows.onnx.map(({ step, num_tokens }) => [step, num_tokens]),
  );
  return { rows, apart: distance(own.adapter, other.adapter) };
}

describe.skipIf(python === undefined)('TRL', { timeout: 1_800_000 }, () => {
  const fresh = freshAdapter(model.config, { ...lora, seed: 1 });
  const given = loadAdapter(tinyPath('adapter'), model.config);

  test.each([
    ['sft', sft, fresh],
    ['sft-opening', { ...sft, opening: { tokens: 2, weight: 9 } }, fresh],
    ['dpo', dpo, fresh],
    ['dpo-mixed', { ...dpo, loss: ['sigmoid' as const, 'hinge' as const], lossWeights: [0.8, 0.2] }, fresh],
    ['dpo-from-adapter', dpo, given],
    ['dpo-words', { ...dpo, maxCompletionLength: 3, nll: 0.7, nllLength: 12 }, given],
    ['dpo-against-base', { ...dpo, reference: 'base' as const }, given],
  ])('%s ends with the adapter of the own engine', async (name, recipe, start) => {
    const { rows, apart } = await bothWays(name, recipe, start);
    expect(apart).toBeLessThan(1e-4);
    for (const [i, row] of rows.trl.entries()) {
      expect(row.loss).toBeCloseTo(rows.onnx[i]!.loss, 4);
      expect(row.grad_norm).toBeCloseTo(rows.onnx[i]!.grad_norm, 3);
    }
  });

  test('two processes share the batch and end with the same adapter', async () => {
    const opening = { tokens: 2, weight: 9 };
    const { apart } = await bothWays('two', { ...sft, opening }, fresh, { processes: 2 });
    expect(apart).toBeLessThan(1e-4);
  });

  test('a stopped job goes on from its checkpoint to the bytes of an unbroken one', async () => {
    const recipe = { ...sft, checkpointEvery: 0.5, epochs: 4 };
    const whole = await trl('whole')(model, fresh, data, recipe);
    const controller = new AbortController();
    const stopped = trl('stopped')(model, fresh, data, recipe, {
      signal: controller.signal,
      onStep: ({ step }) => step > 8 && controller.abort(new Error('enough')),
    });
    // The last steps may be over before they are heard of.
    await stopped.catch((error: Error) => expect(error.message).toBe('enough'));
    const saved: number[] = [];
    const continued = await trl('stopped')(model, fresh, data, recipe, {
      onCheckpoint: (_, step) => void saved.push(step),
    });
    expect(saved).toEqual([8, 16]);
    expect(adapterHash(continued.adapter)).toBe(adapterHash(whole.adapter));
  });

  test('the held-out loss is measured as on the own engine, and patience ends the job with the best adapter', async () => {
    const recipe = sftSchema.parse({
      ...common,
      epochs: 6,
      learningRate: 3,
      evaluateEvery: 2,
      evaluationShare: 0.25,
      patience: 1,
    });
    const losses = async (name: string, train: Trainer) => {
      const metrics = new MetricsLog(join(root, `${name}.jsonl`));
      const result = await train(model, fresh, data, recipe, { metrics });
      const lines = readFileSync(metrics.path, 'utf8').trim().split('\n');
      const rows = lines.map((line) => JSON.parse(line) as { eval_loss?: number });
      return { result, losses: rows.flatMap(({ eval_loss: loss }) => loss ?? []) };
    };
    const own = await losses('held-own', trainOnnx);
    const other = await losses('held-trl', trl('held'));
    // The same examples; later the losses part, at so high a rate.
    expect(other.losses[0]! / own.losses[0]!).toBeCloseTo(1, 3);
    expect(other.losses.length).toBeLessThan(9); // of six epochs of three steps
    for (const { result, losses: seen } of [own, other]) {
      const lowest = seen.indexOf(Math.min(...seen));
      expect(seen.length).toBe(Math.min(lowest + 2, 9));
      expect(result.steps).toBe(2 * seen.length);
    }
  });

  test('a recipe that goes wrong says why', async () => {
    await expect(trl('odd', { processes: 2 })(model, fresh, data, { ...sft, batch: 3 })).rejects.toThrow(
      /a batch of 3 cannot be shared by 2 processes/,
    );
    expect(readFileSync(join(root, 'odd', 'output.log'), 'utf8')).not.toBe('');
  });
});
