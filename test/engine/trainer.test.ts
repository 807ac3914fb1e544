/** What a training run promises besides its numbers: continuing, repeating, reporting, stopping in time. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { TemperEvent } from '../../src/core/events.ts';
import { type Adapter, adapterHash, loadAdapter } from '../../src/engine/adapter.ts';
import { scoreCompletions } from '../../src/engine/scorer.ts';
import { tokenize } from '../../src/training/batches.ts';
import { CheckpointFolder } from '../../src/training/checkpoints.ts';
import { MetricsLog, type StepMetrics, TrainingWatch } from '../../src/training/metrics.ts';
import { Objective } from '../../src/training/objective.ts';
import { trainOnnx, type TrainOptions } from '../../src/training/onnx.ts';
import { dpoSchema, nllTokens, recipeSchema, sftSchema } from '../../src/training/recipe.ts';
import { FileTrainingState } from '../../src/training/state.ts';
import { tinyLlama, tinyPath, tinyStream, withTokens } from '../tiny-fixture.ts';

const model = withTokens(tinyLlama());
const data = tinyStream();
const start = loadAdapter(tinyPath('adapter'), model.config);
const folder = mkdtempSync(join(tmpdir(), 'temper-trainer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sft = (recipe: object, options: TrainOptions = {}) =>
  trainOnnx(model, start, data, sftSchema.parse({ maxLength: 24, ...recipe }), options);
const dpo = (recipe: object, options: TrainOptions = {}) =>
  trainOnnx(model, start, data, dpoSchema.parse({ maxLength: 24, batch: 4, ...recipe }), options);
const rows = (path: string): StepMetrics[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as StepMetrics);

test('a run that is stopped finishes its step, and continues to the adapter of an unbroken one', async () => {
  const recipe = { dropout: 0.2, epochs: 1 };
  const whole = await dpo(recipe);
  const log = new MetricsLog(join(folder, 'metrics.jsonl'));
  const state = () => new FileTrainingState(join(folder, 'state'), 1000);
  const controller = new AbortController();
  const events: TemperEvent[] = [];
  const stopped = dpo(recipe, {
    state: state(),
    metrics: log,
    signal: controller.signal,
    emit: (event) => events.push(event),
    onStep: ({ step }) => step === 3 && controller.abort(new Error('enough')),
  });
  await expect(stopped).rejects.toThrow('enough');
  expect(events.at(-1)).toMatchObject({ type: 'note', message: 'stopped after step 3 of 10' });
  const continued = await dpo(recipe, { state: state(), metrics: log });
  expect(adapterHash(continued.adapter)).toBe(adapterHash(whole.adapter));
  expect(rows(log.path).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const again = await dpo(recipe, { state: state() });
  expect(again.finalLoss).toBeCloseTo(whole.finalLoss, 5);
  expect(adapterHash(again.adapter)).toBe(adapterHash(whole.adapter));
});

test('metrics of a step have the names of TRL, as events too', async () => {
  const seen: Record<string, number>[] = [];
  const emit = (event: TemperEvent) => event.type === 'metrics' && seen.push({ ...event.values });
  await dpo({ epochs: 0.2 }, { emit });
  for (const name of ['loss', 'entropy', 'learning_rate', 'grad_norm', 'num_tokens', 'epoch', 'tokens/s'])
    expect(Number.isFinite(seen[0]![name]), name).toBe(true);
  for (const name of ['rewards/chosen', 'rewards/rejected', 'rewards/accuracies', 'rewards/margins'])
    expect(seen[0]![name], name).toBe(0); // the reference is where training starts
  expect(seen[0]!['logps/chosen']).toBeLessThan(0);
  expect(seen[0]!['logps/rejected']).toBeLessThan(0);
});

test('dropout follows from the seed and changes the result', async () => {
  const hash = async (recipe: object) => adapterHash((await sft(recipe)).adapter);
  const one = await hash({ dropout: 0.3 });
  expect(await hash({ dropout: 0.3 })).toBe(one);
  expect(await hash({ dropout: 0.1 })).not.toBe(one);
});

test('the opening of each answer weighs as the recipe says', async () => {
  const { examples } = tokenize(data, model.tokenizer, sftSchema.parse({ maxLength: 24 }));
  const batch = [...examples.keys()].slice(0, 6);
  const lossWith = async (opening: { tokens: number; weight: number } | null): Promise<number> => {
    const recipe = sftSchema.parse({ maxLength: 24, microBatchTokens: 64, opening });
    await using objective = await Objective.create(model, start, examples, recipe, { gradients: true });
    return (await objective.run(start, batch, [])).loss;
  };
  const answers = batch.map((i) => examples[i]!);
  const logps = await scoreCompletions(
    model,
    answers.map(({ prompt, chosen }) => ({ prompt, completion: chosen })),
    { adapter: start },
  );
  const [total, weight] = logps
    .flatMap((each) => [...each].map((logp, i) => [logp, i < 2 ? 5 : 1] as const))
    .reduce(([sum, all], [logp, w]) => [sum - w * logp, all + w], [0, 0]);
  expect(answers.some(({ chosen }) => chosen.length > 2)).toBe(true);
  expect(await lossWith({ tokens: 2, weight: 5 })).toBeCloseTo(total / weight, 4);
  expect(await lossWith({ tokens: 2, weight: 1 })).toBeCloseTo(await lossWith(null), 6);
});

test('accumulation is a larger batch', async () => {
  const losses = async (recipe: object) => {
    const seen: number[] = [];
    await sft(recipe, { onStep: ({ loss }) => seen.push(loss) });
    return seen;
  };
  expect(await losses({ batch: 2, accumulation: 4 })).toEqual(await losses({ batch: 8 }));
});

test('held-out examples are measured and not trained on', async () => {
  const log = new MetricsLog(join(folder, 'held.jsonl'));
  await dpo({ evaluateEvery: 3, evaluationShare: 0.2 }, { metrics: log });
  const evaluated = rows(log.path).filter((row) => 'eval_loss' in row);
  expect(evaluated.map(({ step }) => step)).toEqual([3, 6]);
  expect(evaluated[0]).toHaveProperty('eval_rewards/margins');
  expect(rows(log.path).filter((row) => !('eval_loss' in row))).toHaveLength(8); // 32 of 40 examples
});

test('a loss that is no number ends the run with the last good adapter', async () => {
  let kept: Adapter | undefined;
  const run = sft(
    { learningRate: 1e30, warmup: 0, epochs: 3 },
    { onFailure: (adapter) => void (kept = adapter) },
  );
  await expect(run).rejects.toMatchObject({ code: 'model', hint: 'Lower the learning rate.' });
  expect([...kept!.matrices.values()].every((matrix) => matrix.every(Number.isFinite))).toBe(true);
  expect(adapterHash(kept!)).toBe(adapterHash(start));
});

test('the newest checkpoints stay', () => {
  const checkpoints = new CheckpointFolder(join(folder, 'checkpoints'), { keep: 2, base: 'tiny' });
  for (const step of [2, 4, 6, 10]) checkpoints.save(start, step);
  expect(readdirSync(join(folder, 'checkpoints')).sort()).toEqual(['step-10', 'step-6']);
  expect(existsSync(join(folder, 'checkpoints', 'step-6', 'adapter_config.json'))).toBe(true);
});

test('label smoothing goes with the losses that read it', () => {
  const parse = (recipe: object) => recipeSchema.safeParse({ kind: 'dpo', ...recipe }).success;
  expect(parse({ loss: 'robust', labelSmoothing: 0.1 })).toBe(true);
  expect(parse({ loss: 'sigmoid', labelSmoothing: 0.1 })).toBe(false);
  expect(parse({ loss: 'exo_pair' })).toBe(false);
});

describe('warnings', () => {
  const row = (values: Partial<StepMetrics>): StepMetrics => ({
    step: 1,
    steps: 40,
    epoch: 1,
    loss: 0.5,
    learning_rate: 1,
    grad_norm: 1,
    num_tokens: 1,
    entropy: 1,
    'tokens/s': 1,
    'rewards/margins': 0,
    'rewards/accuracies': 0.5,
    'rewards/chosen': 0,
    ...values,
  });
  const warningsOf = (make: (step: number) => Partial<StepMetrics>): string[] => {
    const watch = new TrainingWatch(0.1);
    return Array.from({ length: 40 }, (_, step) => watch.see(row(make(step)))).flat();
  };

  test('when chosen answers become less likely while the margin grows, once', () => {
    const warnings = warningsOf((step) => ({
      'rewards/chosen': -0.01 * step,
      'rewards/margins': 0.02 * step,
    }));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/less likely .* margin .* grows: usual .* raise nll/);
  });
  test('when every pair is separated', () => {
    expect(warningsOf(() => ({ 'rewards/accuracies': 1, loss: 0.01 }))[0]).toContain('already separated');
  });
  test('none when all is well', () => {
    expect(warningsOf((step) => ({ 'rewards/chosen': 0.01 * step, 'rewards/margins': 0.02 * step }))).toEqual(
      [],
    );
  });
});

test('training ends when the held-out loss falls no more, with the best adapter, also when it was stopped in between', async () => {
  const recipe = {
    epochs: 4,
    batch: 2,
    learningRate: 0.05,
    evaluateEvery: 2,
    patience: 2,
    schedule: 'constant',
  };
  const log = new MetricsLog(join(folder, 'early.jsonl'));
  const handed: [string, number, number][] = [];
  const whole = await sft(recipe, {
    metrics: log,
    onCheckpoint: (adapter, step, steps) => void handed.push([adapterHash(adapter), step, steps]),
  });
  const losses = readFileSync(log.path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { step: number; eval_loss?: number })
    .filter((row) => row.eval_loss !== undefined);
  const lowest = losses.findIndex(
    (row) => row.eval_loss === Math.min(...losses.map((each) => each.eval_loss!)),
  );
  expect(losses.length).toBe(lowest + 3); // two more, none of them lower
  expect(whole.steps).toBe(losses.at(-1)!.step);
  const planned = Math.ceil(handed.at(-1)![2]);
  expect(whole.steps).toBeLessThan(planned);
  expect(handed).toEqual([[adapterHash(whole.adapter), planned, planned]]);
  // The result is the adapter of that step, not the last one.
  const upTo: string[] = [];
  await sft(
    { ...recipe, patience: undefined, checkpointEvery: 1 / planned },
    {
      onCheckpoint: (adapter, step) =>
        void (step === losses[lowest]!.step && upTo.push(adapterHash(adapter))),
    },
  );
  expect(upTo).toEqual([adapterHash(whole.adapter)]);
  // Stopped after the lowest one: the best adapter is in the state.
  const state = () => new FileTrainingState(join(folder, 'early-state'), 1000);
  const controller = new AbortController();
  const at = losses[lowest]!.step + 1;
  await expect(
    sft(recipe, {
      state: state(),
      signal: controller.signal,
      onStep: ({ step }) => step === at && controller.abort(new Error('enough')),
    }),
  ).rejects.toThrow('enough');
  expect(adapterHash((await sft(recipe, { state: state() })).adapter)).toBe(adapterHash(whole.adapter));
  expect(adapterHash((await sft(recipe, { state: state() })).adapter)).toBe(adapterHash(whole.adapter));
});

test('held-out examples of their own are measured, and nothing of the data is held out', async () => {
  const log = new MetricsLog(join(folder, 'own.jsonl'));
  const [held, steps] = [data.slice(0, 3), [] as number[]];
  await sft(
    { evaluateEvery: 2, batch: 4 },
    { metrics: log, evaluation: held, onStep: ({ step }) => steps.push(step) },
  );
  expect(steps.length).toBe(Math.ceil(data.length / 4));
  const [first] = rows(log.path).filter((row) => 'eval_loss' in row) as unknown as { eval_loss: number }[];
  const alone: number[] = [];
  await trainOnnx(model, start, held, sftSchema.parse({ maxLength: 24, batch: 3 }), {
    onStep: ({ loss }) => alone.push(loss),
  });
  expect(first!.eval_loss).not.toBeNaN();
  expect(Math.abs(first!.eval_loss - alone[0]!)).toBeLessThan(1); // the same sequences, two steps later
});

test('nllLength: pairs are compared by their openings, the likelihood that is added is of more of the chosen answer', async () => {
  const recipe = dpoSchema.parse({
    maxLength: 64,
    maxCompletionLength: 2,
    nllLength: 5,
    nll: 0.7,
    beta: 0.3,
    reference: 'base',
  });
  const { examples } = tokenize(data.slice(0, 6), model.tokenizer, recipe);
  expect(Math.max(...examples.map(({ further }) => further.length))).toBe(3);
  await using objective = await Objective.create(model, start, examples, recipe, { gradients: false });
  const { loss, pairs } = await objective.run(start, [...examples.keys()], []);
  const scored = (adapter?: Adapter) => async (side: 'chosen' | 'rejected', more: boolean) =>
    scoreCompletions(
      model,
      examples.map((one) => ({
        prompt: one.prompt,
        completion: [...one[side], ...(more ? one.further : [])],
      })),
      adapter ? { adapter } : {},
    );
  const total = (rows: readonly ArrayLike<number>[]) =>
    rows.map((row) => Array.from(row).reduce((sum, x) => sum + x, 0));
  const policy = scored(start);
  const reference = scored();
  const [chosen, rejected] = [total(await policy('chosen', false)), total(await policy('rejected', false))];
  const [from, against] = [
    total(await reference('chosen', false)),
    total(await reference('rejected', false)),
  ];
  const preferences = chosen.map((logp, i) => {
    const margin = logp - from[i]! - (rejected[i]! - against[i]!);
    return Math.log1p(Math.exp(-0.3 * margin));
  });
  const likelihoods = (await policy('chosen', true)).flatMap((row) => Array.from(row));
  const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  expect(loss).toBeCloseTo(mean(preferences) - 0.7 * mean(likelihoods), 4);
  // A batch runs its pairs by length.
  const sorted = (values: readonly number[]) =>
    values.toSorted((a, b) => a - b).map((x) => expect.closeTo(x, 3) as number);
  expect(pairs.map(({ chosenLogp }) => chosenLogp).toSorted((a, b) => a - b)).toEqual(sorted(chosen));
  expect(pairs.map(({ rejectedLogp }) => rejectedLogp).toSorted((a, b) => a - b)).toEqual(sorted(rejected));
});

test.each([
  [{ nllLength: 5, maxCompletionLength: 5 }, undefined],
  [{ nllLength: 5 }, undefined],
  [{ nllLength: 5, maxCompletionLength: 2, nll: 0 }, undefined],
  [{ nllLength: 5, maxCompletionLength: 2 }, 5],
])('nllLength counts where it is more than what is compared, and nll is used: %j', (keys, tokens) => {
  expect(nllTokens(dpoSchema.parse(keys))).toBe(tokens);
});
