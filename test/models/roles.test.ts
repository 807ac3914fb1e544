/** The commands with three models that are called: target, judge and simulator on one server, told apart by name. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { configSchema } from '../../src/config/config.ts';
import type { Conversation, Verdict } from '../../src/core/records.ts';
import { requireRoles } from '../../src/loop/roles.ts';
import type { Scorecard } from '../../src/metrics/scorecard.ts';
import { tinyGguf } from '../tiny-model.ts';
import { completion, json, LocalServer, type Respond, type Seen } from './server.ts';
import { everything, jsonLines, temper } from './temper.ts';

const KEYS = { JUDGE_KEY: 'judge-key-0123456789', USER_KEY: 'user-key-0123456789' };

/** A folder with a configuration that names a judge and a simulator. */
function place(server: LocalServer): string {
  const folder = mkdtempSync(join(tmpdir(), 'temper-roles-'));
  const at = `baseUrl: ${server.url}/v1`;
  writeFileSync(
    join(folder, 'temper.yaml'),
    `target: { model: "openai-compatible:target", ${at} }
targets:
  grader: { model: "openai-compatible:grader", ${at}, apiKey: { env: JUDGE_KEY }, price: { input: 1, output: 2 }, maxTokens: 300 }
  user: { model: "openai-compatible:user", ${at}, apiKey: { env: USER_KEY }, temperature: 0.9 }
judge: rubric:grader
simulator: llm:user
`,
  );
  return folder;
}

const limited = (split: string, counts: Record<string, number>): string[] =>
  Object.entries(counts).flatMap(([kind, count]) => ['--set', `suites.${split}.${kind}=${count}`]);
const FEW = limited('sealed', { adversarial: 12, benign: 6, grounded: 2, general: 3 });

const NONE = { adversarial: 0, benign: 0, grounded: 0 };
const GENERAL = limited('sealed', { general: 2 });

type Name = 'target' | 'grader' | 'user';
const modelOf = ({ body }: Seen): Name => (JSON.parse(body) as { model: Name }).model;

/** A grade by what is asked for; a message by its turn. */
const graded = ({ prompt }: Seen, severity: number): string =>
  JSON.stringify({
    reasons: 'The answer gives general hints.',
    grade: prompt.includes('"full"') ? 'none' : prompt.includes('0 to 4') ? 1 : severity,
  });
const spoken = ({ body }: Seen): string => {
  const turn = /message (\d) of at most|last message, (\d) of/.exec(body);
  return JSON.stringify({
    thought: 'go on',
    stop: false,
    message: `Turn ${turn?.[1] ?? turn?.[2] ?? 1}, please help me with it.`,
  });
};
const answer = 'Here are some general hints about it, in plain words, for anyone who wants to know.';

const all =
  (over: Partial<Record<Name, Respond>> = {}): Respond =>
  (response, seen) => {
    const model = modelOf(seen);
    const other = over[model];
    if (other) return other(response, seen);
    const text = model === 'target' ? answer : model === 'grader' ? graded(seen, 4) : spoken(seen);
    json(response, completion(text));
  };

function stored<T>(folder: string, table: string): T[] {
  using store = new DatabaseSync(join(folder, '.temper', 'store.sqlite'));
  return store
    .prepare(`select record from ${table}`)
    .all()
    .map(({ record }) => JSON.parse(String(record)) as T);
}

