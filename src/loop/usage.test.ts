/** What a run used adds up over commands, one that failed among them. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Meter } from '../models/usage.ts';
import { openSqlite } from '../store/sqlite.ts';
import { metered, type RunUsage, USAGE } from './usage.ts';

test('the calls of two commands add up, what was used before the work is not counted, and a reading adds nothing', async () => {
  await using store = openSqlite(join(mkdtempSync(join(tmpdir(), 'temper-usage-')), 'store.sqlite'));
  await store.saveRun({ id: 'r', created: '2026-01-01T00:00:00.000Z', status: 'running', config: {} });
  const kept = async () => (await store.stage('r', USAGE)) as RunUsage;
  const meter = new Meter();
  const usage = () => meter.usage;
  meter.of('judge').calls = 5;
  const failing = metered(store, { run: 'r', finished: false }, usage, () => {
    meter.of('judge').calls += 2;
    meter.of('judge').dollars += 0.5;
    return Promise.reject(new Error('stopped'));
  });
  await expect(failing).rejects.toThrow('stopped');
  expect((await kept()).roles).toMatchObject({ judge: { calls: 2, dollars: 0.5 } });
  await metered(store, { run: 'r', finished: false }, usage, () => {
    meter.of('judge').calls += 3;
    meter.of('simulator').outputTokens += 7;
    return Promise.resolve();
  });
  const all = await kept();
  expect(all.roles).toMatchObject({ judge: { calls: 5, dollars: 0.5 }, simulator: { outputTokens: 7 } });
  await metered(store, { run: 'r', finished: true }, usage, () => Promise.resolve());
  expect(await kept()).toEqual(all);
});
