/** Specifications, settings, templates and keys: what stands between the configuration and a call. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connectionProblems } from './problems.ts';
import { modelIdentity, PROVIDERS } from './registry.ts';
import { Secrets } from './secrets.ts';
import { connectionSchema } from './settings.ts';
import { parseSpec } from './spec.ts';
import { fillTemplate, type TemplateValues, unknownPlaces, valueAt } from './template.ts';

describe('parseSpec', () => {
  test.each([
    ['openai:gpt-4o-mini', 'openai', 'gpt-4o-mini', undefined],
    ['ollama:llama3.2:1b', 'ollama', 'llama3.2:1b', undefined],
    [
      'openai-compatible:@cf/meta/llama@http://h:1/v1',
      'openai-compatible',
      '@cf/meta/llama',
      'http://h:1/v1',
    ],
    ['http', 'http', '', undefined],
    ['http:bot@https://h/chat', 'http', 'bot', 'https://h/chat'],
  ])('%s', (spec, provider, model, baseUrl) => {
    expect(parseSpec(spec)).toEqual({ provider, model, ...(baseUrl === undefined ? {} : { baseUrl }) });
  });
});

describe('settings', () => {
  const problems = (value: unknown): string[] =>
    connectionSchema
      .safeParse(value)
      .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

  test('a key has no place in the configuration, and is not repeated in the error', () => {
    const key = 'sk-live-0123456789';
    const found = problems({
      model: 'openai:x',
      apiKey: key,
      headers: { Authorization: `Bearer ${key}`, 'X-Api-Key': key, 'X-Team': 'red' },
      baseUrl: `https://user:${key}@host/v1?api_key=${key}`,
    });
    expect(found).toHaveLength(4);
    expect(found.join('\n')).not.toContain(key);
    expect(problems({ apiKey: { env: key } }).join()).not.toContain(key);
  });

  test('a header that no request can carry is refused, its value not repeated', () => {
    const found = problems({
      headers: { 'X Bad': 'v', 'X-Line': 'one\ntwo', 'X-Hidden': 'zero\u200Bwidth', 'X-Good': 'caf\u00E9' },
    });
    expect(found.map((problem) => problem.split(':')[0])).toEqual([
      'headers.X Bad',
      'headers.X-Line',
      'headers.X-Hidden',
    ]);
    expect(found.join()).not.toMatch(/width|two/);
    expect(problems({ headers: { 'X-Token': { env: 'T', prefix: 'a\nb' } } })).toHaveLength(1);
  });

  test('the address may not carry a credential', () => {
    expect(problems({ baseUrl: 'https://host/v1?token=abc' })).toHaveLength(1);
    expect(problems({ baseUrl: 'https://host/v1?api-version=2024' })).toEqual([]);
    expect(problems({ baseUrl: 'ftp://host' })).toHaveLength(1);
  });
});

describe('connectionProblems', () => {
  const of = (settings: Record<string, unknown>): string[] =>
    connectionProblems(connectionSchema.parse(settings)).map(({ key }) => key);

  test.each([
    [{ model: 'openai:gpt' }, []],
    [{ model: 'ollama:x' }, []],
    [{ model: 'command', command: { run: ['a'] } }, []],
    [{ model: 'nobody:x' }, ['model']],
    [{ model: 'openai' }, ['model']],
    [{ model: 'openai-compatible:' }, ['model', 'baseUrl']],
    [{ model: 'openai-compatible:x@http://u:p@h/v1' }, ['model']],
    [{ model: 'azure:x' }, ['resource']],
    [{ model: 'bedrock:x' }, ['region']],
    [{ model: 'http' }, ['baseUrl', 'http']],
    [{ model: 'http@http://h', http: { body: { q: '{{prompt}} {{nonsense}}' } } }, ['http']],
    [{ model: 'http@http://h', http: { body: 'no place' } }, ['http']],
    [{ model: 'command' }, ['command']],
    [{ model: 'embedded' }, []],
    [{ baseUrl: 'http://h/v1', apiKey: { env: 'K' }, region: 'r' }, ['baseUrl', 'apiKey', 'region']],
    [{ model: 'vllm:x', http: { body: '{{prompt}}' }, command: { run: ['a'] } }, ['http', 'command']],
  ])('%o', (settings, keys) => {
    expect(of(settings)).toEqual(keys);
  });

  test('weights on disk are not for a model that is called', () => {
    const called = connectionSchema.parse({ model: 'vllm:x' });
    const found = connectionProblems({ ...called, path: 'm.gguf', adapter: 'a' }).map(({ key }) => key);
    expect(found).toEqual(['path', 'adapter']);
    expect(connectionProblems({ ...called, model: 'embedded', path: 'm.gguf', adapter: 'a' })).toEqual([]);
  });
});

test('every provider says what it is', () => {
  for (const { description } of Object.values(PROVIDERS)) expect(description.length).toBeGreaterThan(5);
  expect(Object.keys(PROVIDERS)).toEqual(
    expect.arrayContaining([
      'openai',
      'azure',
      'anthropic',
      'google',
      'bedrock',
      'mistral',
      'vllm',
      'http',
      'command',
    ]),
  );
});

test('an identity holds what shapes the answers, and neither key nor price', () => {
  const base = { model: 'vllm:x', baseUrl: 'http://h/v1' } as const;
  const id = (more: Record<string, unknown>): string =>
    modelIdentity(connectionSchema.parse({ ...base, ...more }));
  expect(id({})).toBe(modelIdentity(connectionSchema.parse({ model: 'vllm:x@http://h/v1' })));
  expect(id({ apiKey: { env: 'A' }, price: { input: 1, output: 2 } })).toBe(id({}));
  expect(id({ options: { top_k: 1 } })).not.toBe(id({}));
  expect(id({ baseUrl: 'http://other/v1' })).not.toBe(id({}));
});

test('the identity of a command covers its program and the files among its arguments', () => {
  const folder = mkdtempSync(join(tmpdir(), 'temper-command-'));
  const other = mkdtempSync(join(tmpdir(), 'temper-command-'));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const bot = write('bot.py', 'one');
  const rules = write('rules.txt', 'one');
  write('runner', 'one');
  const id = (path = folder): string => {
    const command = { run: ['runner', bot, `--rules=${rules}`, '--no-file', folder] };
    return modelIdentity(connectionSchema.parse({ model: 'command:bot', command }), path);
  };
  const ids = [id()];
  expect(id()).toBe(ids[0]);
  for (const name of ['bot.py', 'rules.txt', 'runner']) {
    write(name, 'two');
    ids.push(id());
  }
  writeFileSync(join(other, 'runner'), 'two');
  ids.push(id(other));
  expect(new Set(ids).size).toBe(5);
});

describe('templates', () => {
  const values: TemplateValues = {
    prompt: 'say "hi" {{system}}',
    system: 'S',
    messages: [{ role: 'user', content: 'x' }],
    history: [],
    model: 'm',
    maxTokens: 5,
    temperature: 0,
    topP: null,
    seed: null,
  };

  test('a place alone becomes the value, a place in a text becomes text, and what was filled stays as it is', () => {
    expect(
      fillTemplate({ a: '{{messages}}', b: ['{{ maxTokens }}'], c: 'Q: {{prompt}}!', d: 3 }, values),
    ).toEqual({
      a: values.messages,
      b: [5],
      c: 'Q: say "hi" {{system}}!',
      d: 3,
    });
  });

  test('no prompt breaks out of its place', () => {
    fc.assert(
      fc.property(fc.string(), (prompt) => {
        const filled = fillTemplate({ q: 'ask: {{prompt}}' }, { ...values, prompt });
        expect(JSON.parse(JSON.stringify(filled))).toEqual({ q: `ask: ${prompt}` });
      }),
    );
  });

  test('unknown places and paths', () => {
    expect(unknownPlaces({ a: '{{prompt}} {{promt}}', '{{x}}': 1 })).toEqual(['promt', 'x']);
    expect(valueAt({ a: [{ b: 'c' }] }, 'a.0.b')).toBe('c');
    expect(valueAt({ a: [{ b: 'c' }] }, '$.a[0].b')).toBe('c');
    expect(valueAt({ a: 1 }, 'a.b.c')).toBeUndefined();
    expect(valueAt({}, 'constructor')).toBeUndefined();
  });
});

describe('Secrets', () => {
  const environment: Record<string, string> = { KEY: ' sk-"quoted"/0123 ', SHORT: 'abc', EMPTY: ' ' };
  const secrets = new Secrets((name) => environment[name]);

  test('a key is read by name, with its prefix, and taken out of texts in every form', () => {
    expect(secrets.require({ env: 'KEY', prefix: 'Bearer ' }, 'x')).toBe('Bearer sk-"quoted"/0123');
    const text = `a sk-"quoted"/0123 b ${JSON.stringify({ k: 'sk-"quoted"/0123' })} c ${encodeURIComponent('sk-"quoted"/0123')}`;
    expect(secrets.redact(text)).not.toMatch(/quoted/);
  });

  test('one with an invisible character or a line break is refused, and not repeated', () => {
    for (const bad of ['sk-0123\u200B456789', 'sk-0123\n456789'])
      expect(() => new Secrets(() => bad).require({ env: 'KEY' }, 'x')).toThrow(
        expect.objectContaining({
          code: 'config',
          message: expect.not.stringContaining('456789') as string,
        }) as Error,
      );
  });

  test('a missing one names the variable', () => {
    expect(() => secrets.require({ env: 'EMPTY' }, 'openai')).toThrow(/EMPTY, which is not set/);
  });
});
