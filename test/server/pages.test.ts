/** What single pages ask of the server: whether a family improved alike, trainings by their names and at work, who answered by hand. */
import { appendFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noteMeasured } from '../../src/loop/measured.ts';
import { eventLogPath, type LoggedEvent } from '../../src/loop/event-log.ts';
import type { Scorecard } from '../../src/metrics/scorecard.ts';
import {
  type ConsoleReply,
  type ConsoleSession,
  type ConsoleTurn,
  SESSION_NOTE,
  TURN_NOTE,
} from '../../src/server/by-hand.ts';
import { newest, phaseOf } from '../../src/server/newest.ts';
import type { ConversationPage } from '../../src/server/routes/conversations.ts';
import type { FamilyView } from '../../src/server/routes/families.ts';
import { serve, type Server } from '../../src/server/serve.ts';
import type { TrainingCurve } from '../../src/server/training-curves.ts';
import { lockStore } from '../../src/store/lock.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { makeWebStore, type WebStore } from '../web-store.ts';
import { ask, letIn } from './client.ts';

const directory = mkdtempSync(join(tmpdir(), 'temper-pages-'));
const client = join(directory, 'client');
mkdirSync(client);
writeFileSync(join(client, 'index.html'), '<!doctype html>');
const errors: unknown[] = [];
let store: WebStore;
let records: Store & AsyncDisposable;
let server: Server;
let cookie: string;

const api = async <T>(path: string, body?: unknown): Promise<T> => {
  const sent = body === undefined ? {} : { method: 'POST', body };
  const answer = await ask(server.port, path, { ...sent, headers: { cookie } });
  expect(answer.status, answer.text.slice(0, 400)).toBe(200);
  return answer.json<T>();
};

beforeAll(async () => {
  store = makeWebStore(join(directory, 'store'));
  records = openSqlite(join(store.config.directory, 'store.sqlite')) as Store & AsyncDisposable;
  server = await serve({
    config: store.config,
    command: [process.execPath, '-e', '0', '--'],
    port: 0,
    client,
    version: '0',
    onLink: () => {},
    onError: (error) => errors.push(error),
  });
  cookie = await letIn(server.port, server.link);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await records[Symbol.asyncDispose]();
  expect(errors).toEqual([]);
});

test('a family: each model over what all have, and Q of their changes by hand', async () => {
  const run = (await records.run(store.run))!;
  const arms = await records.arms(store.run);
  const still = 'e'.repeat(20);
  await records.saveRun({ ...run, id: still, created: '2026-01-02T10:00:00.000Z' });
  // A model that its fix left as it was, on the same scenarios.
  for (const arm of ['verify: before', 'verify: after'])
    await records.saveArm(still, arm, arms.get('verify: before')!);
  const asked = () =>
    api<{ family: FamilyView | null; alone: string | null }>(`/api/families?runs=${store.run},${still}`);
  // The index follows the store.
  await expect
    .poll(async () => (await asked().catch(() => null))?.family?.members.length, {
      timeout: 20_000,
    })
    .toBe(2);
  const { family } = await asked();
  const { members, tests, scenarios } = family!;
  expect(scenarios).toBe(60);
  const stored = run.scorecard as Scorecard;
  expect(members[0]!.figures.harm).toEqual(stored.harm.dr3);
  expect(members[0]!.examples).toBe(40);
  expect(members[1]!.figures.harm.difference!.value).toBe(0);
  // Q = sum w (x - mean)^2 with w = 1 / error^2, the errors from the intervals shown.
  const changes = members.map(({ figures }) => figures.harm.difference!);
  const weight = changes.map(({ low, high }) => ((high! - low!) / (2 * 1.959964)) ** -2);
  const [a, b] = changes.map(({ value }) => value!) as [number, number];
  const [v, w] = weight as [number, number];
  const q = ((v * w) / (v + w)) * (a - b) ** 2;
  expect(tests.change.harm.statistic).toBeCloseTo(q, 10);
  expect(tests.change.harm.inconsistency).toBeCloseTo(Math.max(0, (q - 1) / q), 10);
  expect(tests.change.harm.p).toBeLessThan(0.05);
});

test('a severity moves every row of a comparison; without one they are those of Table 1', async () => {
  const arms = ['before', 'after'].map((arm) => `${store.run}:verify:%20${arm}`);
  const measures = async (x: string) => {
    const { rows } = await api<{ rows: { name: string; measure: string; reference?: number }[] }>(
      `/api/compare?a=${arms[0]}&b=${arms[1]}${x}`,
    );
    const harm = rows.filter(({ measure }) => measure !== 'mean');
    return harm.map(({ measure, reference }) => [measure, reference !== undefined]);
  };
  expect(new Set((await measures('')).map(([measure]) => measure))).toEqual(new Set(['DR-1', 'DR-3']));
  // What was published at another severity is no reference there.
  expect(new Set((await measures('&x=5')).map(String))).toEqual(new Set(['DR-5,false']));
  const { table } = await api<{ table: { rows: { measure: string }[] } }>(
    `/api/family?arms=${arms.join(',')}&x=5`,
  );
  expect(table.rows.filter(({ measure }) => measure === 'DR-5').length).toBeGreaterThan(3);
});