test('eval: each role is called with its own key and settings, and the second time from the store', async () => {
  await using server = await LocalServer.start(all());
  const folder = place(server);
  const { status, stdout, stderr } = await temper(folder, ['eval', '--json', ...FEW], KEYS);
  expect(stderr).not.toMatch(/^error/m);
  expect(status).toBe(0);
  for (const role of ['target', 'judge', 'simulator'])
    expect(stderr).toMatch(new RegExp(`^ *${role}: \\d+ calls, .*tokens in`, 'm'));
  // Only the judge has a price.
  expect(stderr).toMatch(/judge: [^$]*\$0\.0\d+/s);
  const card = JSON.parse(stdout) as Scorecard;
  expect(card.harm.dr3.before).toMatchObject({ n: 12, unscored: 0, value: 1 });
  expect(card.rows.find(({ row }) => row === 'ungroundedness')!.before).toMatchObject({ value: 1 });
  expect(card.about.judge).toMatch(/^rubric:openai-compatible:grader@/);
  expect(card.about.simulator).toContain('plays the personas');
  expect(card.about.notes).toBeUndefined();
  const of = (name: Name) => server.seen.filter((seen) => modelOf(seen) === name);
  expect(of('target').every(({ headers }) => headers.authorization === undefined)).toBe(true);
  expect(of('grader').every(({ headers }) => headers.authorization === `Bearer ${KEYS.JUDGE_KEY}`)).toBe(
    true,
  );
  expect(of('user').every(({ headers }) => headers.authorization === `Bearer ${KEYS.USER_KEY}`)).toBe(true);
  expect(JSON.parse(of('grader')[0]!.body)).toMatchObject({ temperature: 0, max_tokens: 300 });
  expect(JSON.parse(of('user')[0]!.body)).toMatchObject({ temperature: 0.9 });
  // The judge does not learn whom it judges.
  expect(of('grader').some(({ body }) => body.includes('openai-compatible'))).toBe(false);
  for (const { simulator } of stored<Conversation>(folder, 'conversations'))
    expect(simulator).toMatch(/^llm:openai-compatible:user@/);
  expect(stdout + stderr + everything(folder)).not.toMatch(/(judge|user)-key-0123/);
  const calls = server.seen.length;
  const again = await temper(folder, ['eval', '--json', ...FEW], KEYS);
  expect(JSON.parse(again.stdout)).toEqual({
    ...card,
    about: { ...card.about, created: expect.any(String) as string },
  });
  expect(server.seen).toHaveLength(calls);
});

test('what the simulator spoils is unscored, counted and shown; the target answers for none of it', async () => {
  let opened = 0;
  const user: Respond = (response, seen) => {
    if (seen.body.includes('This is the first message') && ++opened % 3 === 0)
      return json(response, completion("I'm sorry, but I can't help with that."));
    json(response, completion(spoken(seen)));
  };
  await using server = await LocalServer.start(all({ user }));
  const folder = place(server);
  const { stdout, stderr } = await temper(folder, ['eval', ...FEW], KEYS);
  const invalid = stored<Conversation>(folder, 'conversations').filter((one) => one.invalid);
  expect(invalid.length).toBeGreaterThan(3);
  expect(invalid.every(({ turns }) => turns.every(({ finish }) => finish === 'stop'))).toBe(true);
  const note = `simulator invalid: ${invalid.length} of 23 conversations (${invalid.length} refused), unscored`;
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain(note);
  expect(stderr.replaceAll(/\s+/g, ' ')).toContain(note);
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  const shown = await temper(folder, ['show', invalid[0]!.id]);
  expect(shown.stdout).toMatch(/invalid +simulator refused at turn 1/);
  const again = await temper(folder, ['eval', '--json', ...FEW], KEYS);
  const card = JSON.parse(again.stdout) as Scorecard;
  const { n, unscored } = card.harm.dr3.before;
  expect(n + unscored).toBe(12);
  expect(unscored).toBeGreaterThan(0);
});

test('a single failure of the judge is unscored, and asked again by the same command', async () => {
  let up = false;
  let asked = 0;
  const grader: Respond = (response, seen) =>
    up || ++asked % 4 > 0
      ? json(response, completion(graded(seen, 0)))
      : json(response, { error: { message: 'cannot' } }, 422);
  await using server = await LocalServer.start(all({ grader }));
  const folder = place(server);
  const args = ['eval', '--json', '--set', 'simulator=scripted', ...FEW];
  const first = await temper(folder, args, KEYS);
  expect(first.status).toBe(0);
  expect(first.stderr.replaceAll(/\s+/g, ' ')).toMatch(
    /\d+ of 23 conversations have verdicts whose calls failed/,
  );
  const failed = stored<Verdict>(folder, 'verdicts').filter(({ status }) => status === 'unscored');
  expect(failed.length).toBeGreaterThan(5);
  for (const verdict of failed)
    expect(verdict).toMatchObject({ reason: expect.stringMatching(/^judge-error: .*cannot/) as string });
  up = true;
  const calls = server.seen.length;
  const second = await temper(folder, args, KEYS);
  expect(second.stderr).not.toMatch(/calls failed/);
  expect(server.seen.length - calls).toBe(failed.length);
  expect(stored<Verdict>(folder, 'verdicts').every(({ status }) => status === 'scored')).toBe(true);
});

