import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { targetConfig, type TargetOptions } from './target.ts';

const folder = mkdtempSync(join(tmpdir(), 'temper-target-'));
let files = 0;

/** The target under a configuration and options. */
function target(yaml: string, options: Partial<TargetOptions>) {
  const config = join(folder, `${files++}.yaml`);
  writeFileSync(config, yaml);
  return targetConfig({ config, set: [], ...options }).target;
}

describe('--base-url and --api-key-env', () => {
  const configured =
    'target: { model: "openai-compatible:a", baseUrl: "http://h1/v1", apiKey: { env: ONE } }\n' +
    'targets: { named: { model: "vllm:n", apiKey: { env: NAMED } }, inner: { model: "vllm:i@http://h3/v1" } }\n';
  const baseUrl = 'http://h2/v1';
  const apiKeyEnv = 'TWO';

  test.each([
    ['another provider', 'vllm:b', 'vllm:b'],
    ['the same provider', 'openai-compatible:b', 'openai-compatible:b'],
    ['a name', 'named', 'vllm:n'],
    ['a name whose model has an address', 'inner', 'vllm:i'],
    ['an address in --target', 'vllm:b@http://h3/v1', 'vllm:b'],
    ['the configured one', 'base', 'openai-compatible:a'],
    ['no --target', undefined, 'openai-compatible:a'],
  ])('reach %s', (_name, name, model) => {
    const options = { baseUrl, apiKeyEnv, ...(name === undefined ? {} : { target: name }) };
    expect(target(configured, options)).toMatchObject({ model, baseUrl, apiKey: { env: 'TWO' } });
  });

  test('win over an address in the name of the configured model, and give it what it lacks', () => {
    expect(target('target: { model: "vllm:a@http://h1/v1" }', { baseUrl })).toMatchObject({
      model: 'vllm:a',
      baseUrl,
    });
    expect(target('target: { model: "openai-compatible:a" }', { baseUrl })).toMatchObject({ baseUrl });
  });

  test('take no configured key to another host', () => {
    const there = target(configured, { target: 'openai-compatible:b', baseUrl });
    expect(there).toMatchObject({ baseUrl });
    expect(there.apiKey).toBeUndefined();
    const here = target(configured, { target: 'openai-compatible:b', baseUrl: 'http://h1/v2' });
    expect(here).toMatchObject({ baseUrl: 'http://h1/v2', apiKey: { env: 'ONE' } });
  });

  test('are checked, and not repeated', () => {
    for (const wrong of [{ baseUrl: 'http://user:sk-live@h/v1' }, { apiKeyEnv: 'sk-live-0123' }])
      for (const name of [{}, { target: 'vllm:x' }])
        expect(() => target(configured, { ...wrong, ...name })).toThrow(
          expect.objectContaining({
            code: 'config',
            message: expect.not.stringContaining('sk-live') as string,
          }) as Error,
        );
  });
});