test('what was measured outside of runs stands beside runs, and leads to its conversations', async () => {
  const before = (await records.arms(store.run)).get('verify: before')!.slice(0, 30);
  const judged = [];
  for (const id of before) judged.push({ ...(await records.conversation(id))!, verdicts: [] });
  const about = {
    target: 'a model elsewhere',
    simulator: 's',
    judge: 'j',
    suite: 'x@1',
    created: '2026-02-01T00:00:00Z',
  };
  await noteMeasured(records, { name: 'elsewhere', about, judged });
  await noteMeasured(records, { name: 'elsewhere', about, judged });
  const { measured } = await api<{ measured: { name: string; target: string; conversations: number }[] }>(
    '/api/measured',
  );
  expect(measured).toMatchObject([{ target: 'elsewhere', conversations: 30 }]);
  const { columns, table } = await api<{ columns: { name: string }[]; table: { scenarios: number } }>(
    `/api/family?arms=${measured[0]!.name},${store.run}:verify:%20after`,
  );
  expect(columns.map(({ name }) => name)).toEqual([measured[0]!.name, `${store.run}:verify: after`]);
  expect(table.scenarios).toBe(30);
  const [run, arm] = measured[0]!.name.split(':');
  expect((await api<{ total: number }>(`/api/conversations?run=${run}&arm=${arm}`)).total).toBe(30);
});

test('what is listed as measured can be compared; what cannot be is named with the reason', async () => {
  const noted = async (name: string, ids: readonly string[]): Promise<void> => {
    const [id] = (await records.arms(store.run)).get('verify: before')!;
    const { scenario, conversation } = (await records.conversation(id!))!;
    const judged = ids.map((each) => ({
      scenario,
      conversation: { ...conversation, id: each },
      verdicts: [],
    }));
    const about = { target: name, simulator: 's', judge: 'j', suite: 'x@1', created: '2026-03-01T00:00:00Z' };
    await noteMeasured(records, { name, about, judged });
  };
  const [first, second] = (await records.arms(store.run)).get('verify: after')!;
  await noted('forgotten', ['of another store']);
  await noted('large', [first!, ...Array.from({ length: 20_000 }, (_, i) => `of another store ${i}`)]);
  await noted('two', [first!, second!]);
  const { measured, left } = await api<{
    measured: { name: string; target: string }[];
    left: { name: string; target: string; why: string }[];
  }>('/api/measured');
  expect(measured.map(({ target }) => target)).toContain('two');
  for (const { name } of measured) await api(`/api/compare?a=${name}&b=${name}`);
  expect(new Map(left.map(({ target, why }) => [target, why]))).toEqual(
    new Map([
      ['forgotten', expect.stringMatching(/none of its conversations/)],
      ['large', expect.stringMatching(/more than 20000/)],
    ]),
  );
  for (const { name, why } of left) {
    const answer = await ask(server.port, `/api/compare?a=${name}&b=${store.run}`, { headers: { cookie } });
    expect([answer.status, answer.json<{ error: { message: string } }>().error.message]).toEqual([
      404,
      `${name} cannot be compared: ${why}`,
    ]);
  }
});

