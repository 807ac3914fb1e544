/** The server as a browser, a script and an attacker meet it. */
import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { holm } from '../../src/metrics/corrections.ts';
import type { Scorecard } from '../../src/metrics/scorecard.ts';
import type { ComparisonTable } from '../../src/report/table.ts';
import { SearchIndex } from '../../src/server/search-index.ts';
import { Search } from '../../src/server/search-query.ts';
import { serve, type Server } from '../../src/server/serve.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { CalibrationRecord } from '../../src/store/store.ts';
import { testScenario } from '../scenario.ts';
import { HOSTILE, JUDGE, makeWebStore, type WebStore } from '../web-store.ts';
import { type Answer, ask, type Ask, letIn } from './client.ts';

const directory = mkdtempSync(join(tmpdir(), 'temper-server-'));
const client = join(directory, 'client');
mkdirSync(join(client, 'assets'), { recursive: true });
writeFileSync(join(client, 'index.html'), '<!doctype html><p>app</p>');
writeFileSync(join(client, 'assets', 'a-1234.js'), `// ${'x'.repeat(3000)}`);
const links: string[] = [];
const errors: unknown[] = [];
let store: WebStore;
let server: Server;
let cookie: string;

const api = (path: string, options: Ask = {}): Promise<Answer> =>
  ask(server.port, path, { ...options, headers: { cookie, ...options.headers } });

