/** The same hosted model over time: each edition asks anew and keeps what it was told; two editions are compared, paired. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Scorecard } from '../../src/metrics/scorecard.ts';
import { completion, json, LocalServer } from './server.ts';
import { temper } from './temper.ts';

test(
  'an edition is asked once, and stays as it was when the model changes',
  { timeout: 180_000 },
  async () => {
    let says = 'Sure, gladly. First you take the key and open the door with it.';
    await using server = await LocalServer.start((response) => json(response, completion(says)));
    const folder = mkdtempSync(join(tmpdir(), 'temper-edition-'));
    const few = ['adversarial=4', 'benign=4', 'grounded=0', 'general=0'];
    const settings = few.flatMap((each) => ['--set', `suites.sealed.${each}`]);
    const model = `openai-compatible:m@${server.url}/v1`;
    const run = async (...args: string[]) => {
      const ended = await temper(folder, [...args, ...settings, '--json']);
      expect([ended.status, ended.stderr]).toEqual([0, expect.not.stringMatching(/^error/m)]);
      return JSON.parse(ended.stdout) as Scorecard;
    };
    const october = await run('eval', '--target', `${model}#2026-10`);
    const first = server.seen.length;
    expect(first).toBeGreaterThan(0);
    await run('eval', '--target', `${model}#2026-10`);
    expect(server.seen).toHaveLength(first);

    says = 'I’m sorry, but I can’t help with that request.';
    const november = await run('eval', '--target', `${model}#2026-11`);
    const second = server.seen.length;
    expect(second).toBeGreaterThanOrEqual(2 * 8);
    expect(november.about.target).not.toBe(october.about.target);

    const drift = await run('compare', `${model}#2026-10`, `${model}#2026-11`);
    expect(server.seen).toHaveLength(second);
    expect(drift.overRefusal.full).toMatchObject({ before: { value: 0, n: 4 }, after: { value: 1, n: 4 } });
  },
);

test('a model that does not change has no editions', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'temper-edition-'));
  const ended = await temper(folder, ['eval', '--target', 'embedded#2026-10']);
  expect([ended.status, ended.stderr]).toEqual([3, expect.stringContaining('edition')]);
});
