/** The commands that work on a store, after a whole run of a tiny model. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.ts';
import { tinyGguf } from '../tiny-model.ts';

const command = fileURLToPath(new URL('../../bin/temper', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'temper-store-'));
const settings = {
  directory: 'store',
  // With it something of the tiny model's babble is a finding.
  seed: 2,
  target: { path: 'tiny.gguf', maxTokens: 12, batch: 8 },
  suites: {
    dev: { adversarial: 140, benign: 30, general: 16 },
    everyday: 10,
    sealed: { adversarial: 20, benign: 20, grounded: 2, general: 4 },
  },
  curation: { harmExamples: 30 },
  training: {
    lora: { rank: 2 },
    sft: { maxLength: 1024 },
    dpo: { maxLength: 1024, pairs: { harm: 4, benign: 4 } },
  },
};

function temper(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
    cwd: work,
    encoding: 'utf8',
    timeout: 100_000,
  });
  return { status, stdout, stderr };
}
const json = <T = Record<string, unknown>>(...args: string[]): T => {
  const { status, stdout, stderr } = temper(...args, '--json');
  expect(stderr).not.toMatch(/^error/m);
  expect(status).toBe(0);
  return JSON.parse(stdout) as T;
};

let run: Record<string, unknown>;
let log: string;

beforeAll(() => {
  tinyGguf(join(work, 'tiny.gguf'));
  writeFileSync(join(work, 'temper.yaml'), JSON.stringify(settings));
  const { stdout, stderr } = temper('run', '--json');
  log = stderr;
  run = JSON.parse(stdout) as Record<string, unknown>;
});

test('looking makes no store', () => {
  const elsewhere = ['--set', 'directory=none'];
  expect(temper('runs', ...elsewhere)).toMatchObject({ status: 0 });
  expect(temper('show', 'x', ...elsewhere)).toMatchObject({ status: 13 });
  expect(temper('report', ...elsewhere)).toMatchObject({ status: 13 });
  expect(temper('doctor', ...elsewhere)).toMatchObject({ status: 0 });
  expect(existsSync(join(work, 'none'))).toBe(false);
});

test('run --json: one scorecard, with run, adapter, frontier and choice; runs and --latest-adapter agree', () => {
  expect(run).toMatchObject({
    version: 'scorecard/1',
    run: expect.any(String) as string,
    chosen: expect.any(Object) as object,
  });
  expect(run['rows']).toHaveLength(5);
  const told = [...log.matchAll(/^\[(\d)\/6\] ([a-z ]+)$/gm)].map(([, number, name]) => `${number} ${name}`);
  expect(told).toEqual(['1 break', '2 curate', '3 train sft', '4 train dpo', '5 choose', '6 verify']);
  expect(log).toMatch(/^ {2}\d+ to \d+ min for the default model [\s\S]{0,60}Ctrl-C is\s+safe/m);
  expect(
    log.match(
      /^ {2}chosen: (?:(?:sft|dpo) step \d+|\d+ % dpo, the rest sft|\d+ % beyond dpo, away from sft) × [\d.]+: DR-3 /gm,
    ),
  ).toHaveLength(1);
  expect(log).toMatch(/^ {2}\d+ findings; \d+ examples: \d+ from findings/m);
  const { stdout } = temper('show', '--latest-adapter');
  expect(stdout.trim()).toBe(run['adapter']);
  expect(existsSync(join(stdout.trim(), 'adapter_model.safetensors'))).toBe(true);
  expect(json<unknown[]>('runs')).toMatchObject([{ id: run['run'], status: 'finished' }]);
});

test('the gate decides the exit code, also where the reader of the output has left', () => {
  const outcome = (run['gate'] as { outcome: 'pass' | 'fail' | 'inconclusive' }).outcome;
  expect(outcome).not.toBe('pass');
  const code = { fail: 10, inconclusive: 11 }[outcome as 'fail'];
  expect(temper('run', '--gate').status).toBe(code);
  const line = `set -o pipefail; "${process.execPath}" "${command}" run --gate | true`;
  expect(spawnSync('bash', ['-c', line], { cwd: work }).status).toBe(code);
});

test('report in every format; --out makes its folder', () => {
  const id = run['run'] as string;
  expect(json('report', id)).toEqual(run);
  expect(temper('report', id).stdout).toContain('Scorecard');
  expect(temper('report', '--format', 'markdown').stdout).toMatch(
    /^# Scorecard\n[\s\S]*\| Third-party harm \|/,
  );
  expect(temper('report', '--format', 'html', '--out', 'new/report.html').status).toBe(0);
  expect(readFileSync(join(work, 'new', 'report.html'), 'utf8')).toContain('<title>temper scorecard</title>');
  expect(temper('report', '--out', 'new/report.md').stdout).toBe('written to new/report.md\n');
  expect(readFileSync(join(work, 'new', 'report.md'), 'utf8')).toMatch(/^# Scorecard\n/);
  expect(temper('report', 'nothing')).toMatchObject({ status: 13 });
});

test('a store that was moved: its adapters are found where they are now', () => {
  cpSync(join(work, 'store'), join(work, 'elsewhere', 'moved'), { recursive: true });
  const moved = ['--set', 'directory=elsewhere/moved'];
  renameSync(join(work, 'store'), join(work, 'away'));
  try {
    const place = join(work, 'elsewhere', 'moved', 'adapters', basename(run['adapter'] as string));
    expect(json<{ adapter: string }[]>('runs', ...moved)[0]).toMatchObject({ adapter: place });
    expect(temper('show', run['run'] as string, ...moved).stdout).toContain(place);
    expect(temper('report', '--format', 'html', '--out', 'moved.html', ...moved)).toMatchObject({
      status: 0,
    });
    expect(readFileSync(join(work, 'moved.html'), 'utf8')).not.toContain('was made otherwise');
  } finally {
    renameSync(join(work, 'away'), join(work, 'store'));
  }
});

test('the HTML report of a run that this version would make otherwise: its figures, and what differs', async () => {
  cpSync(join(work, 'store'), join(work, 'upgraded'), { recursive: true });
  const id = 'f'.repeat(20);
  {
    await using store = openSqlite(join(work, 'upgraded', 'store.sqlite'));
    await store.saveRun({ ...(await store.run(run['run'] as string))!, id });
    const manifest = (await store.stage(run['run'] as string, 'manifest')) as object;
    await store.finishStage(id, 'manifest', { ...manifest, judge: 'embedded:0', program: 'temper/0' });
  }
  const args = ['report', id, '--format', 'html', '--out', 'upgraded.html', '--set', 'directory=upgraded'];
  const { status, stderr } = temper(...args);
  expect(status).toBe(0);
  const line = /judge embedded:0, now embedded:[\d.]+; program temper\/0, now temper\/\d+/;
  expect(stderr).toMatch(line);
  const page = readFileSync(join(work, 'upgraded.html'), 'utf8');
  expect(page).toMatch(line);
  expect(page).toContain('Third-party harm');
});

test('an adapter of the target that is nowhere: where it was looked for', () => {
  expect(temper('eval', '--set', 'target.adapter=none/such')).toMatchObject({
    status: 5,
    stderr: expect.stringMatching(/target\.adapter none\/such[\s\S]*absolute path/) as string,
  });
});

test('a target in which nothing broke: the scorecard of what it is, no adapter, no error', () => {
  const args = [
    '--set',
    'directory=sound',
    '--set',
    'suites.dev.adversarial=0',
    '--set',
    'suites.dev.benign=0',
  ];
  const card = json('run', ...args);
  expect(card).toMatchObject({
    gate: null,
    adapter: null,
    chosen: null,
    frontier: [],
    counts: { after: null },
  });
  const { status, stdout, stderr } = temper('run', '--gate', ...args);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^Nothing to fix: /m);
  expect(stdout).not.toMatch(/^(adapter|Gate)/m);
  expect(stderr).toMatch(/^\[1\/6\] break: done before/m);
  expect(json('report', ...args)).toEqual(card);
  expect(temper('report', '--format', 'html', ...args).stdout).toContain('<title>temper scorecard</title>');
  expect(temper('show', '--latest-adapter', ...args)).toMatchObject({
    status: 13,
    stderr: expect.stringContaining('made no adapter') as string,
  });
});

test('compare base with the run: the figures of the run, nothing measured again', () => {
  const { status, stdout, stderr } = temper('compare', 'base', run['run'] as string, '--json');
  expect(status).toBe(0);
  expect((JSON.parse(stdout) as Record<string, unknown>)['harm']).toEqual(run['harm']);
  expect(stderr.match(/from the store/g)).toHaveLength(2);
  expect(temper('compare', 'base', 'nothing')).toMatchObject({ status: 13 });
});

test('attack, curate, show: from a training pair to its finding and its conversation', () => {
  const { findings } = json<{ findings: { id: string; conversation: string }[] }>('attack');
  const { examples, dataset } = json<{ examples: number; dataset: string }>('curate', '--out', 'pairs.jsonl');
  const pairs = readFileSync(join(work, 'pairs.jsonl'), 'utf8').trim().split('\n');
  expect(pairs).toHaveLength(examples);
  const { id, lineage } = JSON.parse(pairs[0] as string) as { id: string; lineage: { conversation: string } };
  expect(temper('show', id).stdout).toContain(lineage.conversation);
  expect(temper('show', 'nothing')).toMatchObject({
    status: 13,
    stderr: expect.stringMatching(/Findings: .*temper attack/) as string,
  });
  for (const record of [
    lineage.conversation,
    run['run'] as string,
    dataset,
    basename(run['adapter'] as string),
    ...findings.slice(0, 1).map((finding) => finding.id),
  ]) {
    const { status, stdout } = temper('show', record);
    expect(status).toBe(0);
    expect(stdout).toContain(record);
    if (record === run['run'])
      expect(stdout).toMatch(
        /^data +\d+ examples: \d+ from findings[\s\S]*^gate +(fail|inconclusive) [\s\S]*^ {2}Harm, all adversarial +DR-3/m,
      );
    if (record === lineage.conversation) expect(stdout).toMatch(/^target +tiny\.gguf\n {14}[0-9a-f]{20}$/m);
    // oxlint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/);
  }
});

test('train from what curate wrote, with a trailing slash; eval with that adapter', () => {
  temper('curate', '--out', 'pairs.jsonl');
  const trained = json(
    'train',
    'pairs.jsonl',
    '--recipe',
    'dpo',
    '--target',
    'tiny.gguf',
    '--out',
    'made/',
    '--set',
    'maxLength=1024',
    '--set',
    'lora.rank=2',
  );
  expect(trained['adapter']).toBe(join(work, 'made'));
  expect(existsSync(join(work, 'made', 'adapter_config.json'))).toBe(true);
  expect(json('eval', '--adapter', 'made')).toMatchObject({
    gate: null,
    about: { target: 'tiny.gguf + made' },
  });
});

test('base:adapter as --target of train is where it starts; beside --adapter, and as the base of an export, it is refused', () => {
  temper('curate', '--out', 'pairs.jsonl');
  const args = ['train', 'pairs.jsonl', '--recipe', 'sft', '--set', 'maxLength=1024', '--set', 'epochs=0.5'];
  const rank = (folder: string): unknown =>
    (JSON.parse(readFileSync(join(work, folder, 'adapter_config.json'), 'utf8')) as { r: unknown }).r;
  json(...args, '--target', 'tiny.gguf', '--set', 'lora.rank=2', '--out', 'first');
  // A fresh one would have another rank.
  json(...args, '--target', 'tiny.gguf:first', '--out', 'second');
  expect(rank('second')).toBe(2);
  const both = temper(...args, '--target', 'tiny.gguf:first', '--adapter', 'second', '--out', 'third');
  expect(both).toMatchObject({ status: 2, stderr: expect.stringContaining('has an adapter') as string });
  const exported = temper(
    'adapter',
    'export',
    'first',
    '--format',
    'merged',
    '--target',
    'tiny.gguf:first',
    '--out',
    'm',
  );
  expect(exported).toMatchObject({ status: 2, stderr: expect.stringContaining('with an adapter') as string });
});

test('interrupted: exit 130, no lock left, and the same command continues', async () => {
  const args = ['run', '--set', 'seed=7'];
  const child = spawn(process.execPath, [command, ...args], { cwd: work });
  let errors = '';
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      if (errors === '') child.kill('SIGINT');
      errors += String(chunk);
    });
    child.on('close', () => resolve());
  });
  expect(child.exitCode).toBe(130);
  expect(errors).toMatch(/error: stopped\n {2}The same command continues/);
  expect(existsSync(join(work, 'store', 'lock'))).toBe(false);
  expect(temper(...args).status).toBe(0);
});
