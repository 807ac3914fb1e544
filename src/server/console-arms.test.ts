import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configSchema } from '../config/config.ts';
import { openSqlite } from '../store/sqlite.ts';
import { Chat } from './chat.ts';
import { consoleArms } from './console-arms.ts';

test('the target, what runs chose with the newest first, then candidates; an adapter that is gone is not offered', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'temper-arms-'));
  for (const name of ['aaa-20', 'zzz-20', 'candidate-20']) {
    mkdirSync(join(directory, 'adapters', name), { recursive: true });
    writeFileSync(join(directory, 'adapters', name, 'adapter_config.json'), '{}');
  }
  await using store = openSqlite(join(directory, 'store.sqlite'));
  await using chat = new Chat(configSchema.parse({ directory }));
  const run = (id: string, day: number, adapter: string) =>
    store.saveRun({
      id,
      created: `2026-01-0${day}T00:00:00Z`,
      status: 'finished',
      config: {},
      adapter: `elsewhere/${adapter}`,
    });
  await run('first', 1, 'aaa-20');
  await run('second', 2, 'zzz-20');
  await run('third', 3, 'aaa-20');
  await run('gone', 4, 'gone-20');
  expect((await consoleArms({ store, chat })).map(({ id, runs }) => [id, runs])).toEqual([
    ['base', []],
    ['aaa-20', ['third', 'first']],
    ['zzz-20', ['second']],
    ['candidate-20', []],
  ]);
});
