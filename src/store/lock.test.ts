import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockStore } from './lock.ts';

const fresh = (): string => join(mkdtempSync(join(tmpdir(), 'temper-lock-')), 'lock');
const owner = (pid: number, since: string): string => JSON.stringify({ pid, host: hostname(), since });

test('a second lock is refused and names the owner, also within one process', () => {
  const path = fresh();
  const first = lockStore(path);
  expect(() => lockStore(path)).toThrow(`pid ${process.pid}`);
  first[Symbol.dispose]();
  expect(existsSync(path)).toBe(false);
  lockStore(path)[Symbol.dispose]();
});

test.each([
  ['a dead process', owner(4_194_300, '2026-01-01T00:00:00Z')],
  ['an earlier process with the same pid', owner(process.pid, '2020-01-01T00:00:00Z')],
  ['a process that was killed while it wrote', '{"pid": 1'],
])('the lock of %s is taken over', (_, text) => {
  const path = fresh();
  writeFileSync(path, text);
  using _lock = lockStore(path);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid });
});

test('letting go leaves the lock of a later owner alone', () => {
  const path = fresh();
  const first = lockStore(path);
  writeFileSync(path, owner(process.pid, '2999-01-01T00:00:00Z'));
  first[Symbol.dispose]();
  expect(existsSync(path)).toBe(true);
});

test('of several processes that find the same dead owner, one takes over', async () => {
  const module = new URL('./lock.ts', import.meta.url).href;
  for (let round = 0; round < 4; round++) {
    const path = fresh();
    writeFileSync(path, owner(4_194_300, '2026-01-01T00:00:00Z'));
    const script = `import { lockStore } from ${JSON.stringify(module)};
      while (Date.now() < ${Date.now() + 700});
      try { lockStore(${JSON.stringify(path)}); console.log('held'); await new Promise((r) => setTimeout(r, 700)); }
      catch (error) { console.log(error.code); }`;
    const outputs = await Promise.all(
      [1, 2, 3, 4].map(
        () =>
          new Promise<string>((resolve) => {
            const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
            let output = '';
            child.stdout.on('data', (chunk) => (output += String(chunk)));
            child.on('close', () => resolve(output.trim()));
          }),
      ),
    );
    expect(outputs.sort()).toEqual(['held', 'store', 'store', 'store']);
  }
});
