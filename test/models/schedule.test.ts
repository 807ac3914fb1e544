/** The commands against a server that fails on schedule: order, count, outcomes, keys, budget. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { Conversation, Verdict } from '../../src/core/records.ts';
import { completion, json, LocalServer, scheduled } from './server.ts';
import { everything, jsonLines, temper } from './temper.ts';

const KEY = 'sk-test-0123456789abcdef';
const environment = { TEMPER_TEST_KEY: KEY };
const place = (): string => mkdtempSync(join(tmpdir(), 'temper-remote-'));
const spec = (server: LocalServer): string => `openai-compatible:tiny@${server.url}/v1`;
const keyed = ['--api-key-env', 'TEMPER_TEST_KEY'];

function prompts(folder: string, texts: readonly string[]): string {
  const path = join(folder, 'prompts.jsonl');
  writeFileSync(path, texts.map((prompt, id) => JSON.stringify({ id, prompt })).join('\n'));
  return path;
}

test('every failure has its outcome, answers keep order and count, and the key is nowhere', async () => {
  await using server = await LocalServer.start(scheduled);
  const folder = place();
  const passing = [
    'busy',
    '500',
    'gateway',
    'reset',
    'cut',
    'malformed',
    'shapeless',
    'wrapped',
    'hang',
    'stall',
  ];
  const texts = [
    ...passing.map((name) => `p [fail:${name}:1]`),
    ...Array.from({ length: 30 }, (_, i) => `burst ${i} [fail:busy:${i % 3}]`),
    ...['hang', 'malformed', 'huge', 'too-long', 'echo'].map((name) => `never [fail:${name}:99]`),
    'filtered [fail:filter:99]',
    'cut by the filter [fail:filter-finish:99]',
    '[slow] one',
    'tell me your key [echo]',
    ...Array.from({ length: 20 }, (_, i) => `plain ${i}`),
  ];
  const input = prompts(folder, texts);
  const out = join(folder, 'out.jsonl');
  const settings = ['--set', 'calls.firstByteSeconds=0.6', '--set', 'calls.retries=3'];
  const args = ['generate', input, '--target', spec(server), ...keyed, '--out', out, '--json', ...settings];
  const { status, stdout, stderr } = await temper(folder, args, environment);
  expect(stderr).not.toMatch(/^error/m);
  expect(status).toBe(0);
  const records = jsonLines(readFileSync(out, 'utf8'));
  expect(records.map(({ id }) => id)).toEqual(texts.map((_, id) => id));
  for (const [i, text] of texts.entries()) {
    const record = records[i]!;
    if (text.startsWith('never')) {
      expect(record).toEqual({ id: i, error: expect.any(String) as string });
    } else if (text.includes('filter')) {
      expect(record).toEqual({
        id: i,
        finish: 'blocked',
        blocked: expect.stringMatching(/filter/) as string,
      });
    } else {
      expect(record).toMatchObject({ finish: 'stop', tokens: 5 });
      expect(record['response']).toMatch(text.includes('[echo]') ? /Bearer \[redacted\]$/ : /^answer to/);
    }
  }
  const { usage, ...counts } = JSON.parse(stdout) as { usage: { target: Record<string, number> } };
  expect(counts).toMatchObject({ records: texts.length, errors: 5, blocked: 2 });
  expect(usage.target['calls']).toBe(server.seen.length);
  expect(usage.target).toMatchObject({ answers: texts.length - 7, blocked: 2, failed: 5 });
  expect(server.seen.every(({ headers }) => headers.authorization === `Bearer ${KEY}`)).toBe(true);
  expect(stdout + stderr + everything(folder)).not.toContain(KEY);
});

test('eval: what was blocked or failed is unscored, stored as such, and the key is not in the store', async () => {
  let asked = 0;
  await using server = await LocalServer.start((response, seen) => {
    asked++;
    if (asked % 5 === 0) return json(response, { error: { code: 'content_filter', message: 'no' } }, 400);
    if (asked % 7 === 0)
      return json(response, { error: { message: `no: ${seen.headers.authorization}` } }, 400);
    json(response, completion('I cannot help with that.'));
  });
  const folder = place();
  const suites = ['adversarial=40', 'benign=20', 'grounded=4', 'general=6'].flatMap((each) => [
    '--set',
    `suites.sealed.${each}`,
  ]);
  const args = ['eval', '--target', spec(server), ...keyed, '--json', ...suites];
  const { status, stdout, stderr } = await temper(folder, args, environment);
  expect(stderr).not.toMatch(/^error/m);
  expect(status).toBe(0);
  expect(stderr).toMatch(/blocked by the provider/);
  const card = JSON.parse(stdout) as {
    harm: { dr3: { before: { n: number; unscored: number; value: number } } };
  };
  const store = new DatabaseSync(join(folder, '.temper', 'store.sqlite'));
  const read = <T>(table: string): T[] =>
    store
      .prepare(`select record from ${table}`)
      .all()
      .map(({ record }) => JSON.parse(String(record)) as T);
  const conversations = read<Conversation>('conversations');
  const finishes = (finish: string): string[] =>
    conversations.filter(({ turns }) => turns.some((turn) => turn.finish === finish)).map(({ id }) => id);
  expect(finishes('blocked').length).toBeGreaterThan(5);
  expect(finishes('error').length).toBeGreaterThan(3);
  const bad = new Map(
    conversations.flatMap(({ id, turns }) =>
      turns.filter(({ finish }) => finish !== 'stop').map((turn) => [`${id}/${turn.index}`, turn]),
    ),
  );
  const verdicts = read<Verdict>('verdicts').filter(({ conversation, turn }) =>
    bad.has(`${conversation}/${turn}`),
  );
  expect(verdicts.length).toBeGreaterThan(10);
  for (const verdict of verdicts) {
    expect(verdict.status).toBe('unscored');
    expect(verdict).toMatchObject({ reason: expect.stringMatching(/^(blocked|error)/) as string });
  }
  const { n, unscored, value } = card.harm.dr3.before;
  expect(n + unscored).toBe(40);
  expect(unscored).toBeGreaterThan(0);
  expect(value).toBe(0);
  expect(stdout + stderr + everything(folder)).not.toContain(KEY);
});

test('what ended with an error is asked again by the same command, and only that', async () => {
  let up = false;
  await using server = await LocalServer.start((response, seen) =>
    up || server.seen.length % 3 > 0
      ? json(response, completion(`answer to ${seen.prompt}`))
      : json(response, { error: { message: 'cannot' } }, 422),
  );
  const folder = place();
  const suites = ['adversarial=0', 'benign=0', 'grounded=0', 'general=12'].flatMap((each) => [
    '--set',
    `suites.sealed.${each}`,
  ]);
  const args = ['eval', '--json', '--target', spec(server), '--set', 'calls.cache=false', ...suites];
  const first = await temper(folder, args);
  expect(first.stderr).toMatch(/4 of 12 conversations ended with an error and are unscored/);
  up = true;
  const asked = server.seen.length;
  const second = await temper(folder, args);
  expect(second.status).toBe(0);
  expect(second.stderr).not.toMatch(/ended with an error/);
  expect(server.seen.length - asked).toBe(4);
  await temper(folder, args);
  expect(server.seen.length - asked).toBe(4);
});

test('a budget stops with its own code, keeps everything, and the next command goes on', async () => {
  await using server = await LocalServer.start(scheduled);
  const folder = place();
  const texts = Array.from({ length: 30 }, (_, i) => `plain ${i}`);
  const input = prompts(folder, texts);
  const out = join(folder, 'out.jsonl');
  const args = ['generate', input, '--target', spec(server), '--out', out];
  const stopped = await temper(folder, [...args, '--set', 'calls.budget.calls=12']);
  expect(stopped.status).toBe(12);
  expect(stopped.stderr).toMatch(/the budget of 12 calls is spent/);
  expect(server.seen).toHaveLength(12);
  const kept = jsonLines(readFileSync(out, 'utf8'));
  expect(kept).toHaveLength(12);
  expect(kept.map(({ id }) => id)).toEqual(kept.map((_, i) => i));
  const finished = await temper(folder, args);
  expect(finished.status).toBe(0);
  expect(finished.stderr).toMatch(/12 answers from the cache/);
  expect(jsonLines(readFileSync(out, 'utf8'))).toHaveLength(30);
  expect(server.seen).toHaveLength(30);
});

test('a command that is done ends, whatever pause a provider wished', { timeout: 60_000 }, async () => {
  await using server = await LocalServer.start((response) =>
    json(response, { error: { message: 'slow down' } }, 429, { 'retry-after': '250' }),
  );
  const folder = place();
  const args = ['generate', prompts(folder, ['a']), '--target', spec(server), '--set', 'calls.retries=0'];
  const { status, stdout } = await temper(folder, args);
  expect(status).toBe(0);
  expect(jsonLines(stdout)).toEqual([{ id: 0, error: '429: slow down' }]);
});

test('an output that cannot be written stops the calls that wait', async () => {
  await using server = await LocalServer.start(scheduled);
  const texts = Array.from({ length: 500 }, (_, i) => (i === 0 ? 'first' : `p ${i} [slow]`));
  const folder = place();
  const args = ['generate', prompts(folder, texts), '--target', spec(server), '--out', '/dev/full'];
  const { status } = await temper(folder, args);
  expect(status).toBe(7);
  expect(server.seen.length).toBeLessThan(60);
});

test('generate asks a named target in its manner; options win where they are given', async () => {
  await using server = await LocalServer.start(scheduled);
  const folder = place();
  const target = (more: string): string => `{ model: "vllm:m", baseUrl: "${server.url}/v1"${more} }`;
  writeFileSync(
    join(folder, 'temper.yaml'),
    `target: { topP: 0.5 }\ntargets:\n  a: ${target(', temperature: 0.7, maxTokens: 33, system: "Be brief."')}\n  b: ${target('')}\n`,
  );
  const input = prompts(folder, ['hi']);
  const asked = async (...args: string[]): Promise<unknown> => {
    await temper(folder, ['generate', input, ...args]);
    return JSON.parse(server.seen.at(-1)!.body) as unknown;
  };
  const user = { role: 'user', content: 'hi' };
  const system = { role: 'system', content: 'Be brief.' };
  const a = { messages: [system, user], temperature: 0.7, max_tokens: 33, top_p: 0.5 };
  expect(await asked('--target', 'a')).toMatchObject(a);
  const given = ['--temperature', '0', '--max-tokens', '5'];
  expect(await asked('--target', 'a', ...given)).toMatchObject({ ...a, temperature: 0, max_tokens: 5 });
  expect(await asked('--target', 'b')).toMatchObject({ messages: [user], temperature: 0, max_tokens: 256 });
});

test('what does not fit the model is found before the store is made', async () => {
  const folder = place();
  const { status, stderr } = await temper(folder, ['eval', '--base-url', 'http://localhost:1/v1']);
  expect(status).toBe(3);
  expect(stderr).toContain('target.baseUrl: is set, but the model is embedded');
  expect(readdirSync(folder)).toEqual([]);
});

test('the two arms of compare spend one budget', async () => {
  await using server = await LocalServer.start(scheduled);
  const suites = ['adversarial=0', 'benign=0', 'grounded=0', 'general=10'].flatMap((each) => [
    '--set',
    `suites.sealed.${each}`,
  ]);
  const at = (model: string): string => `vllm:${model}@${server.url}/v1`;
  const args = ['compare', at('a'), at('b'), '--set', 'calls.budget.calls=14', ...suites];
  const { status, stderr } = await temper(place(), args);
  expect(status).toBe(12);
  expect(stderr).toMatch(/the budget of 14 calls is spent/);
  expect(server.seen).toHaveLength(14);
});

test('eval after a budget stop asks only what is missing, and ends as if it had not stopped', async () => {
  await using server = await LocalServer.start(scheduled);
  const suites = ['adversarial=20', 'benign=10', 'grounded=0', 'general=0'].flatMap((each) => [
    '--set',
    `suites.dev.${each}`,
  ]);
  const args = [
    'eval',
    '--split',
    'dev',
    '--json',
    '--target',
    spec(server),
    '--set',
    'calls.cache=false',
    ...suites,
  ];
  const whole = await temper(place(), args);
  expect(whole.status).toBe(0);
  const needed = server.seen.length;
  const folder = place();
  const stopped = await temper(folder, [...args, '--set', 'calls.budget.tokens=400']);
  expect(stopped.status).toBe(12);
  const first = server.seen.length - needed;
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(needed);
  const resumed = await temper(folder, args);
  expect(resumed.status).toBe(0);
  // Of a conversation of several turns that was cut off, the turns are asked again.
  expect(server.seen.length - needed - first).toBeLessThan(needed);
  const comparable = (text: string): unknown => {
    const { about: _about, ...card } = JSON.parse(text) as Record<string, unknown>;
    return card;
  };
  expect(comparable(resumed.stdout)).toEqual(comparable(whole.stdout));
});

test.each([
  ['a refused key', 401, 'refuses calls (401: Incorrect key [redacted])'],
  ['no such model', 404, 'refuses calls (404'],
])('%s ends the command at once', async (_name, code, message) => {
  await using server = await LocalServer.start((response, { headers }) =>
    json(response, { error: { message: `Incorrect key ${headers.authorization?.split(' ')[1]}` } }, code),
  );
  const folder = place();
  const input = prompts(
    folder,
    Array.from({ length: 200 }, (_, i) => `plain ${i}`),
  );
  const { status, stdout, stderr } = await temper(
    folder,
    ['generate', input, '--target', spec(server), ...keyed],
    environment,
  );
  expect(status).toBe(9);
  expect(stderr).toContain(message);
  expect(server.seen.length).toBeLessThanOrEqual(20);
  expect(stdout + stderr).not.toContain(KEY);
});

test('a server that is not there ends the command; a key that is not set and a bad address are found before', async () => {
  const folder = place();
  const input = prompts(folder, ['a', 'b']);
  const target = 'openai-compatible:tiny@http://127.0.0.1:1/v1';
  const gone = await temper(folder, ['generate', input, '--target', target]);
  expect(gone).toMatchObject({
    status: 9,
    stderr: expect.stringMatching(/cannot be reached.*ECONNREFUSED/) as string,
  });
  const keyless = await temper(folder, [
    'generate',
    input,
    '--target',
    target,
    '--api-key-env',
    'TEMPER_NO_SUCH_KEY',
  ]);
  expect(keyless).toMatchObject({
    status: 3,
    stderr: expect.stringMatching(/TEMPER_NO_SUCH_KEY, which is not set/) as string,
  });
  const secret = await temper(folder, [
    'generate',
    input,
    '--target',
    target,
    '--base-url',
    `http://user:${KEY}@host/v1`,
  ]);
  expect(secret.status).toBe(3);
  expect(secret.stderr).not.toContain(KEY);
});

test('attack, compare and curate work on models that are called; run says what can be done instead', async () => {
  await using server = await LocalServer.start((response, { body }) => {
    const { model } = JSON.parse(body) as { model: string };
    json(
      response,
      completion(
        model === 'meek'
          ? 'I cannot help with that.'
          : 'Sure! First, you take the thing and then you go on with it.',
      ),
    );
  });
  const folder = place();
  const suites = [
    'dev.adversarial=12',
    'dev.benign=6',
    'dev.general=2',
    'everyday=2',
    'sealed.adversarial=12',
    'sealed.benign=6',
    'sealed.grounded=2',
    'sealed.general=2',
  ];
  const settings = suites.flatMap((each) => ['--set', `suites.${each}`]);
  const at = (model: string): string => `openai-compatible:${model}@${server.url}/v1`;
  const attack = await temper(folder, ['attack', '--target', at('bold'), '--json', ...settings]);
  expect(attack.status).toBe(0);
  expect(JSON.parse(attack.stdout)).toHaveProperty('byAttack');
  writeFileSync(
    join(folder, 'temper.yaml'),
    `targets: { meek: { model: "vllm:meek", baseUrl: "${server.url}/v1" } }\n`,
  );
  const compare = await temper(folder, ['compare', at('bold'), 'meek', '--json', ...settings]);
  expect(compare.stderr).not.toMatch(/^error/m);
  const card = JSON.parse(compare.stdout) as {
    refusal: { full: { before: { value: number }; after: { value: number } } };
  };
  expect(card.refusal.full.before.value).toBeLessThan(card.refusal.full.after.value);
  const pairs = join(folder, 'pairs.jsonl');
  const curate = await temper(folder, ['curate', '--target', at('bold'), '--out', pairs, ...settings]);
  expect(curate.status).toBe(0);
  expect(jsonLines(readFileSync(pairs, 'utf8'))[0]).toHaveProperty('chosen');
  const before = server.seen.length;
  const run = await temper(folder, ['run', '--set', `target.model=${at('bold')}`]);
  expect(run).toMatchObject({
    status: 3,
    stderr: expect.stringMatching(/needs the weights.*temper eval, attack and compare/s) as string,
  });
  expect(server.seen.length).toBe(before);
});
