/** The AI SDK's providers, as their packages are, against a local server that speaks each one's own format. */
import { describe, expect, test } from 'vitest';
import { HOSTED, openHosted } from '../../src/models/providers.ts';
import { Secrets } from '../../src/models/secrets.ts';
import { connectionSchema } from '../../src/models/settings.ts';
import { open } from './open.ts';
import { completion, json, LocalServer } from './server.ts';

const KEY = 'secret-0123456789';
const anthropic = (text: string, stop = 'end_turn') => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm',
  content: text === '' ? [] : [{ type: 'text', text }],
  stop_reason: stop,
  stop_sequence: null,
  usage: { input_tokens: 10, output_tokens: 5 },
});
const google = (text: string, finishReason = 'STOP') => ({
  candidates: [{ content: { role: 'model', parts: [{ text }] }, finishReason, index: 0 }],
  usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5, totalTokenCount: 15 },
});
const bedrock = (text: string, stopReason = 'end_turn') => ({
  output: { message: { role: 'assistant', content: [{ text }] } },
  stopReason,
  usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 },
  metrics: { latencyMs: 1 },
});
const chat = (text: string, finish = 'stop') => ({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  ...completion(text, finish),
});
const filtered = {
  error: { message: 'filtered', type: 'invalid_request_error', param: 'prompt', code: 'content_filter' },
};

interface Case {
  readonly connection?: Record<string, unknown>;
  readonly environment?: Record<string, string>;
  /** Path of the request, and the header that carries the key. */
  readonly path: RegExp;
  readonly header: [string, RegExp];
  readonly answer: unknown;
  /** What its filter sends: status and body. */
  readonly blocked: readonly [number, unknown][];
}

const CASES: Readonly<Record<string, Case>> = {
  openai: {
    path: /\/chat\/completions$/,
    header: ['authorization', /^Bearer secret-/],
    answer: chat('hello'),
    blocked: [
      [400, filtered],
      [200, chat('', 'content_filter')],
    ],
  },
  azure: {
    connection: { apiVersion: '2024-10-21' },
    path: /\/deployments\/m\/chat\/completions\?api-version=2024-10-21$/,
    header: ['api-key', /^secret-/],
    answer: chat('hello'),
    blocked: [
      [400, { error: { ...filtered.error, innererror: { code: 'ResponsibleAIPolicyViolation' } } }],
      [200, chat('', 'content_filter')],
    ],
  },
  mistral: {
    path: /\/chat\/completions$/,
    header: ['authorization', /^Bearer secret-/],
    answer: chat('hello'),
    blocked: [],
  },
  anthropic: {
    path: /\/messages$/,
    header: ['x-api-key', /^secret-/],
    answer: anthropic('hello'),
    blocked: [[200, anthropic('', 'refusal')]],
  },
  google: {
    path: /\/models\/m:generateContent$/,
    header: ['x-goog-api-key', /^secret-/],
    answer: google('hello'),
    blocked: [
      [
        200,
        { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, usageMetadata: { promptTokenCount: 10 } },
      ],
      [200, { candidates: [{ finishReason: 'SAFETY', index: 0 }], usageMetadata: { promptTokenCount: 10 } }],
    ],
  },
  bedrock: {
    connection: { region: 'eu-west-1' },
    path: /\/model\/m\/converse$/,
    header: ['authorization', /^Bearer secret-/],
    answer: bedrock('hello'),
    blocked: [[200, bedrock('', 'guardrail_intervened')]],
  },
};

test('every provider has a case', () => {
  expect(Object.keys(CASES).sort()).toEqual(Object.keys(HOSTED).sort());
});

