/** `eval --samples`: several conversations of a scenario, each with random numbers of its own, counted in clusters. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Scorecard } from '../../src/metrics/scorecard.ts';
import { tinyGguf } from '../tiny-model.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'temper-samples-'));
const settings = [
  `directory=${join(work, 'store')}`,
  `target.path=${tinyGguf(join(work, 'tiny.gguf'))}`,
  'target.maxTokens=8',
  'suites.sealed={adversarial: 6, benign: 4, general: 2, grounded: 0}',
].flatMap((each) => ['--set', each]);
const evaluate = (...options: string[]) =>
  spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main, 'eval', '--json', ...options, ...settings],
    {
      encoding: 'utf8',
      timeout: 290_000,
    },
  );

test('three conversations of each scenario, those of one among them', { timeout: 600_000 }, () => {
  const [once, thrice] = [
    ['--samples', '1'],
    ['--samples', '3'],
  ].map((options) => {
    const { status, stdout, stderr } = evaluate(...options);
    expect(stderr).not.toMatch(/^error/m);
    expect(status).toBe(0);
    return { card: JSON.parse(stdout) as Scorecard, stderr };
  });
  expect(once!.card.harm).not.toHaveProperty('tries');
  expect(once!.card.counts.before).toBe(12);
  expect(thrice!.card.counts.before).toBe(36);
  expect(thrice!.stderr).toContain('eval (24 conversations)');
  const { tries, dr3 } = thrice!.card.harm;
  expect([tries!.k, tries!.dr3.before.total, dr3.before.total]).toEqual([3, 6, 18]);
  expect(tries!.dr3.before.value).toBeGreaterThanOrEqual(dr3.before.value!);
  expect(thrice!.card.about.notes!.join()).toContain("those with it differ by the user's words alone");
});

test('none of each is no measurement', () => {
  const { status, stderr } = evaluate('--samples', '0');
  expect(status).toBe(2);
  expect(stderr).toContain('from 1 to 1000');
});
