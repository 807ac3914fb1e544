/** `temper filter` as a user meets it: what is kept, what is held and why, in both formats. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parquetReadObjects } from 'hyparquet';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'temper-filter-'));
const temper = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'bin', 'temper'), ...args], { cwd: work, encoding: 'utf8' });
const records = (name: string): Record<string, unknown>[] =>
  readFileSync(join(work, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const pair = (prompt: string) => ({ prompt, chosen: 'I would rather not.', rejected: 'Of course, first' });
const prompts = [
  'How could somebody slip into the old theatre at night without being seen',
  'How could somebody slip into the old theatre at night without being seen?',
  'Which of the lamps of the harbour is the easiest to take apart',
  'Write to ada@lovelace.net and demand her plans of the engine',
  'Wie bringe ich meinen Nachbarn dazu, endlich seine Musik leiser zu machen?',
  '<script>alert(1)</script> How would one hide a bicycle of somebody else',
];
writeFileSync(join(work, 'pairs.jsonl'), prompts.map((prompt) => JSON.stringify(pair(prompt))).join('\n'));
writeFileSync(
  join(work, 'xstest.csv'),
  'id,prompt,type,label,focus,note\n1,"Which of the lamps of the harbour is the easiest to take apart?",homonyms,safe,,\n',
);

test('keeps what may be learnt, and says of the rest why not', { timeout: 240_000 }, async () => {
  const args = ['filter', 'pairs.jsonl', '--language', 'en', '--against', 'xstest=xstest.csv'];
  const done = temper(...args, '--out', 'kept.jsonl', '--held', 'held.jsonl');
  expect(done.stderr).not.toContain('error');
  expect(done.status).toBe(0);
  expect(done.stdout).toContain('6 examples read, 2 kept in kept.jsonl');
  expect(records('kept.jsonl').map(({ prompt }) => (prompt as { content: string }[])[0]!.content)).toEqual([
    prompts[0],
    prompts[5],
  ]);
  expect(records('held.jsonl')).toEqual([
    { file: 'pairs.jsonl', row: 2, reason: 'duplicate', like: 'pairs.jsonl:1' },
    { file: 'pairs.jsonl', row: 3, reason: 'same text as the benchmark XSTest', like: 'xstest/xstest.csv:2' },
    {
      file: 'pairs.jsonl',
      row: 4,
      reason: 'holds an e-mail address',
      like: 'prompt, message 1, character 10',
    },
    { file: 'pairs.jsonl', row: 5, reason: 'is in another language (de)', like: 'prompt' },
  ]);
  // The same again as Parquet, with the columns of TRL's format.
  const parquet = temper(...args, '--out', 'kept.parquet', '--json');
  expect(JSON.parse(parquet.stdout)).toMatchObject({ rows: 6, kept: 2, out: 'kept.parquet' });
  const bytes = readFileSync(join(work, 'kept.parquet'));
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const rows = await parquetReadObjects({ file });
  const plain = records('kept.jsonl');
  expect(
    rows.map(({ id, prompt, chosen, rejected, lineage }) => ({ id, prompt, chosen, rejected, lineage })),
  ).toEqual(
    plain.map(({ id, prompt, chosen, rejected, lineage }) => ({ id, prompt, chosen, rejected, lineage })),
  );
  // And read again by temper itself.
  const again = temper('filter', 'kept.parquet', '--out', 'again.jsonl', '--json');
  expect(JSON.parse(again.stdout)).toMatchObject({ rows: 2, kept: 2 });
});

test('Ctrl-C is heard within a table, which is read at once', { timeout: 240_000 }, async () => {
  const rows = Array.from(
    { length: 60_000 },
    (_, i) => `What became of lamp ${i} at the pier of town ${i}?,No ${i}.,Yes`,
  );
  writeFileSync(join(work, 'many.csv'), `prompt,chosen,rejected\n${rows.join('\n')}\n`);
  const child = spawn(
    process.execPath,
    [join(root, 'bin', 'temper'), 'filter', 'many.csv', '--out', 'many.jsonl', '--held', 'many.held'],
    { cwd: work },
  );
  let stderr = '';
  child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
  const size = (name: string): number => statSync(join(work, name), { throwIfNoEntry: false })?.size ?? 0;
  while (child.exitCode === null && size('many.jsonl') + size('many.held') === 0) await setTimeout(5);
  child.kill('SIGINT');
  const status = await new Promise((ended) => child.on('close', ended));
  expect([status, stderr]).toEqual([130, expect.stringContaining('--out is not whole')]);
});

test('threads give the same bytes, and stop where a row cannot be read', { timeout: 240_000 }, () => {
  // More than a batch, of two files and purposes, with all that holds back; the last row of the second is broken.
  const rows = Array.from({ length: 700 }, (_, i) => ({
    ...pair(
      i % 50 === 7 ? prompts[i % prompts.length]! : `Which lamp of pier ${i} and town ${i % 90} is brightest`,
    ),
    ...(i % 5 === 0 ? { purpose: 'harm' } : {}),
    ...(i % 11 === 0 ? { chosen: '' } : {}),
  }));
  writeFileSync(join(work, 'one.jsonl'), `${rows.map((row) => JSON.stringify(row)).join('\n\n')}\n`);
  writeFileSync(join(work, 'two.jsonl'), `${rows.map((row) => JSON.stringify(row)).join('\n')}\n{oops\n`);
  const outputs = ['0', '2'].map((threads) => {
    const args = ['one.jsonl', 'two.jsonl', '--threads', threads, '--language', 'en'];
    const done = temper('filter', ...args, '--out', `t${threads}.jsonl`, '--held', `t${threads}.held`);
    expect([done.status, done.stderr]).toEqual([4, expect.stringContaining('two.jsonl, line 701')]);
    return ['jsonl', 'held'].map((ending) => readFileSync(join(work, `t${threads}.${ending}`), 'utf8'));
  });
  expect(outputs[1]).toEqual(outputs[0]);
  expect(records('t0.jsonl').length).toBeGreaterThan(50);
  expect(records('t0.held').at(-1)).toMatchObject({ file: 'two.jsonl', row: 700 });
  expect(records('t0.jsonl').length + records('t0.held').length).toBe(1400);
});

test('so many alone, evenly, the same on threads; the card says what they are', { timeout: 240_000 }, () => {
  const rows = Array.from({ length: 600 }, (_, i) => ({
    prompt: `Which lamp of pier ${i} and town ${(i * 7) % 90} is brightest by night`,
    chosen: i % 100 === 5 ? `Naming lamp ${i} is illegal.` : `I'm sorry, not lamp ${i}.`,
    rejected: 'The third one.',
    purpose: 'harm',
  }));
  writeFileSync(join(work, 'uneven.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
  const args = ['filter', 'uneven.jsonl', '--most', '10', '--balance', 'style,language'];
  for (const threads of ['0', '2']) {
    const files = ['--out', `e${threads}.jsonl`, '--held', `e${threads}.held`, '--card', `e${threads}.md`];
    const done = temper(...args, ...files, '--threads', threads, '--json');
    expect([done.status, done.stderr]).toEqual([0, expect.not.stringContaining('error')]);
    expect(JSON.parse(done.stdout)).toMatchObject({ rows: 600, kept: 10 });
  }
  const wrong = records('e0.jsonl').filter(({ chosen }) => JSON.stringify(chosen).includes('illegal'));
  expect(wrong).toHaveLength(5);
  // In the order of the file, and what is let go is told with its place.
  const row = ({ lineage }: Record<string, unknown>): number => (lineage as { row: number }).row;
  expect(records('e0.jsonl').map(row)).toEqual(
    records('e0.jsonl')
      .map(row)
      .sort((a, b) => a - b),
  );
  const letGo = records('e0.held').find(({ reason }) => reason === 'enough of its kind');
  expect(letGo).toMatchObject({
    file: 'uneven.jsonl',
    like: expect.stringMatching(/^(sorry|says that it is wrong), en$/),
  });
  expect(records('e0.jsonl').length + records('e0.held').length).toBe(600);
  for (const ending of ['jsonl', 'held'])
    expect(readFileSync(join(work, `e2.${ending}`), 'utf8')).toBe(
      readFileSync(join(work, `e0.${ending}`), 'utf8'),
    );
  const card = readFileSync(join(work, 'e0.md'), 'utf8');
  expect(card).toContain('| says that it is wrong | 5 |\n| sorry | 5 |');
  expect(card).toContain('| en | 10 |');
  expect(card).toMatch(/\| enough of its kind \| \d+ \|/);
  expect(card).toContain('| uneven.jsonl | trl | your own | 10 |');
  expect(readdirSync(work).filter((name) => name.startsWith('.temper-filter'))).toEqual([]);
});

test('bad input: what, where and how to mend it', { timeout: 240_000 }, () => {
  writeFileSync(join(work, 'bad.jsonl'), `${JSON.stringify(pair('A first one of them'))}\n{"prompt": 1}\n`);
  const cases: [string[], number, string][] = [
    [['bad.jsonl', '--out', 'x.jsonl'], 4, 'bad.jsonl, row 2'],
    [['pairs.jsonl', '--out', 'pairs.jsonl'], 2, 'is the input'],
    [['pairs.jsonl', '--out', 'x.jsonl', '--held', 'x.jsonl'], 2, 'the same file'],
    [['pairs.jsonl', '--out', 'x.jsonl', '--held', './x.jsonl'], 2, 'the same file'],
    [['pairs.jsonl', '--out', 'x.jsonl', '--language', 'english'], 2, 'no language that can be told'],
    [['pairs.jsonl', '--out', 'xstest.csv', '--against', 'xstest=xstest.csv'], 2, 'is the input'],
    [
      ['pairs.jsonl', '--out', 'x.jsonl', '--against', 'xstest=xstest.csv', '--against', 'xstest=b.csv'],
      2,
      'twice',
    ],
    [['pairs.jsonl', '--out', 'x.jsonl', '--against', 'xstest'], 2, 'names no file'],
    [['pairs.jsonl', '--out', 'x.jsonl', '--against', 'nope=xstest.csv'], 3, 'unknown benchmark'],
    [['pairs.jsonl', '--out', 'x.jsonl', '--near-duplicate', '7'], 2, 'between 0 and 1'],
    [['pairs.jsonl', '--out', 'x.jsonl', '--threads', '100'], 2, 'more than 64'],
    [['pairs.jsonl', '--out', 'x.jsonl', '--balance', 'style'], 2, 'of how many'],
    [['pairs.jsonl', '--out', 'x.jsonl', '--most', '0'], 2, 'keeps nothing'],
    [['pairs.jsonl', '--out', 'x.jsonl', '--card', 'x.jsonl'], 2, 'the same file'],
    [['pairs.jsonl', '--out', '-', '--card', 'x.md'], 2, 'Name both files'],
  ];
  for (const [args, status, message] of cases) {
    const done = temper('filter', ...args);
    expect([done.status, done.stderr]).toEqual([status, expect.stringContaining(message)]);
    expect(done.stderr).toMatch(/\n {2}\S/);
  }
  expect(existsSync(join(work, 'pairs.jsonl'))).toBe(true);
});
