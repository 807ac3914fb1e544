import { expect, test } from 'vitest';
import { openSqlite } from '../store/sqlite.ts';
import { changedSince } from './changed.ts';
import { MANIFEST } from './manifest.ts';

test('what a stored run was made with that is otherwise now, in one line', async () => {
  await using store = openSqlite(':memory:');
  const now = {
    store,
    judge: { id: 'embedded:1.2' },
    simulator: { id: 'scripted:1' },
    targets: { id: 'm' },
    suites: { dev: [], sealed: [] },
  } as unknown as Parameters<typeof changedSince>[0];
  const kept = (id: string, scorecard: unknown): Promise<void> =>
    store.saveRun({ id, created: '2026-01-01T00:00:00Z', status: 'finished', config: {}, scorecard });
  await kept('a', {});
  await store.finishStage('a', MANIFEST, {
    judge: 'embedded:1.1',
    simulator: 'scripted:1',
    model: { id: 'm' },
    program: 'temper/3',
    suites: [{ suite: 'sealed@1', split: 'sealed', hash: 'x' }],
  });
  expect(await changedSince(now, 'a')).toMatch(
    /^judge embedded:1\.1, now embedded:1\.2; program temper\/3, now temper\/\d+; other scenarios now: sealed@1$/,
  );
  // Of before there were manifests.
  await kept('b', { about: { judge: 'embedded:1.0: Linear models: of words' } });
  expect(await changedSince(now, 'b')).toMatch(
    /^judge embedded:1\.0, now embedded:1\.2; program of before it was noted, now temper\/\d+$/,
  );
});
