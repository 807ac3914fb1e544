import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { configSchema } from '../config/config.ts';
import { readiness } from './readiness.ts';

const NAME = 'TEMPER_TEST_READINESS_KEY';
const SECRET = 'a-value-that-nobody-may-see';
afterEach(() => void delete process.env[NAME]);

const found = async (config: Record<string, unknown>) => {
  const checks = await readiness(configSchema.parse(config));
  expect(JSON.stringify(checks)).not.toContain(SECRET);
  return checks.map(({ name, state, detail }) => `${state} ${name}: ${detail}`);
};

test('the default configuration lacks nothing', async () => {
  expect(await found({})).toEqual([
    'ok target: the default model',
    'ok judge: embedded',
    'ok simulator: scripted',
    'ok attacker: scripted',
  ]);
});

test('keys are present or missing, and never shown', async () => {
  const config = { target: { model: 'vllm:m', apiKey: { env: NAME } } };
  expect(await found(config)).toContain(`missing target key: ${NAME} is not set`);
  process.env[NAME] = SECRET;
  expect(await found(config)).toContain(`ok target key: ${NAME} is set`);
  expect(await found({ target: { model: 'vllm:m', headers: { 'X-Token': { env: NAME } } } })).toContain(
    `ok target key: ${NAME} is set`,
  );
});

test('models, adapters and sheets that are not there are named', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'temper-ready-'));
  mkdirSync(join(folder, 'adapter'));
  writeFileSync(join(folder, 'adapter', 'adapter_config.json'), '{}');
  const [path, adapter] = [join(folder, 'nowhere.gguf'), join(folder, 'adapter')];
  const lines = await found({
    target: { path, adapter },
    judge: 'ensemble:panel',
    judges: { panel: { rule: 'median', of: ['embedded', 'rubric:nobody', 'human:nowhere.csv'] } },
    simulator: 'llm:grader',
    targets: { grader: { model: 'vllm:m' } },
  });
  expect(lines).toContain(`missing target: ${path} is not there`);
  expect(lines).toContain(
    `missing target adapter: ${join(adapter, 'adapter_model.safetensors')} is not there`,
  );
  expect(lines).toContain("missing judge: 'nobody' is no model");
  expect(lines.find((line) => line.startsWith('missing judge sheet'))).toContain('cannot read nowhere.csv');
  expect(lines).toContain('ok simulator model: vllm:m (not called)');
});

test('a judge that is none is said to be none', async () => {
  expect(await found({ judge: 'oracle' })).toContain('missing judge: unknown judge `oracle`');
});