describe.each(Object.entries(CASES))('%s', (name, { connection = {}, path, header, answer, blocked }) => {
  const environment = { [HOSTED[name]!.key]: KEY };
  const at = (server: LocalServer) => ({ model: `${name}:m`, baseUrl: server.url, ...connection });

  test('answers, with its key in its header and its usage counted; a busy server is asked again', async () => {
    await using server = await LocalServer.start((response) =>
      server.seen.length === 1
        ? json(response, { error: { message: 'slow down', type: 'rate', code: 'rate' } }, 429, {
            'retry-after': '1',
          })
        : json(response, answer),
    );
    using opened = await open(at(server), { environment });
    const reply = await opened.ask('hi', 'Be brief.');
    expect(reply).toMatchObject({ text: 'hello', finish: 'stop', tokens: 5 });
    expect(opened.usage()).toMatchObject({
      calls: 2,
      retries: 1,
      answers: 1,
      inputTokens: 10,
      outputTokens: 5,
      estimated: 0,
    });
    const [, second] = server.seen;
    expect(second!.path).toMatch(path);
    expect(second!.headers[header[0]]).toMatch(header[1]);
    expect(second!.body).toContain('Be brief.');
    expect(second!.body).not.toMatch(/top_?p/i);
  });

  test.each(blocked)('a filter is an outcome (%i)', async (status, body) => {
    await using server = await LocalServer.start((response) => json(response, body, status));
    using opened = await open(at(server), { environment });
    expect(await opened.ask('hi')).toMatchObject({ text: '', finish: 'blocked' });
    expect(server.seen).toHaveLength(1);
    expect(opened.usage()).toMatchObject({ blocked: 1, answers: 0, failed: 0 });
  });

  test('what is no answer is tried again and then given up; a broken connection too', async () => {
    await using server = await LocalServer.start((response) => {
      if (server.seen.length % 2 === 0) response.socket?.destroy();
      else json(response, { hello: 1 });
    });
    using opened = await open(at(server), { environment, calls: { retries: 3 } });
    await expect(opened.ask('hi')).rejects.toThrow(/4 times/);
    expect(server.seen).toHaveLength(4);
    expect(opened.usage()).toMatchObject({ failed: 1, blocked: 0, answers: 0 });
  });

  test('a refused key ends the run, and the message does not hold it', async () => {
    await using server = await LocalServer.start((response) =>
      json(
        response,
        { error: { message: `wrong key ${KEY}`, type: 'auth', code: 'invalid_api_key' }, message: KEY },
        401,
      ),
    );
    using opened = await open(at(server), { environment });
    const failure = await opened.ask('hi').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'provider' });
    expect(String(failure)).not.toContain(KEY);
  });

  test('without a key it says which variable it wants', async () => {
    await expect(open({ model: `${name}:m`, region: 'eu-west-1', resource: 'r' })).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining(HOSTED[name]!.key) as string,
    });
  });
});

test('Bedrock signs with the usual AWS variables', async () => {
  await using server = await LocalServer.start((response) => json(response, bedrock('hello')));
  const environment = {
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI',
    AWS_SESSION_TOKEN: 'session-token',
  };
  using opened = await open(
    { model: 'bedrock:m', region: 'eu-west-1', baseUrl: server.url },
    { environment },
  );
  expect((await opened.ask('hi')).text).toBe('hello');
  expect(server.seen[0]!.headers.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d+\/eu-west-1\/bedrock/,
  );
});

test('a missing package is one error with the line that installs it', async () => {
  const provider = { ...HOSTED['openai']!, package: '@ai-sdk/openai-that-is-not-there' };
  const parts = {
    connection: connectionSchema.parse({ model: 'openai:m' }),
    secrets: new Secrets(() => KEY),
    settings: { baseURL: 'http://localhost', headers: {}, fetch },
  };
  await expect(openHosted('openai', provider, 'm', parts)).rejects.toMatchObject({
    code: 'model',
    message: expect.stringContaining('which is not installed') as string,
    hint: 'npm install @ai-sdk/openai-that-is-not-there@^4',
  });
});

test('options of the configuration reach the provider', async () => {
  await using server = await LocalServer.start((response) => json(response, chat('hello')));
  const connection = { model: 'openai:m', baseUrl: server.url, options: { user: 'red-team' } };
  using opened = await open(connection, { environment: { OPENAI_API_KEY: KEY } });
  await opened.ask('hi');
  expect(JSON.parse(server.seen[0]!.body)).toMatchObject({
    user: 'red-team',
    temperature: 0.5,
    max_tokens: 9,
  });
});
