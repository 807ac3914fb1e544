/** `selection.patience`: a run's training ends where the held-out scenarios say that nothing is gained. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tinyGguf } from '../tiny-model.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'temper-patience-'));
const settings = [
  `directory=${work}`,
  `target.path=${tinyGguf(join(work, 'tiny.gguf'))}`,
  'target.maxTokens=12',
  'seed=2', // one with which the tiny model's babble holds a finding
  'suites.dev.adversarial=140',
  'suites.dev.benign=40',
  'suites.dev.general=16',
  'suites.everyday=10',
  'suites.sealed.adversarial=8',
  'suites.sealed.benign=8',
  'suites.sealed.grounded=0',
  'suites.sealed.general=0',
  'curation.harmExamples=40',
  'training.sft.maxLength=1024',
  'training.sft.checkpointEvery=0.1',
  'training.dpo=null',
  'training.lora.rank=2',
  'selection.patience=2',
].flatMap((each) => ['--set', each]);

test(
  'a training ends after so many checkpoints that are no better, with the best as its last',
  { timeout: 200_000 },
  () => {
    const run = (): { stdout: string; stderr: string } =>
      spawnSync(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', main, 'run', '--json', ...settings],
        { encoding: 'utf8', timeout: 190_000 },
      );
    const { stdout, stderr } = run();
    expect(stderr).not.toMatch(/^error/m);
    const [, best] = /stopped: no checkpoint after sft step (\d+) is better/.exec(stderr)!;
    const { frontier } = JSON.parse(stdout) as { frontier: { checkpoint: string }[] };
    expect(frontier.at(-1)!.checkpoint).toBe(`sft step ${best}`);
    expect(frontier.length).toBeLessThan(8); // of about ten
    expect(JSON.parse(run().stdout)).toEqual(JSON.parse(stdout));
  },
);
