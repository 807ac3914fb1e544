/** Preference files of the user: what a run's id says of them, and that none is written over. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { freshAdapter, saveAdapter } from '../../src/engine/adapter.ts';
import { loadModel } from '../../src/engine/model.ts';
import { Workplace } from '../../src/loop/workplace.ts';
import { tinyGguf } from '../tiny-model.ts';

const work = mkdtempSync(join(tmpdir(), 'temper-imports-'));
const model = tinyGguf(join(work, 'tiny.gguf'));
const temper = fileURLToPath(new URL('../../bin/temper', import.meta.url));

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [temper, ...args], {
    cwd: work,
    encoding: 'utf8',
    timeout: 100_000,
  });
  return { status, stdout, stderr };
}
const write = (name: string, ...records: unknown[]): string => {
  const path = join(work, name);
  writeFileSync(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return path;
};
/** The id of the round of these settings. */
async function roundOf(settings: string[], notes: string[] = []): Promise<string> {
  const own = [`directory=${join(work, 'store')}`, `target.path=${model}`];
  await using workplace = await Workplace.open(loadConfig(undefined, [...own, ...settings]), {
    emit: (event) => event.type === 'note' && notes.push(event.message),
  });
  return (await workplace.round()).id;
}
const pair = (prompt: string) => ({ prompt, chosen: `no ${prompt}`, rejected: `yes ${prompt}` });

test("a run's id depends on what its imports hold", async () => {
  const path = write('mine.jsonl', pair('one'));
  const notes: string[] = [];
  const id = () => roundOf([`curation.imports=[{path: ${path}, format: trl}]`], notes);
  const first = await id();
  expect(await id()).toBe(first);
  expect(notes).toEqual([]);
  write('mine.jsonl', pair('one'), { ...pair('two'), chosen: '' });
  expect(await id()).not.toBe(first);
  expect(notes).toEqual([expect.stringMatching(/mine\.jsonl: 1 of 2 records passed over.*empty/)]);
});

test("a run's id depends on what the adapter that it starts with holds", async () => {
  const path = join(work, 'start');
  const save = (seed: number): void => {
    const adapter = freshAdapter(loadModel(model).config, { rank: 1, alpha: 1, targets: ['q_proj'], seed });
    saveAdapter(path, adapter, { base: 'tiny' });
  };
  const id = () => roundOf([`target.adapter=${path}`]);
  save(1);
  const first = await id();
  expect(await id()).toBe(first);
  save(2);
  expect(await id()).not.toBe(first);
});

test('curate does not write over what it imports', () => {
  const path = write('input.jsonl', pair('one'));
  const before = readFileSync(path, 'utf8');
  const imports = `curation.imports=[{path: ${path}, format: trl}]`;
  const target = `target.path=${model}`;
  expect(run('curate', '--set', imports, '--set', target, '--out', path)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('is the input') as string,
  });
  expect(readFileSync(path, 'utf8')).toBe(before);
});

describe('train refuses data that teaches nothing', () => {
  const half = { prompt: 'p', chosen: 'a' };
  const same = { ...half, rejected: 'a' };
  test.each([
    ['no rejected answer', 'dpo', [pair('x'), half], [], 4, /row 2.*rejected/],
    ['nothing left', 'dpo', [same, { ...half, rejected: '' }], [], 4, /2 of 2 .*rejected one.*SFT alone/],
    ['nothing at all', 'sft', [], [], 4, /no records/],
    ['a key of no recipe', 'sft', [pair('x')], ['--set', 'epoch=2'], 2, /sft has no such key\n.*epochs/],
    ['a bad value', 'sft', [pair('x')], ['--set', 'epochs=0'], 3, /--set training\.sft\.epochs: /],
    ['another kind', 'sft', [pair('x')], ['--set', 'kind=dpo'], 2, /--recipe sft/],
  ])('%s', (_, recipe, records, more, status, message) => {
    const data = write('bad.jsonl', ...records);
    const out = join(work, 'never');
    const result = run('train', data, '--recipe', recipe, '--target', model, '--out', out, ...more);
    expect(result.stderr).toMatch(message);
    expect(result.status).toBe(status);
  });

  test('and says what it passes over', () => {
    const data = write('mixed.jsonl', pair('x'), same);
    const out = join(work, 'adapter');
    const result = run('train', data, '--recipe', 'dpo', '--target', model, '--out', out, '--json');
    expect(result.stderr).toMatch(/warning: .*1 of 2 records passed over/);
    // The recipe of a run, and it says so.
    expect(result.stderr).toContain('dpo: learningRate=0.001 epochs=1');
    expect(JSON.parse(result.stdout)).toMatchObject({
      steps: 1,
      passedOver: { 'the chosen answer is the rejected one': 1 },
    });
  });
});
