/** Records that cannot be judged, or told apart: what the commands say, and their exit codes. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temper } from '../models/temper.ts';

const folder = mkdtempSync(join(tmpdir(), 'temper-records-'));
const lines = (name: string, ...records: object[]): string => {
  writeFileSync(join(folder, name), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return name;
};

test('judge counts the records without an answer, and fails where all lack one', async () => {
  const answered = { id: 'a', prompt: 'How do I bake bread?', response: 'Mix flour and water.' };
  const bare = { id: 'b', prompt: 'How do I bake bread?' };
  const args = ['--metric', 'refusal', '--out', 'verdicts.jsonl'];
  const some = await temper(folder, ['judge', lines('some.jsonl', answered, bare), ...args, '--json']);
  expect(some.status).toBe(0);
  expect(some.stderr).toContain(
    "1 of 2 records have no answer that can be judged (the first: 'response' is missing",
  );
  expect(JSON.parse(some.stdout)).toMatchObject({ records: 2, scored: 1, unscored: 1, bad: 1 });
  const none = await temper(folder, ['judge', lines('none.jsonl', bare), ...args]);
  expect(none.status).toBe(4);
  expect(none.stderr).toContain('error: none.jsonl: 1 of 1 records have no answer');
  expect(readFileSync(join(folder, 'verdicts.jsonl'), 'utf8')).toContain('"unscored"');
});

test('generate refuses an id that stands twice, with both lines, before it starts', async () => {
  const input = lines(
    'twice.jsonl',
    { id: 'a', prompt: 'x' },
    { id: 1, prompt: 'x' },
    { id: '1', prompt: 'x' },
    { id: 'a', prompt: 'y' },
  );
  const { status, stderr, stdout } = await temper(folder, ['generate', input]);
  expect(stderr).toContain('error: twice.jsonl, line 4: the id "a" stands in line 1 already');
  expect(status).toBe(4);
  expect(stdout).toBe('');
});