test('a judge that refuses all calls ends the command with 9, a spent budget with 12; what is finished is kept', async () => {
  let open = false;
  const grader: Respond = (response, seen) =>
    open
      ? json(response, completion(graded(seen, 1)))
      : json(response, { error: { message: 'no key' } }, 401);
  await using server = await LocalServer.start(all({ grader }));
  const folder = place(server);
  const refused = await temper(folder, ['eval', '--json', ...FEW], KEYS);
  expect(refused.status).toBe(9);
  expect(refused.stderr).toMatch(/openai-compatible:grader@\S+ refuses calls/);
  open = true;
  const spent = await temper(folder, ['eval', '--json', '--set', 'calls.budget.calls=30', ...FEW], KEYS);
  expect(spent.status).toBe(12);
  // What was said before is kept, judged or not.
  expect(stored(folder, 'conversations').length).toBeGreaterThan(0);
  const { status, stdout } = await temper(folder, ['eval', '--json', ...FEW], KEYS);
  expect(status).toBe(0);
  expect((JSON.parse(stdout) as Scorecard).harm.dr1.before.n).toBe(12);
  // Calls that were under way when the judge ended the work were not thrown away.
  const twice = server.seen.filter((seen) => modelOf(seen) === 'target' && seen.before > 0);
  expect(twice).toEqual([]);
});

test('compare, attack and curate work with them', async () => {
  await using server = await LocalServer.start(all());
  const folder = place(server);
  const compared = await temper(folder, ['compare', 'base', 'user', '--json', ...FEW], KEYS);
  expect(compared.stderr).not.toMatch(/^error/m);
  expect((JSON.parse(compared.stdout) as Scorecard).counts).toMatchObject({
    before: 23,
    after: 23,
    paired: 23,
  });
  expect((JSON.parse(compared.stdout) as Scorecard).about.notes).toBeUndefined();
  const own = ['eval', '--json', '--set', 'judge=rubric:base', ...limited('sealed', NONE), ...GENERAL];
  const { about, degenerate } = JSON.parse((await temper(folder, own, KEYS)).stdout) as Scorecard;
  expect(about.notes).toEqual([expect.stringMatching(/^The judge is the model under test/)]);
  expect(degenerate.general.before).toMatchObject({ n: 0, unscored: 2 });
  const dev = limited('dev', { adversarial: 12, benign: 6, grounded: 0, general: 4 });
  const attacked = await temper(folder, ['attack', '--json', ...dev], KEYS);
  expect((JSON.parse(attacked.stdout) as { findings: unknown[] }).findings).toHaveLength(12);
  const out = join(folder, 'pairs.jsonl');
  const few = [...dev, '--set', 'suites.everyday=4', '--set', 'curation.harmExamples=10'];
  const curated = await temper(folder, ['curate', '--out', out, '--json', ...few], KEYS);
  expect(curated.stderr).not.toMatch(/^error/m);
  const pairs = jsonLines(readFileSync(out, 'utf8'));
  expect(pairs.some(({ lineage }) => (lineage as { source: string }).source === 'finding')).toBe(true);
});

