/** The `trl` backend around its job: what it writes, follows, takes back and says when the job goes wrong. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { TemperEvent } from '../../src/core/events.ts';
import { adapterHash, loadAdapter } from '../../src/engine/adapter.ts';
import { planBatches } from '../../src/training/batches.ts';
import { MetricsLog } from '../../src/training/metrics.ts';
import { dpoSchema, loraSchema, sftSchema } from '../../src/training/recipe.ts';
import { checkTrl } from '../../src/training/trl/check.ts';
import { evaluationOf, LineFollower, metricsOf } from '../../src/training/trl/follow.ts';
import { trlSchema } from '../../src/training/trl/settings.ts';
import { trlTrainer } from '../../src/training/trl/trainer.ts';
import { trainTrl, type TrlJob } from '../../src/training/trl/trl.ts';
import { tinyLlama, tinyPath, tinyStream, withTokens } from '../tiny-fixture.ts';

const root = mkdtempSync(join(tmpdir(), 'temper-trl-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const FAKE = fileURLToPath(new URL('fake-job.mjs', import.meta.url));
const fake = (behaviour: string): string[] => [
  process.execPath,
  FAKE,
  '{job}',
  tinyPath('adapter'),
  behaviour,
];
const data = tinyStream();
const model = withTokens(tinyLlama());

let jobs = 0;
function job(settings: object, parts: Partial<TrlJob> = {}): TrlJob {
  return {
    folder: join(root, `job-${jobs++}`),
    id: 'an-id',
    settings: trlSchema.parse({ poll: 0.01, ...settings }),
    lora: loraSchema.parse({}),
    start: null,
    data,
    recipe: sftSchema.parse({ batch: 20 }),
    model: 'some/model',
    stopToken: null,
    plan: planBatches(
      data.map(() => 10),
      { batch: 20, epochs: 1, seed: 1 },
    ),
    held: [],
    ...parts,
  };
}

describe('a job on this machine', () => {
  test('is written whole, followed step by step, and its adapter taken back', async () => {
    const parts = job({ launch: fake('train') });
    const events: TemperEvent[] = [];
    const metrics = new MetricsLog(join(parts.folder, '..', 'log.jsonl'));
    const result = await trainTrl(parts, { emit: (event) => events.push(event), metrics });
    expect(result).toMatchObject({ steps: 2, tokens: 200, finalLoss: 0.5 });
    expect(adapterHash(loadAdapter(result.adapter, model.config))).toBe(
      adapterHash(loadAdapter(tinyPath('adapter'), model.config)),
    );
    const steps = events.flatMap((event) => (event.type === 'metrics' ? [event.values['step']] : []));
    expect(steps).toEqual([1, 2]);
    expect(readFileSync(metrics.path, 'utf8').trim().split('\n')).toHaveLength(2);
    expect(readFileSync(join(parts.folder, 'data.jsonl'), 'utf8').trim().split('\n')).toHaveLength(40);
    expect(readFileSync(join(parts.folder, 'data.jsonl'), 'utf8')).not.toContain('rejected');
    for (const file of ['train.py', 'requirements.txt'])
      expect(existsSync(join(parts.folder, file))).toBe(true);
    // A finished job is taken as it is.
    const again = await trainTrl({ ...parts, settings: trlSchema.parse({ launch: fake('fail') }) });
    expect(again).toMatchObject({ steps: 2, finalLoss: 0.5 });
  });

  test('that dies says its last words and where the rest is', async () => {
    const parts = job({ launch: fake('vanish') });
    await expect(trainTrl(parts)).rejects.toMatchObject({
      code: 'model',
      message: expect.stringMatching(/137.*out of memory/s) as string,
    });
  });

  test('that fails says why, and is launched anew once that is mended', async () => {
    const parts = job({ launch: fake('fail') });
    await expect(trainTrl(parts)).rejects.toMatchObject({
      message: expect.stringContaining('No module named trl') as string,
    });
    const mended = { ...parts, settings: trlSchema.parse({ poll: 0.01, launch: fake('train') }) };
    expect(await trainTrl(mended)).toMatchObject({ steps: 2 });
  });

  test('whose adapter is not the one it named is refused', async () => {
    await expect(trainTrl(job({ launch: fake('swapped') }))).rejects.toMatchObject({
      message: expect.stringContaining('not the one that was trained') as string,
    });
  });

  test('cannot start without its program', async () => {
    await expect(trainTrl(job({ python: '/nowhere/python3' }))).rejects.toMatchObject({
      code: 'resource',
      hint: expect.stringContaining('temper doctor') as string,
    });
  });

  test.each([
    ['a loss that TRL does not have', dpoSchema.parse({ loss: ['sigmoid', 'simpo'] })],
    ['accumulated openings', sftSchema.parse({ opening: { tokens: 4, weight: 9 }, accumulation: 2 })],
  ])('%s is refused before anything is written', async (_, recipe) => {
    const parts = job({}, { recipe });
    await expect(trainTrl(parts)).rejects.toMatchObject({ code: 'config' });
    expect(existsSync(parts.folder)).toBe(false);
  });
});

describe('a job in a queue', () => {
  const detached = { detached: true, launch: fake('queue') };

  test('outlives a lost connection and is fetched until it has ended', async () => {
    const parts = job({ ...detached, fetch: fake('fetch') });
    const events: TemperEvent[] = [];
    const result = await trainTrl(parts, { emit: (event) => events.push(event) });
    expect(result.steps).toBe(2);
    expect(events).toContainEqual(
      expect.objectContaining({
        level: 'warning',
        message: expect.stringContaining('tried again') as string,
      }),
    );
  });

  test('is launched once: another start goes on waiting', async () => {
    const parts = job({ ...detached, patience: 0.2 });
    for (let i = 0; i < 2; i++) await expect(trainTrl(parts)).rejects.toMatchObject({ code: 'resource' });
    expect(readFileSync(join(parts.folder, 'launches'), 'utf8')).toBe('.');
  });

  test('stops waiting when it is told to', async () => {
    const controller = new AbortController();
    const waiting = trainTrl(job(detached), { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 100);
    await expect(waiting).rejects.toThrow('enough');
  });
});

test('as a trainer it hands over the weights of a GGUF file and gives the adapter', async () => {
  const folder = join(root, 'trainer');
  const settings = trlSchema.parse({ poll: 0.01, launch: fake('train') });
  const tiny = tinyLlama();
  const train = trlTrainer({
    settings,
    lora: loraSchema.parse({}),
    folder,
    id: 'x',
    path: tinyPath('model.gguf'),
  });
  const start = loadAdapter(tinyPath('adapter'), tiny.config);
  const plans: (readonly number[])[] = [];
  const recipe = dpoSchema.parse({ batch: 20, maxLength: 64 });
  const saved: number[] = [];
  const words = data.map((example) => ({ ...example, prompt: [{ role: 'user' as const, content: 'abc' }] }));
  const result = await train(tiny, start, words, recipe, {
    onPlan: (steps) => plans.push(steps) > 0,
    onCheckpoint: (_, step) => void saved.push(step),
  });
  expect(result).toMatchObject({ steps: 2 });
  expect(plans).toEqual([[2]]);
  expect(saved).toEqual([2]);
  const written = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8')) as Record<string, unknown>;
  expect(written).toMatchObject({
    model: 'model', // wherever the folder is brought
    start: 'start',
    reference: 'start',
    stopToken: tiny.tokenizer.endOfTurn,
  });
  expect(existsSync(join(folder, 'model', 'model.safetensors'))).toBe(true);
});

describe('what a job writes', () => {
  test('is read line by line, a half line later, a huge one never', () => {
    const path = join(root, 'lines');
    const follower = new LineFollower(path);
    expect(follower.read()).toEqual([]);
    writeFileSync(path, 'one\ntw');
    expect(follower.read()).toEqual(['one']);
    writeFileSync(path, `one\ntwo\n${'x'.repeat(70_000)}\nthree\n`);
    expect(follower.read()).toEqual(['two', 'three']);
    writeFileSync(path, 'new\n');
    expect(follower.read()).toEqual(['new']);
  });

  test.each(['', 'null', '[1]', '{"step":1}', '{"step":1,"steps":2,"loss":"1"}', '\u001b[31m'])(
    '%j is no line of metrics',
    (line) => expect(metricsOf(line) ?? evaluationOf(line)).toBeNull(),
  );
});

const hasPython = spawnSync('python3', ['--version']).status === 0;

describe('what doctor says of it', () => {
  test.skipIf(!hasPython)(
    'an interpreter that starts is told with its version, whatever it has',
    async () => {
      const [python, ...packages] = await checkTrl(trlSchema.parse({ python: 'python3' }));
      expect(python).toMatchObject({
        name: 'python',
        state: 'ok',
        detail: expect.stringMatching(/^3\.\d+/) as string,
      });
      expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(['torch', 'trl', 'peft']));
      for (const { detail } of packages) expect(detail).not.toBe('');
    },
  );

  test('one that does not, with the reason', async () => {
    const missing = await checkTrl(trlSchema.parse({ python: join(root, 'no-python') }));
    expect(missing).toEqual([
      { name: 'python', state: 'missing', detail: expect.stringContaining('ENOENT') as string },
    ]);
    const broken = join(root, 'broken-python');
    writeFileSync(broken, '#!/bin/sh\necho "cannot load libpython" >&2\nexit 1\n', { mode: 0o755 });
    expect((await checkTrl(trlSchema.parse({ python: broken })))[0]!.detail).toContain(
      'cannot load libpython',
    );
  });
});
