/** What the commands read and write where it is not a plain file, or not a good one: pipes, links, full disks. */
import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { tinyGguf } from '../tiny-model.ts';

const command = fileURLToPath(new URL('../../bin/temper', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'temper-output-'));
const records = Array.from({ length: 40 }, (_, id) => ({ id, prompt: 'What is tea?', response: 'A drink.' }));
const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('');
writeFileSync(join(work, 'in.jsonl'), lines);
const JUDGE = ['judge', '--metric', 'refusal'];

/** A shell line with `temper` for the command. */
function shell(script: string, input = '') {
  const text = `temper() { "${process.execPath}" "${command}" "$@"; }\n${script}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', text], { cwd: work, encoding: 'utf8', input });
  return { status, stdout, stderr };
}
const temper = (...args: string[]) =>
  spawnSync(process.execPath, [command, ...args], { cwd: work, encoding: 'utf8' });
const ids = (text: string): unknown[] =>
  text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { id: unknown }).id);
const expected = records.map(({ id }) => id);

describe('input that can be read only once', () => {
  test.each([
    ['stdin', 'cat in.jsonl | temper judge --metric refusal -'],
    ['/dev/stdin', 'cat in.jsonl | temper judge --metric refusal /dev/stdin'],
    ['a substituted process', 'temper judge --metric refusal <(cat in.jsonl)'],
  ])('%s', (_name, script) => {
    const { status, stdout } = shell(script);
    expect(status).toBe(0);
    expect(ids(stdout)).toEqual(expected);
  });
  test('a broken line of it is named', () => {
    const { status, stderr } = shell('temper judge --metric refusal -', `${lines}{oops\n`);
    expect(status).toBe(4);
    expect(stderr).toContain('stdin, line 41');
  });
});

describe('output that cannot be written', () => {
  test.runIf(existsSync('/dev/full'))('a full disk: exit 7, said once', () => {
    for (const script of [
      'temper judge --metric refusal in.jsonl --out /dev/full',
      'temper judge --metric refusal in.jsonl > /dev/full',
      'temper runs > /dev/full',
      'temper --help > /dev/full',
      'temper init --force /dev/full',
    ]) {
      const { status, stderr } = shell(script);
      expect(status, script).toBe(7);
      expect(stderr.match(/disk is full/g), script).toHaveLength(1);
    }
    expect(shell('temper runs --bogus 2> /dev/full').status).toBe(2);
  });
  test('a folder, a place below a file, no name: known before the work', () => {
    for (const [out, code] of [
      ['.', 7],
      ['in.jsonl/x', 7],
      ['', 2],
    ] as const) {
      for (const args of [[...JUDGE, 'in.jsonl'], ['curate'], ['report']]) {
        const { status, stderr } = temper(...args, '--out', out);
        expect(status, `${args[0]} ${out}`).toBe(code);
        expect(stderr, `${args[0]} ${out}`).not.toMatch(/bug|records/);
      }
    }
    const train = temper('train', 'in.jsonl', '--recipe', 'sft', '--out', 'in.jsonl/x');
    expect(train).toMatchObject({ status: 7, stderr: expect.stringContaining('folder') as string });
  });
  test('a hard link of the input, and stdout that is the input', () => {
    linkSync(join(work, 'in.jsonl'), join(work, 'hard.jsonl'));
    expect(temper(...JUDGE, 'in.jsonl', '--out', 'hard.jsonl').status).toBe(2);
    expect(shell('temper judge --metric refusal in.jsonl >> in.jsonl').status).toBe(2);
    expect(readFileSync(join(work, 'in.jsonl'), 'utf8')).toBe(lines);
  });
  test('the store below a file', () => {
    const { status, stderr } = temper('eval', '--set', 'directory=in.jsonl');
    expect(status).toBe(7);
    expect(stderr).not.toContain('bug');
    expect(temper('doctor', '--set', 'directory=/dev/null').status).toBe(7);
  });
});

describe('a reader that leaves early is no error', () => {
  // More than a pipe holds, so that the writer must notice.
  const many = Array.from({ length: 3000 }, (_, id) => `{"id":${id},"prompt":"Hi","response":"No."}\n`);
  writeFileSync(join(work, 'many.jsonl'), many.join(''));
  test.each([
    ['of stdout', 'temper judge --metric refusal many.jsonl | head -1'],
    ['of a pipe by name', 'temper judge --metric refusal many.jsonl --out >(head -1) | cat'],
  ])('%s', (_name, script) => {
    const whole = temper(...JUDGE, 'many.jsonl').stdout;
    expect(whole.length).toBeGreaterThan(200_000);
    const { status, stdout, stderr } = shell(`set -o pipefail; ${script}`);
    expect(status).toBe(0);
    expect(stdout).toBe(whole.slice(0, whole.indexOf('\n') + 1));
    expect(stderr).not.toMatch(/error|Error/);
  });
});

test('many short records, and none is warned of', () => {
  const many = Array.from({ length: 3000 }, (_, id) => `{"id":${id}}\n`).join('');
  const { status, stdout, stderr } = shell('temper judge --metric refusal - | cat', many);
  expect(status).toBe(0);
  expect(ids(stdout)).toHaveLength(3000);
  expect(stderr).not.toContain('Warning');
});

test('generate: options within the bounds of the configuration; --keep keeps no old answer and no old error', () => {
  tinyGguf(join(work, 'tiny.gguf'));
  const old = { response: 'old', error: 'old', finish: 'old', tokens: -1, blocked: 'old', note: 'kept' };
  const input = [
    { id: '12345678901234567891', prompt: 'Hi', ...old },
    { id: 'broken', ...old },
  ];
  const text = input.map((record) => JSON.stringify(record)).join('\n');
  writeFileSync(join(work, 'old.jsonl'), text.replace('"12345678901234567891"', '12345678901234567891'));
  const generate = ['generate', 'old.jsonl', '--target', 'tiny.gguf', '--max-tokens', '4'];
  for (const wrong of [
    ['--temperature', '-1'],
    ['--temperature', '1e308'],
    ['--top-p', '0'],
    ['--top-p', '7'],
    ['--max-tokens', '0'],
    ['--batch', '0'],
  ])
    expect(temper(...generate, ...wrong).status, wrong.join(' ')).toBe(2);
  const { status, stdout } = temper(...generate, '--keep');
  expect(status).toBe(0);
  const [answered = '', failed = ''] = stdout.trim().split('\n');
  expect(answered).toContain('"id":12345678901234567891,');
  const keys = (line: string): string[] => Object.keys(JSON.parse(line) as object).sort();
  expect(keys(answered)).toEqual(['finish', 'id', 'note', 'prompt', 'response', 'tokens']);
  expect(keys(failed)).toEqual(['error', 'id', 'note']);
  expect(stdout).not.toContain('old');
});

test('a file that is put in place leaves nothing beside it', () => {
  const folder = join(work, 'whole');
  for (const force of [[], ['--force']])
    expect(temper('init', ...force, join(folder, 'temper.yaml')).status).toBe(0);
  expect(readdirSync(folder)).toEqual(['temper.yaml']);
});

test('curate: a summary in JSON and the records do not share stdout', () => {
  const { status, stderr } = temper('curate', '--json', '--out', '-');
  expect(status).toBe(2);
  expect(stderr).toContain('--json needs --out');
});
