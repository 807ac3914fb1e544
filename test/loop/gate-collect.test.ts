/** A run whose gate may look a second time: it measures more sealed scenarios, says so, and is found as it ended. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Scorecard } from '../../src/metrics/scorecard.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { tinyGguf } from '../tiny-model.ts';
import { commandLine, tinyRun } from '../tiny-run.ts';

test('an inconclusive gate measures what would decide, in both arms, once', async () => {
  const work = mkdtempSync(join(tmpdir(), 'temper-collect-'));
  const model = tinyGguf(join(work, 'tiny.gguf'));
  const settings = tinyRun(join(work, 'store'), model, [
    'target.maxTokens=24',
    'suites.dev.adversarial=60',
    'training.dpo=null',
    'selection={scenarios: 2, strengths: [1], between: []}',
    'curation.harmSeverity=1',
    // So wide that only the four general scenarios leave something open that more of them decide.
    'gate={collect: 9, overRefusalMargin: 0.99, degenerateMargin: null, helpfulnessMargin: 0.3, maxUnscored: 1}',
  ]);
  const run = (): { run: string; scorecard: Scorecard; log: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, commandLine(settings, 'run', '--json'), {
      encoding: 'utf8',
    });
    expect([status, stderr.match(/^error.*/m)?.[0]]).toEqual([0, undefined]);
    const { run: id, ...card } = JSON.parse(stdout) as Scorecard & { run: string };
    return { run: id, scorecard: card as unknown as Scorecard, log: stderr };
  };
  const first = run();
  const { gate, about, helpfulness } = first.scorecard;
  expect(gate!.options).toMatchObject({ collect: 9, alpha: 0.025 });
  expect(first.log).toMatch(/A second look/);
  expect(about.notes!.join('\n')).toMatch(
    /^A second look: .*helpfulness.* after 46 sealed scenarios, .*\(1 general\); each look is at level 0\.025\.$/m,
  );
  expect(helpfulness.before.total).toBe(5);
  expect(helpfulness.after!.total).toBe(5);
  await using store = openSqlite(join(work, 'store', 'store.sqlite'));
  const arms = await store.arms(first.run);
  expect(arms.get('verify: before')).toHaveLength(47);
  expect(arms.get('verify: after')).toHaveLength(47);
  expect(run().scorecard).toEqual(first.scorecard);
}, 600_000);