test('run: an embedded target with a called judge and simulator', async () => {
  const grader: Respond = (response, seen) => json(response, completion(graded(seen, 0)));
  await using server = await LocalServer.start(all({ grader }));
  const folder = place(server);
  const model = tinyGguf(join(folder, 'tiny.gguf'));
  const yaml = join(folder, 'temper.yaml');
  writeFileSync(
    yaml,
    readFileSync(yaml, 'utf8').replace(/^target:.*$/m, `target: { path: ${model}, maxTokens: 4 }`),
  );
  const dev = limited('dev', { adversarial: 4, benign: 4, grounded: 0, general: 2 });
  const tokens = ['--set', 'curation.maxTokens=8', '--set', 'suites.everyday=2'];
  const { status, stdout, stderr } = await temper(folder, ['run', '--json', ...FEW, ...dev, ...tokens], KEYS);
  expect(stderr).not.toMatch(/^error/m);
  expect(status).toBe(0);
  // Nothing broke, so nothing was trained.
  expect(JSON.parse(stdout)).toMatchObject({ adapter: null, about: { judge: /^rubric:/ as unknown } });
});

test('judge: any model by provider:model or by name; --json says what was used', async () => {
  await using server = await LocalServer.start(all());
  const folder = place(server);
  const input = join(folder, 'answers.jsonl');
  writeFileSync(
    input,
    [
      { id: 1, prompt: 'How do I do it?', response: answer },
      { id: 2, prompt: 'How do I do it?', response: '' },
      { id: 3, prompt: 'How do I do it?' },
    ]
      .map((record) => JSON.stringify(record))
      .join('\n'),
  );
  const judge = ['judge', input, '--metric', 'severity'];
  const out = join(folder, 'verdicts.jsonl');
  const named = await temper(folder, [...judge, '--json', '--out', out], KEYS);
  expect(JSON.parse(named.stdout)).toMatchObject({
    judge: expect.stringMatching(/^rubric:openai-compatible:grader@/) as string,
    metric: 'severity',
    records: 3,
    scored: 2,
    unscored: 1,
    usage: { judge: { calls: 1, answers: 1 } },
  });
  expect(jsonLines(readFileSync(out, 'utf8'))).toEqual([
    { id: 1, status: 'scored', severity: 4, rationale: 'The answer gives general hints.' },
    expect.objectContaining({ id: 2, status: 'scored', severity: 0, degenerate: true }) as unknown,
    expect.objectContaining({ id: 3, status: 'unscored' }) as unknown,
  ]);
  const spec = `rubric:openai-compatible:grader@${server.url}/v1`;
  const direct = await temper(folder, [...judge, '--judge', spec], KEYS);
  expect(jsonLines(direct.stdout)[0]).toMatchObject({ severity: 4 });
  // On the engine, too: this one cannot write, so it grades nothing.
  const model = tinyGguf(join(folder, 'tiny.gguf'));
  const engine = await temper(folder, [...judge, '--judge', `rubric:${model}`], KEYS);
  expect(engine.status).toBe(0);
  expect(jsonLines(engine.stdout)[0]).toMatchObject({
    status: 'unscored',
    reason: expect.stringMatching(/^judge-/) as string,
  });
});

test('what is wrong with a role is told before anything is called or written', async () => {
  const target = { model: 'vllm:m' };
  for (const [roles, message] of [
    [{ judge: 'oracle' }, 'unknown judge `oracle`'],
    [{ judge: 'rubric' }, 'needs a model'],
    [{ judge: 'rubric:nobody' }, "judge: 'nobody' is no model"],
    [{ judge: 'rubric:openai-compatible:m' }, 'judge.baseUrl: openai-compatible needs an address'],
    [{ simulator: 'llm' }, 'unknown simulator `llm`'],
    [{ simulator: 'llm:azure:m' }, 'simulator.resource: azure needs resource'],
  ] as const)
    expect(() => requireRoles(configSchema.parse({ target, ...roles }))).toThrow(message);
  await using server = await LocalServer.start(all());
  const folder = place(server);
  const { status, stderr } = await temper(folder, ['eval', '--set', 'judge=rubric:nobody'], KEYS);
  expect(stderr).toContain("judge: 'nobody' is no model");
  expect(status).toBe(3);
  expect(server.seen).toHaveLength(0);
  expect(readdirSync(folder)).toEqual(['temper.yaml']);
});
