/** `selection.final` and `selection.attack`: the best candidates meet more scenarios and are attacked with equal means before the sealed ones are opened. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tinyGguf } from '../tiny-model.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'temper-short-list-'));
const BUDGET = 24;
const settings = [
  `directory=${work}`,
  `target.path=${tinyGguf(join(work, 'tiny.gguf'))}`,
  'target.maxTokens=8',
  'seed=2', // one with which the tiny model's babble holds a finding
  'suites.dev.adversarial=120',
  'suites.dev.benign=30',
  'suites.dev.general=8',
  'suites.everyday=8',
  'suites.sealed.adversarial=8',
  'suites.sealed.benign=8',
  'suites.sealed.grounded=0',
  'suites.sealed.general=0',
  'selection.maxTokens=8',
  'selection.scenarios=6',
  'selection.final={"candidates":2,"scenarios":20}',
  'curation.harmExamples=30',
  'training.sft.maxLength=1024',
  'training.sft.checkpointEvery=0.34',
  'training.sft.epochs=0.5',
  'training.dpo=null',
  'training.lora.rank=2',
  `selection.attack={"candidates":2,"budget":${BUDGET}}`,
].flatMap((each) => ['--set', each]);

interface Point {
  readonly adapter: string;
  readonly strength: number;
  readonly scored: number;
}

interface Told {
  readonly run: string;
  readonly chosen: { readonly adapter: string; readonly strength: number };
  readonly frontier: readonly Point[];
  readonly finals: { readonly scenarios: number; readonly frontier: readonly Point[] };
  readonly attacked: {
    readonly adapter: string;
    readonly strength: number;
    readonly queries: number;
    readonly success: { readonly n: number; readonly total: number };
  }[];
  readonly about: { readonly notes: string[] };
}

const run = () =>
  spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'run', '--json', ...settings], {
    encoding: 'utf8',
    timeout: 290_000,
  });

test(
  'the short list is attacked within the budget, told, and not attacked again',
  { timeout: 600_000 },
  () => {
    const first = run();
    expect(first.stderr).not.toMatch(/^error/m);
    const told = JSON.parse(first.stdout) as Told;
    const { finals, frontier } = told;
    expect(finals.frontier).toHaveLength(2);
    // Of the same candidates, on more scenarios.
    expect(finals.scenarios).toBeGreaterThan(30);
    for (const { adapter, strength, scored } of finals.frontier) {
      const before = frontier.find((point) => point.adapter === adapter && point.strength === strength)!;
      expect(scored).toBeGreaterThan(before.scored);
    }
    expect(told.about.notes.join()).toContain(
      `The best candidates met ${finals.scenarios} held-out scenarios`,
    );
    expect(told.attacked).toHaveLength(2);
    for (const { queries, success } of told.attacked) {
      expect(queries).toBeGreaterThan(0);
      expect(queries).toBeLessThanOrEqual(BUDGET);
      expect(success.total).toBe(told.attacked[0]!.success.total);
    }
    const names = told.attacked.map(({ adapter, strength }) => `${adapter} ${strength}`);
    expect(names).toContain(`${told.chosen.adapter} ${told.chosen.strength}`);
    expect(told.about.notes.join()).toContain('the best candidates were attacked');
    const [manifest] = readdirSync(join(work, 'rounds')).map(
      (name) => JSON.parse(readFileSync(join(work, 'rounds', name), 'utf8')) as Pick<Told, 'attacked'>,
    );
    expect(manifest!.attacked).toEqual(told.attacked);
    const database = new DatabaseSync(join(work, 'store.sqlite'));
    const count = (table: string) =>
      (database.prepare(`select count(*) as n from ${table}`).get() as { n: number }).n;
    const [conversations, findings] = [count('conversations'), count('findings')];
    // As if it had been killed while it attacked: every attempt is found.
    database.exec(
      "delete from stages where name in ('select', 'manifest'); update runs set status = 'running', scorecard = null",
    );
    expect(JSON.parse(run().stdout)).toEqual(told);
    expect([count('conversations'), count('findings')]).toEqual([conversations, findings]);
    database.close();
  },
);
