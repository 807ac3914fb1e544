/** A shared server: who may log in, what each role may, and that it is written down who did what. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Accounts, accountsPath, may, type Role, ROLES } from '../../src/server/accounts.ts';
import { Address } from '../../src/server/address.ts';
import { Attempts } from '../../src/server/log-in.ts';
import { serve, type Server } from '../../src/server/serve.ts';
import { makeWebStore, type WebStore } from '../web-store.ts';
import { type Answer, ask, type Ask } from './client.ts';

const directory = mkdtempSync(join(tmpdir(), 'temper-accounts-'));
const password = (name: string): string => `river stone ${[...name].reverse().join('')} 7`;
let store: WebStore;
let server: Server;
let accounts: Accounts;
const cookies = {} as Record<Role, string>;

const logIn = (name: string, given: string, headers = {}): Promise<Answer> =>
  ask(server.port, '/log-in', { method: 'POST', body: { name, password: given }, headers });
const cookieOf = ({ headers }: Answer): string => String(headers['set-cookie']).split(';')[0]!;
const as = (cookie: string, path: string, options: Ask = {}): Promise<Answer> =>
  ask(server.port, path, { ...options, headers: { cookie, ...options.headers } });

beforeAll(async () => {
  const client = join(directory, 'client');
  mkdirSync(client, { recursive: true });
  writeFileSync(join(client, 'index.html'), '<!doctype html><p>app</p>');
  store = makeWebStore(join(directory, 'store'), { cases: 20 });
  accounts = new Accounts(store.config.directory);
  for (const role of ROLES) await accounts.add(role, role, password(role));
  server = await serve({
    config: store.config,
    command: [process.execPath, '-e', '0', '--'],
    port: 0,
    accounts: true,
    proxies: ['127.0.0.1'],
    client,
    version: '0',
    onLink: () => {},
    onError: (error) => expect.fail(String(error)),
  });
  for (const role of ROLES) cookies[role] = cookieOf(await logIn(role, password(role)));
}, 240_000);
afterAll(async () => {
  accounts[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

describe('logging in', () => {
  test('only by a name and its password; the page asks for them without a script', async () => {
    const page = await ask(server.port, '/runs');
    expect(page.status).toBe(401);
    expect(page.text).toContain('type="password"');
    expect(page.text).not.toMatch(/<script|app</);
    expect(String(page.headers['content-security-policy'])).toMatch(/form-action 'self'/);
    const form = await ask(server.port, '/log-in', {
      method: 'POST',
      body: new URLSearchParams({ name: 'Viewer', password: password('viewer') }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(form.status).toBe(303);
    expect(String(form.headers['set-cookie'])).toMatch(/HttpOnly; SameSite=Strict/);
    expect((await as(cookieOf(form), '/api/me')).json()).toEqual({ name: 'viewer', role: 'viewer' });
  });

  test('wrong ones are told alike, whether the account is there or not, and no link lets in', async () => {
    const [known, unknown] = [await logIn('admin', 'x'), await logIn('nobody', 'x')];
    expect([known.status, unknown.status]).toEqual([401, 401]);
    expect(known.text).toBe(unknown.text);
    expect((await ask(server.port, '/?token=x')).status).toBe(401);
    expect((await ask(server.port, '/api/runs')).status).toBe(401);
  });

  test('a form of another site cannot log in; what is no JSON and no form is refused', async () => {
    const evil = await logIn('viewer', password('viewer'), { origin: 'https://evil.example' });
    expect(evil.status).toBe(403);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(
      (await as(cookies.admin, '/api/runs/stop', { method: 'POST', body: 'a=b', headers: form })).status,
    ).toBe(403);
    expect((await ask(server.port, '/log-in', { method: 'POST', body: 'null' })).status).toBe(401);
    expect((await ask(server.port, '/log-in', { method: 'POST', body: '{' })).status).toBe(401);
  });

  test('after five wrong passwords the right one waits too; another account does not', async () => {
    for (let i = 0; i < 5; i++) expect((await logIn('reviewer', `wrong ${i}`)).status).toBe(401);
    const late = await logIn('reviewer', password('reviewer'));
    expect(late.status).toBe(429);
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(60);
    expect((await logIn('viewer', password('viewer'))).status).toBe(200);
  });

  test('behind a trusted proxy each client has limits of its own, and the log names it', async () => {
    const from = (address: string, given: string) =>
      logIn('red-teamer', given, { 'x-forwarded-for': `1.1.1.1, ${address}` });
    for (let i = 0; i < 5; i++) expect((await from('192.0.2.1', `wrong ${i}`)).status).toBe(401);
    expect((await from('192.0.2.1', password('red-teamer'))).status).toBe(429);
    expect((await from('192.0.2.2', password('red-teamer'))).status).toBe(200);
    const { entries } = (await as(cookies.admin, '/api/audit')).json<{ entries: { detail: string }[] }>();
    expect(entries.map(({ detail }) => detail)).toEqual(expect.arrayContaining(['192.0.2.1', '192.0.2.2']));
  });

  test('a session does not help to guess its password', { timeout: 120_000 }, async () => {
    await accounts.add('carla', 'viewer', password('carla'));
    const cookie = cookieOf(await logIn('carla', password('carla')));
    const change = (old: string): Promise<Answer> =>
      as(cookie, '/api/me/password', { method: 'POST', body: { old, password: 'a quite other stone 9' } });
    for (let i = 0; i < 5; i++) expect((await change('a wrong one')).text).toContain('is another');
    expect((await change(password('carla'))).text).toContain('too many wrong passwords');
    accounts.remove('carla');
  });

  test('the limits end, and those who log in rightly do not use them up', () => {
    let now = 0;
    const attempts = new Attempts(() => now);
    for (let i = 0; i < 200; i++) {
      attempts.wrong('a', 'here');
      attempts.right('a', 'here');
    }
    expect(attempts.wait('a', 'here')).toBe(0);
    for (let i = 0; i < 50; i++) attempts.wrong('a', `from ${i}`);
    expect(attempts.wait('a', 'elsewhere')).toBeGreaterThan(0);
    expect(attempts.wait('b', 'elsewhere')).toBe(0);
    now += 16 * 60_000;
    expect(attempts.wait('a', 'elsewhere')).toBe(0);
  });

  test('a password that nobody looked at, as too many asked, is no wrong one', () => {
    const attempts = new Attempts(() => 0);
    for (let i = 0; i < 4; i++) attempts.wrong('a', 'here');
    for (let i = 0; i < 100; i++) {
      attempts.wrong('a', 'here');
      attempts.unseen('a', 'here');
    }
    expect(attempts.wait('a', 'here')).toBe(0);
    attempts.wrong('a', 'here');
    expect(attempts.wait('a', 'here')).toBeGreaterThan(0);
  });

  test('a new password, a new role, removal and leaving end the sessions', async () => {
    await accounts.add('bo', 'viewer', password('bo'));
    const first = cookieOf(await logIn('bo', password('bo')));
    const body = { old: password('bo'), password: 'quite another secret' };
    const wrong = await as(first, '/api/me/password', { method: 'POST', body: { ...body, old: 'x' } });
    expect(wrong.status).toBe(400);
    const short = await as(first, '/api/me/password', {
      method: 'POST',
      body: { ...body, password: 'short' },
    });
    expect(short.text).toContain('12 characters');
    expect((await as(first, '/api/me/password', { method: 'POST', body })).status).toBe(200);
    expect((await as(first, '/api/me')).status).toBe(401);
    const second = cookieOf(await logIn('bo', body.password));
    accounts.setRole('bo', 'reviewer');
    expect((await as(second, '/api/me')).status).toBe(401);
    const third = cookieOf(await logIn('bo', body.password));
    expect((await as(third, '/api/me/leave', { method: 'POST', body: {} })).status).toBe(200);
    expect((await as(third, '/api/me')).status).toBe(401);
    const fourth = cookieOf(await logIn('bo', body.password));
    accounts.remove('bo');
    expect((await as(fourth, '/api/me')).status).toBe(401);
  });

  test('the file is for its owner alone and has no password in it', () => {
    expect(statSync(accountsPath(store.config.directory)).mode & 0o77).toBe(0);
    expect(() => accounts.refuseName('ADMIN')).toThrow('already');
    expect(() => accounts.refuseName('<b>')).toThrow('no name');
  });
});

describe('roles', () => {
  /** The least role of every route that is no plain reading; what is not here takes a viewer, and is a GET. */
  const NEEDS: Readonly<Record<string, Role>> = {
    'POST /api/me/leave': 'viewer',
    'POST /api/me/password': 'viewer',
    'POST /api/config/check': 'viewer',
    'POST /api/console/sessions': 'red-teamer',
    'PUT /api/console/sessions/{id}': 'red-teamer',
    'POST /api/console/sessions/{id}/ask': 'red-teamer',
    'POST /api/console/sessions/{id}/propose': 'red-teamer',
    'POST /api/console/preview': 'red-teamer',
    'POST /api/console/suggest': 'red-teamer',
    'POST /api/console/findings': 'red-teamer',
    'POST /api/console/campaigns': 'red-teamer',
    'PUT /api/console/campaigns/{id}': 'red-teamer',
    'POST /api/findings/{id}/status': 'reviewer',
    'POST /api/findings/replay': 'red-teamer',
    'POST /api/examples/{id}/review': 'reviewer',
    'POST /api/labels/sheets': 'reviewer',
    'POST /api/labels/sheets/{id}/labels': 'reviewer',
    'POST /api/labels/sheets/{id}/calibrate': 'reviewer',
    'POST /api/runs': 'admin',
    'POST /api/runs/{id}/continue': 'admin',
    'POST /api/runs/stop': 'admin',
    'GET /api/accounts': 'admin',
    'GET /api/audit': 'admin',
  };

  test('route by route, whoever may less is refused before what was sent is looked at', async () => {
    const { paths } = (await as(cookies.viewer, '/api/openapi.json')).json<{
      paths: Record<string, Record<string, object>>;
    }>();
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
    );
    const changing = routes
      .filter(({ method }) => method !== 'GET')
      .map(({ path, method }) => `${method} ${path}`);
    expect(Object.keys(NEEDS)).toEqual(expect.arrayContaining(changing));
    // Its own routes end or change the session; they are tested above.
    for (const { path, method } of routes.filter(
      (each) => !each.path.startsWith('/api/me') && each.path !== '/api/live',
    ))
      for (const role of ROLES) {
        const needs = NEEDS[`${method} ${path}`] ?? 'viewer';
        const { status, text } = await as(cookies[role], path.replace(/\{\w+\}/g, 'unknown'), {
          method,
          ...(method === 'GET' ? {} : { body: { nonsense: true } }),
        });
        const refused = status === 403 && text.includes(`it takes a ${needs}`);
        expect(refused, `${role}: ${method} ${path} gave ${status} ${text.slice(0, 100)}`).toBe(
          !may(role, needs),
        );
        expect(status, `${role}: ${method} ${path}`).toBeLessThan(500);
      }
  }, 120_000);

  test('an account signs with its own name, and reads its own labels alone', async () => {
    const { findings } = (await as(cookies.viewer, '/api/findings')).json<{ findings: { id: string }[] }>();
    const answer = await as(cookies.admin, `/api/findings/${findings[0]!.id}/status`, {
      method: 'POST',
      body: { status: 'confirmed', reason: 'seen', author: 'somebody else' },
    });
    expect(answer.json<{ note: { author: string } }>().note.author).toBe('admin');
    const drawn = await as(cookies.reviewer, '/api/labels/sheets', {
      method: 'POST',
      body: { metric: 'severity', n: 3 },
    });
    const { id } = drawn.json<{ id: string }>();
    const sheet = `/api/labels/sheets/${id}`;
    const { rows } = (await as(cookies.reviewer, sheet)).json<{ rows: { answer: string }[] }>();
    await as(cookies.reviewer, `${sheet}/labels`, {
      method: 'POST',
      body: { answer: rows[0]!.answer, place: 2 },
    });
    const mine = (await as(cookies.reviewer, sheet)).json<{ mine: object }>().mine;
    const spied = (await as(cookies.admin, `${sheet}?author=reviewer`)).json<{ mine: object }>().mine;
    expect(mine).toEqual({ [rows[0]!.answer]: 2 });
    expect(spied).toEqual({});
  });

  test('an admin starts no program and no model that the server was not started with', async () => {
    const config = { ...store.config, target: { ...store.config.target, model: 'exec:sh', command: ['sh'] } };
    const started = await as(cookies.admin, '/api/runs', { method: 'POST', body: { config } });
    expect(started.status).toBe(422);
    const path = await as(cookies.admin, '/api/runs', {
      method: 'POST',
      body: { config: { target: { path: '/etc/passwd' } } },
    });
    expect(path.status).toBe(422);
    expect(path.text).toContain('set by whoever runs the server');
  });
});