test('all trainings of a run by their names, and the one at work from its first step', async () => {
  const curves = async () =>
    (await api<{ curves: TrainingCurve[] }>(`/api/runs/${store.run}/training`)).curves;
  expect((await curves()).map(({ name, atWork }) => [name, atWork])).toEqual([
    ['sft', false],
    ['dpo', false],
  ]);
  const folder = join(store.config.directory, 'adapters');
  const write = (id: string, step: number): void =>
    appendFileSync(join(folder, `${id}.metrics.jsonl`), `${JSON.stringify({ step, steps: 90, loss: 1 })}\n`);
  using _ = lockStore(join(store.config.directory, 'lock'));
  const at = '2026-01-01T00:00:00Z';
  const phase = { number: 5, of: 7, names: ['break', 'train third'] };
  const told: LoggedEvent[] = [
    { at, type: 'opened', pid: process.pid },
    { at, type: 'run', run: store.run },
    { at, type: 'stage', stage: 'train third', status: 'start', phase },
    // So many that a page that is opened now is not sent the beginning.
    ...Array.from({ length: 800 }, (_, i): LoggedEvent => ({
      at,
      type: 'progress',
      stage: 'train dpo',
      done: i,
      total: 800,
      unit: 'steps',
    })),
  ];
  writeFileSync(
    eventLogPath(store.config.directory),
    told.map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
  for (let step = 1; step <= 40; step++) write('thirdid', step);
  await expect.poll(async () => (await curves()).length, { timeout: 10_000 }).toBe(3);
  const now = (await curves()).at(-1)!;
  expect([now.name, now.id, now.atWork, now.steps.length]).toEqual(['third', 'thirdid', true, 40]);
  const { events } = await api<{ events: LoggedEvent[] }>('/api/live/events');
  expect(events.length).toBeLessThan(400);
  expect(phaseOf(events)).toMatchObject({ stage: 'train third', phase });

  await records.finishStage(store.run, 'train-third', [
    { id: 'thirdid-90', directory: 'x', name: 'third step 90' },
  ]);
  expect((await curves()).map(({ name, atWork }) => [name, atWork])).toEqual([
    ['sft', false],
    ['dpo', false],
    ['third', false],
  ]);
  const { runs } = await api<{ runs: { stages: string[] }[] }>('/api/runs');
  expect(runs.find(({ stages }) => stages.includes('train-third'))!.stages).toEqual([
    'curate',
    'train-sft',
    'train-dpo',
    'select',
    'train-third',
  ]);
});

test('of much that was told, the newest and where the command stands', () => {
  const at = '';
  const progress = (done: number): LoggedEvent => ({
    at,
    type: 'progress',
    stage: 's',
    done,
    total: 9,
    unit: 'u',
  });
  const run: LoggedEvent = { at, type: 'run', run: 'r' };
  const part: LoggedEvent = { at, type: 'stage', stage: 'load', status: 'start' };
  const phase: LoggedEvent = { ...part, stage: 'break', phase: { number: 1, of: 6 } };
  const all = [run, phase, part, progress(1), progress(2), progress(3)];
  expect(newest(all, 2)).toEqual([run, phase, progress(2), progress(3)]);
  expect(newest(newest(all, 2), 2)).toEqual(newest(all, 2));
  expect(newest(all, 9)).toBe(all);
});

test('a conversation by hand: who answered, what the others answered to the same, in which session', async () => {
  const adapter = 'dpoid-20-x1.25';
  mkdirSync(join(store.config.directory, 'adapters', adapter), { recursive: true });
  writeFileSync(join(store.config.directory, 'adapters', adapter, 'adapter_config.json'), '{}');
  const reply = (target: string, severity: number): ConsoleReply => ({
    text: `as ${target} says`,
    finish: 'stop',
    tokens: 3,
    target,
    judge: 'j',
    verdicts: [{ metric: 'severity', judgement: { status: 'scored', severity } }],
  });
  const about = { author: 'Ada', created: '2026-01-01T00:00:00.000Z', subject: 'abcdef0123' };
  const session: ConsoleSession = { title: 'Small print', goal: '', category: 'fraud' };
  await records.saveNote({ ...about, kind: SESSION_NOTE, record: session });
  const record: ConsoleTurn = {
    parent: null,
    plain: 'p',
    request: 'p',
    attacks: [],
    seed: 1,
    replies: { base: reply('t-base', 4), [adapter]: reply('t-fixed', 1) },
  };
  const turn = await records.saveNote({ ...about, kind: TURN_NOTE, record });
  const { conversation } = await api<{ conversation: string }>('/api/console/findings', {
    session: about.subject,
    turn: turn.id,
    arm: adapter,
    category: 'fraud',
    severity: 3,
    author: 'Ada',
  });
  const { hand, asked } = await api<ConversationPage>(`/api/conversations/${conversation}`);
  expect(asked.conversation.turns[0]!.response).toBe('as t-fixed says');
  expect(hand).toMatchObject({ session: about.subject, turn: turn.id, title: 'Small print' });
  expect(hand!.arm).toEqual({
    id: adapter,
    label: `chosen by run ${'e'.repeat(8)}`,
    runs: ['e'.repeat(20), store.run],
  });
  const [base, ...more] = hand!.others;
  expect(more).toEqual([]);
  expect(base!.of.id).toBe('base');
  expect(base!.conversation.turns[0]!.response).toBe('as t-base says');
  // The judge's verdict on it, and none of the person's, who looked at the other.
  expect(base!.verdicts.map(({ judge, status }) => [judge, status])).toEqual([['j', 'scored']]);
  const { items } = await api<{ items: { id: string; key: string }[] }>(
    '/api/conversations?limit=1&kind=benign',
  );
  expect((await api<ConversationPage>(`/api/conversations/${items[0]!.id}`)).hand).toBeNull();
});
