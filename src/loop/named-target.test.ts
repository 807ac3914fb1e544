import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configSchema } from '../config/config.ts';
import { namedTarget } from './named-target.ts';

const folder = mkdtempSync(join(tmpdir(), 'temper-named-'));
const gguf = join(folder, 'model.gguf');
writeFileSync(gguf, '');
const adapter = join(folder, 'adapter');
mkdirSync(adapter);
writeFileSync(join(adapter, 'adapter_config.json'), '{}');

const config = configSchema.parse({
  target: {
    model: 'vllm:big',
    baseUrl: 'http://here:8000/v1',
    apiKey: { env: 'KEY' },
    system: 'S',
    maxTokens: 9,
  },
  targets: {
    small: { model: 'ollama:small', maxTokens: 5 },
    local: { path: gguf },
  },
});
const manner = { system: 'S', temperature: 0, topP: 1, maxTokens: 9, batch: 96 };

describe('namedTarget', () => {
  test('names of the configuration, with the manner of the configured target where they say nothing', () => {
    expect(namedTarget(config, 'base')).toEqual(config.target);
    expect(namedTarget(config, 'small')).toEqual({ ...manner, model: 'ollama:small', maxTokens: 5 });
    expect(namedTarget(config, 'local')).toEqual({ ...manner, model: 'embedded', path: gguf });
  });

  test('models on disk, and base:adapter', () => {
    expect(namedTarget(config, 'embedded')).toEqual({ ...manner, model: 'embedded' });
    expect(namedTarget(config, gguf)).toEqual({ ...manner, model: 'embedded', path: gguf });
    expect(namedTarget(config, `embedded:${gguf}`)).toEqual({ ...manner, model: 'embedded', path: gguf });
    expect(namedTarget(config, `embedded:${adapter}`)).toEqual({ ...manner, model: 'embedded', adapter });
    expect(namedTarget(config, `${gguf}:${adapter}`)).toEqual({
      ...manner,
      model: 'embedded',
      path: gguf,
      adapter,
    });
    expect(namedTarget(config, `local:${adapter}`)).toEqual({
      ...manner,
      model: 'embedded',
      path: gguf,
      adapter,
    });
    // The base is reached by calls: an adapter on disk does not reach it.
    expect(namedTarget(config, `base:${adapter}`)).toBeNull();
    for (const nothing of [adapter, folder, join(folder, 'none.gguf'), 'nobody:x', 'embeded'])
      expect(namedTarget(config, nothing)).toBeNull();
    expect(() => namedTarget(config, '')).toThrow("'' does not say provider:model");
  });

  test('a key goes only where it was configured for', () => {
    const key = { env: 'KEY' };
    expect(namedTarget(config, 'vllm:other')).toMatchObject({
      model: 'vllm:other',
      baseUrl: 'http://here:8000/v1',
      apiKey: key,
    });
    expect(namedTarget(config, 'vllm:other@http://here:8000/v2')).toMatchObject({ apiKey: key });
    for (const elsewhere of [
      'vllm:other@http://there:8000/v1',
      'openai-compatible:x@http://here:8000/v1',
      'openai:x',
    ])
      expect(namedTarget(config, elsewhere)?.apiKey).toBeUndefined();
    // The address that stands in the name of the configured model goes with its key.
    const within = configSchema.parse({ target: { model: 'vllm:a@https://gpu.localhost/v1', apiKey: key } });
    expect(namedTarget(within, 'vllm:b')).toMatchObject({
      model: 'vllm:b',
      baseUrl: 'https://gpu.localhost/v1',
      apiKey: key,
    });
    expect(namedTarget(within, 'vllm:b@http://localhost:8000/v1')?.apiKey).toBeUndefined();
    // A server at the address where it listens by default.
    const usual = configSchema.parse({ target: { model: 'vllm:a', apiKey: key } });
    expect(namedTarget(usual, 'vllm:b')).toMatchObject({ apiKey: key });
    expect(namedTarget(usual, 'vllm:b@https://gpu.localhost/v1')?.apiKey).toBeUndefined();
    // Beside the default model they can only be meant for what is named.
    const bare = configSchema.parse({ target: { apiKey: key } });
    expect(namedTarget(bare, 'openai-compatible:x@http://there/v1')).toMatchObject({ apiKey: key });
  });
});