test('the log tells who decided what, who tried, and is not changed', async () => {
  const { entries } = (await as(cookies.admin, '/api/audit?limit=1000')).json<{
    entries: { who: string; action: string; outcome: string; detail: string; subject: string }[];
  }>();
  const decided = entries.find(({ action }) => action.startsWith('Confirm or dismiss a finding'));
  expect(decided).toMatchObject({ who: 'admin', outcome: 'done' });
  expect(decided?.detail).toBe('{"status":"confirmed","reason":"seen"}');
  expect(entries).toContainEqual(
    expect.objectContaining({ who: 'reviewer', action: 'Label an answer; null: cannot tell' }),
  );
  expect(entries).toContainEqual(expect.objectContaining({ who: 'viewer', outcome: 'forbidden' }));
  expect(entries).toContainEqual(
    expect.objectContaining({ who: 'nobody', action: 'log in', outcome: 'wrong' }),
  );
  expect(JSON.stringify(entries)).not.toMatch(/river stone|quite another/);
  const { DatabaseSync } = await import('node:sqlite');
  using database = new DatabaseSync(accountsPath(store.config.directory));
  expect(() => database.exec("update audit set who = 'x'")).toThrow('is kept');
  expect(() => database.exec('delete from audit')).toThrow('is kept');
});

