/** Models by HTTP template and by local command, many calls at once, and no call but those that are named. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { HttpClient } from '../../src/models/http.ts';
import { tinyGguf } from '../tiny-model.ts';
import { open } from './open.ts';
import { completion, json, LocalServer } from './server.ts';
import { jsonLines, temper } from './temper.ts';

const place = (): string => mkdtempSync(join(tmpdir(), 'temper-local-'));

describe('http', () => {
  const template = {
    body: { input: { question: 'Q: {{prompt}}', past: '{{history}}' }, limit: '{{maxTokens}}' },
    response: 'reply.0.text',
    finish: 'reply.0.why',
  };

  test('the template is filled, the answer found by its path, a filter recognised', async () => {
    await using server = await LocalServer.start((response, { body }) => {
      const { input } = JSON.parse(body) as { input: { question: string } };
      const why = input.question.includes('bad')
        ? 'blocked'
        : input.question.includes('long')
          ? 'length'
          : 'done';
      json(response, { reply: [{ text: `you asked ${input.question}`, why }] });
    });
    const headers = { 'X-Token': { env: 'TOKEN', prefix: 'T ' }, 'X-Team': 'red' };
    using opened = await open(
      { model: 'http:bot', baseUrl: `${server.url}/chat`, http: template, headers },
      { environment: { TOKEN: 'token-0123' } },
    );
    expect(await opened.ask('a "b"', 'Be brief.')).toMatchObject({
      text: 'you asked Q: a "b"',
      finish: 'stop',
    });
    expect(await opened.ask('long')).toMatchObject({ finish: 'length' });
    expect(await opened.ask('bad')).toMatchObject({ finish: 'blocked', text: '' });
    const [first] = server.seen;
    expect(first).toMatchObject({ path: '/chat', headers: { 'x-token': 'T token-0123', 'x-team': 'red' } });
    expect(JSON.parse(first!.body)).toEqual({
      input: { question: 'Q: a "b"', past: [{ role: 'system', content: 'Be brief.' }] },
      limit: 9,
    });
    expect(opened.usage()).toMatchObject({ answers: 2, blocked: 1, estimated: 2 });
  });

  test('a text in and a text out; an answer without its text is given up', async () => {
    await using server = await LocalServer.start((response, { body }) => void response.end(`echo ${body}`));
    using plain = await open({ model: 'http', baseUrl: server.url, http: { body: '> {{prompt}}' } });
    expect((await plain.ask('hi')).text).toBe('echo > hi');
    using wrong = await open(
      { model: 'http', baseUrl: server.url, http: template },
      { calls: { retries: 1 } },
    );
    await expect(wrong.ask('hi')).rejects.toThrow('not valid JSON, 2 times');
  });

  test('an empty text is an answer only where the service says that it ended so', async () => {
    await using server = await LocalServer.start((response, { body }) => {
      const { input } = JSON.parse(body) as { input: { question: string } };
      json(response, { reply: [{ text: '', why: input.question.slice(3) }] });
    });
    using opened = await open(
      { model: 'http', baseUrl: server.url, http: template },
      { calls: { retries: 1 } },
    );
    expect(await opened.ask('stop')).toMatchObject({ text: '', finish: 'stop' });
    await expect(opened.ask('done')).rejects.toThrow('the answer is empty, 2 times');
    await expect(opened.ask('abort')).rejects.toThrow("ended with 'abort', 2 times");
  });

  test('redirects are not followed', async () => {
    await using server = await LocalServer.start((response) => {
      response.writeHead(307, { location: 'http://127.0.0.1:1/elsewhere' });
      response.end();
    });
    using opened = await open({ model: 'http', baseUrl: server.url, http: { body: '{{prompt}}' } });
    await expect(opened.ask('hi')).rejects.toThrow('307');
    expect(server.seen).toHaveLength(1);
  });

  test('a header that cannot be sent is one error, and leaves nothing running', async () => {
    await using server = await LocalServer.start((response) => void response.end('x'));
    using client = new HttpClient([`127.0.0.1:${server.port}`], {
      silenceMs: 1000,
      totalMs: 20,
      maxBytes: 1000,
    });
    for (const headers of [{ 'x bad': 'v' }, { 'x-good': 'zero\u200Bwidth' }, { 'x-good': 'one\ntwo' }])
      await expect(client.send({ url: server.url, method: 'POST', headers, body: '' })).rejects.toMatchObject(
        {
          code: 'config',
          message: expect.not.stringMatching(/width|two/) as string,
        },
      );
    // A timer that was left would end a request that there is not, and this process with it.
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(server.seen).toHaveLength(0);
  });

  test('the door is open only to the hosts that were named', async () => {
    using client = new HttpClient(['127.0.0.1:1'], { silenceMs: 1000, totalMs: 1000, maxBytes: 1000 });
    await expect(client.fetch('http://127.0.0.1:2/x', { method: 'POST', body: '' })).rejects.toMatchObject({
      code: 'config',
    });
    await expect(client.fetch('file:///etc/hosts')).rejects.toMatchObject({ code: 'config' });
  });
});

describe('command', () => {
  const script = (code: string): { run: string[] } => ({ run: [process.execPath, '-e', code] });
  const echo = 'process.stdin.on("data", d => process.stdout.write("you said " + d + "\\n"))';

  test('text in, text out', async () => {
    using opened = await open({ model: 'command:bot', command: script(echo) });
    expect((await opened.ask('hello')).text).toBe('you said hello');
  });

  test('JSON in, JSON out, with its finish', async () => {
    const code =
      'let t="";process.stdin.on("data",d=>t+=d).on("end",()=>{const q=JSON.parse(t);console.log(JSON.stringify(q.prompt==="bad"?{finish:"blocked"}:{text:q.system+"|"+q.maxTokens+"|"+q.seed,finish:"length"}))})';
    using opened = await open({ model: 'command', command: { ...script(code), format: 'json' } });
    expect(await opened.ask('hello', 'S')).toMatchObject({ text: 'S|9|7', finish: 'length' });
    expect(await opened.ask('bad')).toMatchObject({ finish: 'blocked' });
  });

  test('the program sees the environment, but no keys unless they are named; those are taken out of its answers', async () => {
    const names = ['PLAIN', 'OPENAI_API_KEY', 'BOT_TOKEN', 'DB_PASSWORD'];
    const environment = Object.fromEntries(names.map((name) => [name, `value-of-${name}`]));
    const shown = script(`for (const n of ${JSON.stringify(names)}) console.log(n, process.env[n])`);
    const command = { ...shown, env: ['BOT_TOKEN'] };
    using opened = await open({ model: 'command', command }, { environment });
    expect((await opened.ask('x')).text.split('\n')).toEqual([
      'PLAIN value-of-PLAIN',
      'OPENAI_API_KEY undefined',
      'BOT_TOKEN [redacted]',
      'DB_PASSWORD undefined',
    ]);
    await expect(open({ model: 'command', command })).rejects.toMatchObject({ code: 'config' });
  });

  test('printing nothing is no answer, unless it says that it is', async () => {
    const calls = { retries: 1 };
    using silent = await open({ model: 'command', command: script('') }, { calls });
    await expect(silent.ask('x')).rejects.toThrow('the answer is empty, 2 times');
    const of = (answer: object) =>
      open(
        {
          model: 'command',
          command: { ...script(`console.log('${JSON.stringify(answer)}')`), format: 'json' },
        },
        { calls },
      );
    using unsaid = await of({ text: '' });
    await expect(unsaid.ask('x')).rejects.toThrow('the answer is empty, 2 times');
    using said = await of({ text: '', finish: 'stop' });
    expect(await said.ask('x')).toMatchObject({ text: '', finish: 'stop' });
  });

  test('a program that fails, hangs, floods or is not there', async () => {
    const of = (code: string, calls = {}) =>
      open({ model: 'command', command: script(code) }, { calls: { retries: 1, ...calls } });
    using failing = await of('console.error("no such luck");process.exit(3)');
    await expect(failing.ask('x')).rejects.toThrow('ended with 3: no such luck, 2 times');
    using hanging = await of('setInterval(() => {}, 1000)', { totalSeconds: 0.3, retries: 0 });
    await expect(hanging.ask('x')).rejects.toThrow('more than 0.3 s');
    using flooding = await of('const b="x".repeat(1<<20);for(let i=0;i<12;i++)process.stdout.write(b)');
    await expect(flooding.ask('x')).rejects.toThrow('prints more than');
    using absent = await open({ model: 'command', command: { run: ['temper-no-such-program'] } });
    await expect(absent.ask('x')).rejects.toMatchObject({ code: 'config' });
  });
});

test('thousands of calls are in flight at once', async () => {
  const wanted = 2000;
  const waiting: (() => void)[] = [];
  await using server = await LocalServer.start((response, { prompt }) => {
    waiting.push(() => json(response, completion(prompt)));
    // Nobody is answered before all have asked.
    if (waiting.length === wanted) for (const answer of waiting) answer();
  });
  const calls = { concurrency: { start: wanted, max: wanted } };
  using opened = await open({ model: `openai-compatible:m@${server.url}` }, { calls });
  const replies = await Promise.all(Array.from({ length: wanted }, (_, i) => opened.ask(`p${i}`)));
  expect(server.mostInFlight).toBe(wanted);
  expect(replies.map(({ text }) => text)).toEqual(Array.from({ length: wanted }, (_, i) => `p${i}`));
});

test('a burst of refusals brings the calls down, and they come back', async () => {
  let refuse = 300;
  const inFlight: number[] = [];
  await using server = await LocalServer.start(async (response, { prompt }) => {
    inFlight.push(server.inFlight);
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (server.seen.length > 100 && refuse-- > 0)
      json(response, { error: { message: 'busy' } }, 429, { 'retry-after-ms': '5' });
    else json(response, completion(prompt));
  });
  using opened = await open({ model: `openai-compatible:m@${server.url}` }, { calls: { retries: 20 } });
  const replies = await Promise.all(Array.from({ length: 1500 }, (_, i) => opened.ask(`p${i}`)));
  expect(replies.map(({ text }) => text)).toEqual(Array.from({ length: 1500 }, (_, i) => `p${i}`));
  expect(opened.usage()).toMatchObject({ calls: 1800, retries: 300, failed: 0 });
  const most = (from: number, to: number): number => Math.max(...inFlight.slice(from, to));
  // The last of the refusals; what is asked after it grows again.
  expect(most(360, 400)).toBeLessThan(most(0, 200) / 4);
  expect(most(1600, 1800)).toBeGreaterThan(most(360, 400) * 2);
});

test('what a server did not end is no answer; what it did end is one, though empty; reported tokens count', async () => {
  await using server = await LocalServer.start((response, { prompt }) => {
    const [text, finish] = prompt.split('|');
    json(response, completion(text!, finish));
  });
  using opened = await open({ model: `vllm:m@${server.url}` }, { calls: { retries: 1 } });
  for (const finish of ['abort', 'error', 'something-new'])
    for (const text of ['', 'half an ans'])
      await expect(opened.ask(`${text}|${finish}`)).rejects.toThrow(`ended with '${finish}', 2 times`);
  expect(opened.usage()).toMatchObject({
    answers: 0,
    failed: 6,
    inputTokens: 120,
    outputTokens: 60,
    estimated: 0,
  });
  expect(await opened.ask('|stop')).toMatchObject({ text: '', finish: 'stop' });
  expect(await opened.ask('half|length')).toMatchObject({ text: 'half', finish: 'length' });
});

test('the tokens of a call that failed count towards the budget', async () => {
  await using server = await LocalServer.start((response) => json(response, completion('x', 'error')));
  const calls = { retries: 20, budget: { tokens: 100 } };
  using opened = await open({ model: `vllm:m@${server.url}` }, { calls });
  await expect(opened.ask('hello')).rejects.toMatchObject({ code: 'budget' });
  // 15 each; the reservation of one more is 2 + 9.
  expect(server.seen).toHaveLength(6);
});

test('Retry-After is honoured, and pauses grow without it', async () => {
  await using server = await LocalServer.start((response, { prompt, before }) => {
    if (before >= 3) json(response, completion(prompt));
    else if (prompt === 'told') json(response, {}, 429, { 'retry-after': '2' });
    else json(response, {}, 500);
  });
  const at = `openai-compatible:m@${server.url}`;
  using told = await open({ model: at });
  await told.ask('told');
  expect(told.pauses.filter((pause) => pause === 2000)).toHaveLength(3);
  using untold = await open({ model: at });
  await untold.ask('untold');
  for (const [i, pause] of untold.pauses.entries()) {
    expect(pause).toBeGreaterThanOrEqual(250 * 2 ** i);
    expect(pause).toBeLessThanOrEqual(500 * 2 ** i);
  }
  expect(untold.pauses).toHaveLength(3);
});

test('a server that fails everything ends the run; one answer between failures does not', async () => {
  await using server = await LocalServer.start((response, { prompt }) =>
    prompt === 'good' ? json(response, completion('ok')) : json(response, {}, 500),
  );
  using opened = await open({ model: `openai-compatible:m@${server.url}` }, { calls: { retries: 0 } });
  for (let i = 0; i < 24; i++) await expect(opened.ask('bad')).rejects.toMatchObject({ name: 'CallFailed' });
  await opened.ask('good');
  for (let i = 0; i < 24; i++) await expect(opened.ask('bad')).rejects.toMatchObject({ name: 'CallFailed' });
  await expect(opened.ask('bad')).rejects.toMatchObject({
    code: 'provider',
    message: expect.stringContaining('25 calls in a row') as string,
  });
  const before = server.seen.length;
  await expect(opened.ask('good')).rejects.toMatchObject({ code: 'provider' });
  expect(server.seen.length).toBe(before);
});

test('a server that rejects every request ends the run too', async () => {
  await using server = await LocalServer.start((response) => json(response, { error: 'no' }, 403));
  using opened = await open({ model: `openai-compatible:m@${server.url}` });
  for (let i = 0; i < 24; i++) await expect(opened.ask('x')).rejects.toMatchObject({ name: 'CallFailed' });
  await expect(opened.ask('x')).rejects.toMatchObject({ code: 'provider' });
  expect(server.seen).toHaveLength(25);
});

describe('no call but those that are named', () => {
  /** Notes every address that the process asks for or connects to. */
  function spy(folder: string): { environment: Record<string, string>; addresses: () => Set<string> } {
    const log = join(folder, 'connections.log');
    const code = `import net from 'node:net';import dns from 'node:dns';import dgram from 'node:dgram';import {appendFileSync} from 'node:fs';
const note=(what)=>appendFileSync(${JSON.stringify(log)},what+'\\n');note('started');
const connect=net.Socket.prototype.connect;net.Socket.prototype.connect=function(...args){const o=Array.isArray(args[0])?args[0][0]:args[0];note(o?.path??(o?.host??'localhost')+':'+(o?.port??o));return connect.apply(this,args)};
const lookup=dns.lookup;dns.lookup=function(name,...rest){note('lookup '+name);return lookup.call(this,name,...rest)};
const send=dgram.Socket.prototype.send;dgram.Socket.prototype.send=function(...args){note('udp');return send.apply(this,args)};`;
    const path = join(folder, 'spy.mjs');
    writeFileSync(path, code);
    return {
      environment: { NODE_OPTIONS: `--import ${pathToFileURL(path).href}` },
      addresses: () => new Set(readFileSync(log, 'utf8').trim().split('\n')),
    };
  }
  const few = ['adversarial=4', 'benign=2', 'grounded=1', 'general=1'].flatMap((each) => [
    '--set',
    `suites.sealed.${each}`,
  ]);

  test('the embedded engine makes none', async () => {
    const folder = place();
    const { environment, addresses } = spy(folder);
    const model = tinyGguf(join(folder, 'tiny.gguf'));
    const { status } = await temper(
      folder,
      ['eval', '--target', model, '--set', 'target.maxTokens=4', '--json', ...few],
      environment,
    );
    expect(status).toBe(0);
    expect(addresses()).toEqual(new Set(['started']));
  });

  test('a server gets all of them', async () => {
    await using server = await LocalServer.start((response) =>
      json(response, completion('I cannot help with that.')),
    );
    const folder = place();
    const { environment, addresses } = spy(folder);
    const target = `openai-compatible:m@${server.url}/v1`;
    const { status } = await temper(folder, ['eval', '--target', target, '--json', ...few], environment);
    expect(status).toBe(0);
    expect(addresses()).toEqual(new Set(['started', `127.0.0.1:${server.port}`]));
  });

  test("an AI SDK provider's package calls nothing else, whatever the environment says", async () => {
    await using server = await LocalServer.start((response) =>
      json(response, { id: 'c', created: 1, model: 'm', ...completion('hello') }),
    );
    const folder = place();
    const { environment, addresses } = spy(folder);
    const input = join(folder, 'in.jsonl');
    writeFileSync(input, '{"id":1,"prompt":"hi"}\n');
    const misleading = { OPENAI_API_KEY: 'key-0123456789', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' };
    const args = ['generate', input, '--target', `openai:m@${server.url}/v1`];
    const { stdout } = await temper(folder, args, { ...environment, ...misleading });
    expect(jsonLines(stdout)).toEqual([{ id: 1, response: 'hello', finish: 'stop', tokens: 5 }]);
    expect(addresses()).toEqual(new Set(['started', `127.0.0.1:${server.port}`]));
  });
});
