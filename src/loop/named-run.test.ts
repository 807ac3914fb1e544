import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSqlite } from '../store/sqlite.ts';
import { runNamed, runsNamed } from './named-run.ts';

test('a run is found by its id or the beginning of it, and several are named', async () => {
  await using store = openSqlite(join(mkdtempSync(join(tmpdir(), 'temper-runs-')), 'store.sqlite'));
  for (const id of ['aa11', 'aa22', 'bb33', 'aa'])
    await store.saveRun({ id, created: '2026-01-01T00:00:00Z', status: 'running', config: {} });
  expect((await runNamed(store, 'bb'))?.id).toBe('bb33');
  // A whole id goes before the longer ones that begin so.
  expect((await runNamed(store, 'aa'))?.id).toBe('aa');
  await expect(runNamed(store, 'a')).rejects.toThrow(/a may be several: .*run aa11/);
  expect(await runNamed(store, 'cc')).toBeNull();
  expect(await runNamed(store, '')).toBeNull();
  expect((await runsNamed(store, 'aa')).map(({ id }) => id).sort()).toEqual(['aa', 'aa11', 'aa22']);
  expect(await runsNamed(store, '')).toHaveLength(4);
});
