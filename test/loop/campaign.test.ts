/** A campaign as a user runs it, on a random model: its budget, its resumption after kill -9, its two sides. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { SearchCampaign } from '../../src/loop/campaign.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { tinyGguf } from '../tiny-model.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'temper-campaign-'));
const model = tinyGguf(join(work, 'tiny.gguf'));
const args = (directory: string, ...more: string[]): string[] => [
  '--disable-warning=ExperimentalWarning',
  main,
  'attack',
  ...[
    'directory=' + join(work, directory),
    `target.path=${model}`,
    'target.maxTokens=8',
    'target.batch=16',
  ].flatMap((each) => ['--set', each]),
  ...more,
];
const run = (directory: string, ...more: string[]) =>
  spawnSync(process.execPath, args(directory, ...more), { encoding: 'utf8', timeout: 110_000 });
const campaign = (directory: string, ...more: string[]): SearchCampaign => {
  const { status, stdout, stderr } = run(directory, '--json', ...more);
  expect(stderr).not.toMatch(/^error/m);
  expect(status).toBe(0);
  return JSON.parse(stdout) as SearchCampaign;
};
const small = [
  '--budget',
  '80',
  '--tries',
  '3',
  '--technique',
  'pair crescendo:turns=3 role-play plain hex suffix',
];

test('keeps to its budget, and after kill -9 ends as if nothing had been', async () => {
  const whole = campaign('whole', ...small);
  expect(whole.queries).toBeLessThanOrEqual(80);
  expect(whole.attempts).toBeGreaterThan(10);
  expect(whole.notDecoded).toEqual([{ technique: 'hex', family: 'encoding', read: 0, of: 2 }]);
  const tried = whole.coverage.reduce((sum, { tries }) => sum + tries, 0);
  expect(tried).toBe(whole.attempts);
  for (let kills = 0; kills < 3; kills++) {
    const child = spawn(process.execPath, args('killed', '--json', ...small), {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const died = new Promise((resolve) => child.on('exit', resolve));
    child.stderr.setEncoding('utf8');
    let log = '';
    child.stderr.on('data', (text: string) => {
      log += text;
      // Somewhere within the attempts, later each time.
      if (/attack \(/.test(log)) setTimeout(() => child.kill('SIGKILL'), 60 * kills);
    });
    await died;
  }
  expect(campaign('killed', ...small)).toEqual(whole);
  // From the store alone: no target is asked, so one that cannot answer is none the wiser.
  expect(campaign('killed', ...small)).toEqual(whole);
  await using store = openSqlite(join(work, 'whole', 'store.sqlite'));
  const registered = await Array.fromAsync(store.register());
  expect(new Set(registered.map(({ finding }) => finding.id))).toEqual(
    new Set(whole.findings.map(({ id }) => id)),
  );
  for (const { status, cluster } of registered)
    expect([status, cluster?.includes(': ')]).toEqual(['new', true]);
}, 240_000);

test('the sealed side has its own requests and families, and registers nothing', async () => {
  const sealed = campaign('sealed', '--budget', '40', '--tries', '2', '--split', 'sealed');
  const families = new Set(sealed.coverage.map(({ family }) => family));
  for (const family of ['persuasion', 'encoding', 'refinement', 'role-play'])
    expect(families).not.toContain(family);
  await using store = openSqlite(join(work, 'sealed', 'store.sqlite'));
  expect(await Array.fromAsync(store.register())).toEqual([]);
}, 120_000);

test('what cannot be is refused before any model is opened', () => {
  for (const [more, message] of [
    [['--budget', '50', '--technique', 'flip'], /not of the split 'dev': flip \(family reordering\)/],
    [['--budget', '50', '--technique', 'no-such'], /unknown attack or strategy 'no-such'/],
    [['--budget', '50', '--technique', 'pair:streams=0'], /pair:streams=0: streams/],
    [['--budget', '5', '--technique', 'pair'], /no attempt takes so few/],
    [['--budget', 'many'], /Give a number/],
  ] as const) {
    const { status, stderr } = run('none', ...more);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
  }
  expect(run('none', '--budget', '9', '--set', 'attacker=gpt').stderr).toMatch(/unknown attacker `gpt`/);
});
