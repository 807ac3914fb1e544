/** A run that is killed with SIGKILL at any moment and started again ends with the scorecard of one that was not. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rng } from '../../src/core/rng.ts';
import { tinyGguf } from '../tiny-model.ts';
import { commandLine, tinyRun } from '../tiny-run.ts';

const work = mkdtempSync(join(tmpdir(), 'temper-resume-'));
const model = tinyGguf(join(work, 'tiny.gguf'));
const args = (directory: string): string[] =>
  commandLine(
    tinyRun(join(work, directory), model, ['target.maxTokens=12', 'suites.dev.adversarial=140', 'seed=2']),
    'run',
    '--json',
  );

type Card = Record<string, unknown>;

function finish(directory: string): { card: Card; log: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args(directory), {
    encoding: 'utf8',
    timeout: 110_000,
  });
  expect(stderr).not.toMatch(/^error/m);
  expect(status).toBe(0);
  return { card: JSON.parse(stdout) as Card, log: stderr };
}

/** What may differ between two stores: when, and where. */
function comparable({ about, adapter: _adapter, ...card }: Card): Card {
  const { created: _created, ...rest } = about as Record<string, unknown>;
  return { ...card, about: rest };
}

const kill = (directory: string, after: number): Promise<void> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, args(directory), { stdio: 'ignore' });
    const timer = setTimeout(() => child.kill('SIGKILL'), after);
    child.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });

test('kill -9 at random moments', { timeout: 400_000 }, async () => {
  const whole = finish('whole');
  expect(whole.log).toMatch(/train sft/);
  const random = rng('kill', 1);
  for (let i = 0; i < 6; i++) await kill('killed', 600 + random.int(3500));
  const resumed = finish('killed');
  expect(comparable(resumed.card)).toEqual(comparable(whole.card));
  // Nothing is left behind of what was cut off.
  for (const folder of ['.', 'training'])
    expect(readdirSync(join(work, 'killed', folder)).filter((name) => name.startsWith('.temper-'))).toEqual(
      [],
    );

  const again = finish('killed');
  expect(again.card).toEqual(resumed.card);
  expect(again.log).toMatch(/from the store/);
});