beforeAll(async () => {
  process.env['TEST_SECRET_KEY'] = 'sk-this-is-never-shown';
  store = makeWebStore(join(directory, 'store'), {
    config: { targets: { other: { model: 'openai:x', apiKey: { env: 'TEST_SECRET_KEY' } } } },
  });
  server = await serve({
    config: store.config,
    command: [process.execPath, '-e', 'process.exit(3)', '--'],
    port: 0,
    client,
    version: '0',
    onLink: (link) => links.push(link),
    onError: (error) => errors.push(error),
  });
  cookie = await letIn(server.port, server.link);
  for (let i = 0; i < 100; i++) {
    const { indexing } = (await api('/api/conversations')).json<{
      indexing: { done: number; total: number };
    }>();
    if (indexing.done === indexing.total && indexing.total > 0) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
afterAll(() => server[Symbol.asyncDispose]());

describe('who is let in', () => {
  test('a link lets one browser in, by a cookie that no script and no other site can use', async () => {
    const link = new URL(server.link);
    const first = await ask(server.port, link.pathname + link.search);
    expect(first.status).toBe(303);
    expect(String(first.headers['set-cookie'])).toMatch(
      /^temper-\d+=[\w-]{40,}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    const again = await ask(server.port, link.pathname + link.search);
    expect(again.status).toBe(403);
    expect(again.headers['set-cookie']).toBeUndefined();
    expect(links.at(-1)).toBe(server.link);
  });

  test('nothing is given without it', async () => {
    for (const path of ['/', '/runs', '/assets/a-1234.js', '/api/runs', '/api/openapi.json', '/api/live']) {
      const answer = await ask(server.port, path);
      expect(answer.status, path).toBe(401);
      expect(answer.text).not.toContain('app');
    }
    expect(
      (await ask(server.port, '/api/runs', { headers: { cookie: `temper-${server.port}=x` } })).status,
    ).toBe(401);
  });

  test('wrong links are counted, and stop being looked at', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 25; i++) statuses.push((await ask(server.port, `/?token=${i}`)).status);
    expect(statuses[0]).toBe(403);
    expect(statuses.at(-1)).toBe(429);
  });
});

describe('requests that others make', () => {
  test('another host name is refused, session or not (DNS rebinding)', async () => {
    for (const host of [
      'evil.example',
      `evil.example:${server.port}`,
      '127.0.0.1',
      `127.0.0.1.evil:${server.port}`,
    ])
      expect((await api('/api/runs', { headers: { host } })).status, host).toBe(403);
    for (const host of ['127.0.0.1', 'localhost', '[::1]'])
      expect((await api('/api/runs', { headers: { host: `${host}:${server.port}` } })).status).toBe(200);
  });

  test('another origin is refused, for reading too, and a form cannot post (CSRF)', async () => {
    const origins = ['https://evil.example', `http://localhost:${server.port + 1}`, 'null'];
    for (const origin of origins) {
      expect((await api('/api/runs', { headers: { origin } })).status).toBe(403);
      expect((await api('/api/runs/stop', { method: 'POST', body: {}, headers: { origin } })).status).toBe(
        403,
      );
    }
    for (const site of ['cross-site', 'same-site'])
      expect(
        (await api('/api/runs', { headers: { 'sec-fetch-site': site, 'sec-fetch-mode': 'cors' } })).status,
      ).toBe(403);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await api('/api/runs/stop', { method: 'POST', body: 'a=b', headers: form })).status).toBe(403);
    const own = { origin: `http://127.0.0.1:${server.port}`, 'sec-fetch-site': 'same-origin' };
    expect((await api('/api/runs/stop', { method: 'POST', body: {}, headers: own })).status).toBe(404);
  });

  test('every answer has the policy: own files alone, no inline script, no frame', async () => {
    for (const path of ['/', '/api/runs', '/api/nothing', '/nothing.js', '/assets/a-1234.js']) {
      const { headers } = await api(path);
      const policy = String(headers['content-security-policy']);
      expect(policy).toMatch(/default-src 'none'.*script-src 'self';.*frame-ancestors 'none'/);
      expect(policy).not.toMatch(/unsafe/);
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
    expect((await api('/api/runs')).headers['cache-control']).toBe('no-store');
    expect((await api('/assets/a-1234.js')).headers['cache-control']).toContain('immutable');
  });

  test('too much is refused', async () => {
    const body = { plain: 'x'.repeat(2 << 20), attacks: [] };
    expect((await api('/api/console/preview', { method: 'POST', body })).status).toBe(413);
  });

  test('no path leaves the folder of the client', async () => {
    for (const path of [
      '/../store/store.sqlite',
      '/assets/..%2f..%2fstore%2fstore.sqlite',
      '/%2e%2e/store/store.sqlite',
    ])
      expect((await api(path)).text).not.toContain('SQLite');
  });
});

describe('what it gives', () => {
  test('the value of a key is nowhere, whether it is there is told', async () => {
    const { text } = await api('/api/settings');
    expect(text).toContain('TEST_SECRET_KEY');
    for (const path of ['/api/settings', '/api/config', `/api/runs/${store.run}`])
      expect((await api(path)).text).not.toContain('sk-this-is-never-shown');
    const { keys } = (await api('/api/settings')).json<{ keys: { name: string; present: boolean }[] }>();
    expect(keys).toContainEqual(expect.objectContaining({ name: 'TEST_SECRET_KEY', present: true }));
  });

  test('hostile text comes as JSON and in the export as one line each', async () => {
    const { items } = (await api('/api/conversations?limit=500')).json<{
      items: { id: string; key: string }[];
    }>();
    expect(items).toHaveLength(store.conversations);
    const said: string[] = [];
    const tens = items.filter(({ key }) => key.endsWith('0'));
    for (const { id } of tens) {
      const page = (await api(`/api/conversations/${id}`)).json<{
        asked: { conversation: { turns: { response: string }[] } };
      }>();
      said.push(page.asked.conversation.turns[0]!.response);
    }
    expect(said).toEqual(expect.arrayContaining([HOSTILE[0], HOSTILE[2], HOSTILE[5]]));
    const redacted = await api('/api/conversations/export');
    expect(redacted.text.trim().split('\n')).toHaveLength(store.conversations);
    expect(redacted.text).not.toMatch(/river|onerror/);
  });

  test('a number of the scorecard is the number of the conversations behind it', async () => {
    const { scorecard } = (await api(`/api/runs/${store.run}/scorecard?x=4`)).json<{
      scorecard: Record<string, never>;
    }>();
    const harm = scorecard['harm'] as unknown as { curve: { before: { value: number; n: number } }[] };
    const { value, n } = harm.curve[3]!.before;
    const query = `run=${store.run}&arm=verify:%20before&kind=adversarial&severity=4`;
    const { total } = (await api(`/api/conversations?${query}`)).json<{ total: number }>();
    expect(total).toBeGreaterThan(0);
    expect(total).toBe(Math.round(value * n));
  });

  test('the gate is the one that the run decided by, not that of its configuration', async () => {
    await using records = openSqlite(join(store.config.directory, 'store.sqlite'));
    const run = (await records.run(store.run))!;
    const card = run.scorecard as Scorecard;
    const gateOf = async () =>
      (await api(`/api/runs/${store.run}/scorecard`)).json<{ scorecard: Scorecard }>().scorecard.gate!;
    const outcome = (gate: Scorecard['gate']) => gate!.criteria.find(({ name }) => name === 'harm')!.outcome;
    expect(outcome(await gateOf())).toBe('pass');
    // Of a round among so many that no test can decide.
    const options = { ...card.gate!.options, alpha: 1e-30 };
    await records.saveRun({ ...run, scorecard: { ...card, gate: { ...card.gate!, options } } });
    const strict = await gateOf();
    expect([strict.options.alpha, outcome(strict)]).toEqual([1e-30, 'inconclusive']);
    await records.saveRun(run);
  });

  test('what corrects the scorecard corrects comparisons of the same judge', async () => {
    const [before, after] = ['before', 'after'].map((arm) => `${store.run}:verify:%20${arm}`);
    const compared = async () =>
      (await api(`/api/compare?a=${before}&b=${after}`)).json<{ scorecard: Scorecard; notes: string[] }>();
    expect((await compared()).scorecard.corrected).toBeUndefined();
    await using records = openSqlite(join(store.config.directory, 'store.sqlite'));
    const share = (value: number) => ({
      value,
      low: value - 0.02,
      high: value + 0.02,
      variance: 1e-4,
      n: 500,
    });
    await records.saveCalibration({
      id: 'c',
      version: 'calibration/1',
      judge: JUDGE,
      metric: 'severity',
      created: '2026-01-02T00:00:00.000Z',
      kinds: ['adversarial'],
      labelled: 900,
      thresholds: [{ from: 3, sensitivity: share(0.8), specificity: share(0.95) }],
    } as CalibrationRecord);
    const { scorecard } = (await api(`/api/runs/${store.run}/scorecard`)).json<{ scorecard: Scorecard }>();
    expect(scorecard.corrected?.before.status).toBe('corrected');
    const pair = await compared();
    expect(pair.scorecard.corrected).toEqual(scorecard.corrected);
    expect(pair.notes).toEqual([]);
    const { columns } = (await api(`/api/family?arms=${after},${before}`)).json<{
      columns: { card: { scorecard: Scorecard } }[];
    }>();
    expect(columns.map(({ card }) => card.scorecard.corrected?.before)).toEqual([
      scorecard.corrected!.after,
      scorecard.corrected!.before,
    ]);
  });

  test('several arms: paired with the first over what all share, with p after Holm over the whole table', async () => {
    const [before, after] = ['before', 'after'].map((arm) => `${store.run}:verify:%20${arm}`);
    interface Family {
      readonly columns: { name: string; card: { scorecard: Scorecard } }[];
      readonly table: ComparisonTable | null;
      readonly alone: string | null;
    }
    const family = async (...arms: (string | undefined)[]) =>
      (await api(`/api/family?arms=${arms.join(',')}`)).json<Family>();
    await using records = openSqlite(join(store.config.directory, 'store.sqlite'));
    const judged = (await records.arms(store.run)).get('verify: before')!;
    await records.saveArm(store.run, 'choose: some', judged.slice(0, 40));
    await records.saveArm(store.run, 'choose: others', judged.slice(-10));
    const some = `${store.run}:choose:%20some`;
    // The index follows the store.
    await expect
      .poll(async () => (await api(`/api/family?arms=${some}`)).status, { timeout: 20_000 })
      .toBe(200);
    const { columns, table, alone } = await family(before, after, some);
    expect(alone).toBeNull();
    expect(table!.scenarios).toBe(40);
    expect(columns.map(({ card }) => card.scorecard.counts.before)).toEqual([40, 40, 40]);
    const cells = table!.rows.flatMap((row) => row.cells.slice(1));
    const tests = cells.filter(({ p }) => p !== null);
    expect(tests.map(({ adjustedP }) => adjustedP)).toEqual(holm(tests.map(({ p }) => p!)));
    const pair = (await api(`/api/compare?a=${before}&b=${after}`)).json<{ scorecard: Scorecard }>();
    const whole = await family(before, after);
    const harm = whole.table!.rows.find(({ measure, name }) => measure === 'DR-3' && /all/.test(name))!;
    expect(harm.cells[1]!.p).toBe(pair.scorecard.harm.dr3.p);
    // Nothing in common: each by itself, and why.
    const apart = await family(some, `${store.run}:choose:%20others`);
    expect(apart.table).toBeNull();
    expect(apart.alone).toMatch(/no scenario in common/);
    expect(apart.columns.map(({ card }) => card.scorecard.counts.before)).toEqual([40, 10]);
  });

  test('facets say how many each choice would leave, under the others', async () => {
    const { facets } = (await api('/api/conversations/facets?kind=benign')).json<{
      facets: Record<string, [string, number][]>;
    }>();
    const kinds = Object.fromEntries(facets['kind']!);
    for (const [kind, count] of Object.entries(kinds)) {
      const { total } = (await api(`/api/conversations?kind=${kind}`)).json<{ total: number }>();
      expect(total, kind).toBe(count);
    }
    const outcomes = Object.fromEntries(facets['outcome']!);
    const { total } = (await api('/api/conversations?kind=benign&outcome=refused')).json<{ total: number }>();
    expect(total).toBe(outcomes['refused']);
  });

  test('a run that cannot start says so; a second is refused while one works', async () => {
    const start = { method: 'POST', body: { config: store.config, author: 'me' } };
    expect((await api('/api/runs', start)).status).toBe(200);
    for (let i = 0; i < 100; i++) {
      const { job } = (await api('/api/runs')).json<{ job: { exitCode: number | null } }>();
      if (job.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect((await api('/api/runs')).json()).toMatchObject({ job: { exitCode: 3 } });
    const wrong = await api('/api/runs', { method: 'POST', body: { config: { sede: 1 }, author: 'me' } });
    expect(wrong.status).toBe(422);
    expect(wrong.text).toContain('sede');
    mkdirSync(store.config.directory, { recursive: true });
  });
});

describe('the index', () => {
  test('follows what another process writes: new ones, verdicts that came later, replaced ones', async () => {
    const folder = join(directory, 'followed');
    mkdirSync(folder);
    await using written = openSqlite(join(folder, 'store.sqlite'));
    using index = new SearchIndex(folder);
    const search = new Search(index);
    const count = async (filter: Parameters<Search['count']>[0]): Promise<number> => {
      await index.sync();
      return search.count(filter);
    };
    const scenario = testScenario();
    const turn = {
      index: 0,
      request: 'r',
      plain: 'r',
      move: 'opening',
      response: 'first words',
      finish: 'stop',
      tokens: 1,
    } as const;
    const conversation = {
      id: 'c1',
      scenario: 's1',
      target: 't',
      simulator: 's',
      seed: 1,
      sample: 0,
      turns: [turn],
    };
    await written.saveConversation({ scenario, conversation }, []);
    expect(await count({ text: 'first wor', facets: {} })).toBe(1);
    expect(await count({ facets: { outcome: ['harmful'] } })).toBe(0);
    const verdict = {
      id: 'v1',
      conversation: 'c1',
      turn: 0,
      metric: 'severity',
      judge: 'j',
      status: 'scored',
      severity: 5,
    } as const;
    await written.saveConversation({ scenario, conversation }, [verdict]);
    expect(index.changed()).toBe(true);
    expect(await count({ facets: { outcome: ['harmful'] } })).toBe(1);
    await written.saveConversation({ scenario, conversation }, [{ ...verdict, severity: 0 }]);
    expect(await count({ facets: { outcome: ['harmful'] } })).toBe(0);
    await written.saveConversation(
      { scenario, conversation: { ...conversation, turns: [{ ...turn, response: 'other' }] } },
      [],
    );
    expect(await count({ text: 'first', facets: {} })).toBe(0);
    expect(await count({ text: 'other', facets: {} })).toBe(1);
    expect(await count({ facets: {} })).toBe(1);
  });
});