test('names that it answers to: its own, and what a proxy is reached by', () => {
  const local = new Address({ host: '127.0.0.1', port: 4747, origin: null, encrypted: false });
  expect(local.isOwn('localhost:4747')).toBe(true);
  expect(local.isOwn('temper.example')).toBe(false);
  const proxied = new Address({
    host: '127.0.0.1',
    port: 4747,
    origin: 'https://temper.example',
    encrypted: false,
  });
  expect(proxied.isOwn('temper.example')).toBe(true);
  expect(proxied.isOwnPage('https://temper.example', '127.0.0.1:4747')).toBe(true);
  expect(proxied.isOwnPage('http://temper.example', 'temper.example')).toBe(false);
  expect(proxied.isOwnPage('https://evil.example', 'temper.example')).toBe(false);
  expect(proxied.secure).toBe(true);
  const all = new Address({ host: '0.0.0.0', port: 4747, origin: null, encrypted: true });
  expect(all.isOwn('127.0.0.1:4747')).toBe(true);
  expect(all.isOwn('evil.example:4747')).toBe(false);
  expect(all.secure).toBe(true);
});

describe('the command line', () => {
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const run = (args: readonly string[], input = '') =>
    spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
      input,
      encoding: 'utf8',
    });

  test('accounts are made, listed and taken away; the password comes by stdin', { timeout: 240_000 }, () => {
    const at = ['--set', `directory=${join(directory, 'own')}`];
    const refused = run(['serve', '--host', '0.0.0.0', '--port', '0', ...at]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('users add NAME --role admin');
    expect(run(['users', 'add', 'Ada', '--role', 'admin', ...at], 'short\n').stderr).toContain(
      '12 characters',
    );
    expect(run(['users', 'add', 'Ada', '--role', 'admin', ...at], 'a harmless long one\n').status).toBe(0);
    expect(run(['users', 'add', 'ada', ...at], 'a harmless long one\n').stderr).toContain('already');
    expect(run(['users', 'role', 'ada', 'viewer', ...at]).status).toBe(0);
    expect(run(['users', 'list', ...at]).stdout).toMatch(/^viewer .* Ada\n$/);
    expect(run(['users', 'remove', 'nobody', ...at]).status).toBe(13);
    expect(run(['users', 'remove', 'Ada', ...at]).status).toBe(0);
    expect(run(['users', 'log', '--json', ...at]).stdout).toContain('account removed');
  });
});
