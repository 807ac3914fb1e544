/** `training.variants`: several recipes in one run, each a candidate, continued wherever the run ends. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { Manifest } from '../../src/loop/manifest.ts';
import { trace } from '../../src/loop/trace.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { tinyGguf } from '../tiny-model.ts';
import { commandLine, tinyRun } from '../tiny-run.ts';

const work = mkdtempSync(join(tmpdir(), 'temper-recipes-'));
const settings = tinyRun(join(work, 'store'), tinyGguf(join(work, 'tiny.gguf')), [
  'target.maxTokens=8',
  'seed=2', // one with which the tiny model's babble holds a finding
  'suites.dev.adversarial=140',
  'suites.sealed.adversarial=6',
  'suites.sealed.benign=6',
  'suites.sealed.grounded=0',
  'suites.sealed.general=0',
  'selection.maxTokens=8',
  'selection.scenarios=6',
  'selection.between=[0.5]',
  'curation.harmExamples=20',
  'training.sft.epochs=0.3',
  'training.variants={fast: {sft: {learningRate: 0.02}, dpo: null}, ipo: {dpo: {loss: ipo}}, calm: {mix: {purposes: {harm: 0.5}}, dpo: null}}',
]);

interface Told {
  readonly run: string;
  readonly frontier: readonly { readonly adapter: string; readonly checkpoint: string }[];
}

function run(): { told: Told; log: string } {
  const { stdout, stderr } = spawnSync(process.execPath, commandLine(settings, 'run', '--json'), {
    encoding: 'utf8',
    timeout: 290_000,
  });
  expect(stderr).not.toMatch(/^error/m);
  return { told: JSON.parse(stdout) as Told, log: stderr };
}

const manifest = (): Manifest => {
  const [name] = readdirSync(join(work, 'store', 'rounds'));
  return JSON.parse(readFileSync(join(work, 'store', 'rounds', name!), 'utf8')) as Manifest;
};

test(
  'each recipe is trained once, is a candidate and stands in the manifest; a run that ended early goes on to the same',
  { timeout: 900_000 },
  async () => {
    const first = run();
    const names = first.told.frontier.map(({ checkpoint }) => checkpoint.replace(/\d+$/, 'n'));
    expect(names).toEqual([
      'sft step n',
      '50 % dpo, the rest sft',
      'dpo step n',
      'fast: sft step n',
      'ipo: 50 % dpo, the rest sft',
      'ipo: dpo step n',
      'calm: sft step n',
    ]);
    expect(new Set(first.told.frontier.map(({ adapter }) => adapter)).size).toBe(names.length);
    // The SFT that the variant of DPO begins with is the first one.
    for (const phase of [
      '[3/9] train sft',
      '[4/9] train dpo',
      '[5/9] train sft: fast',
      '[6/9] train dpo: ipo',
      // The same recipe, of other data.
      '[7/9] train sft: calm',
    ])
      expect(first.log).toContain(`${phase}\n`);

    const { trainings } = manifest();
    expect(trainings.map(({ variant, recipe }) => [variant, (recipe as { kind: string }).kind])).toEqual([
      [undefined, 'sft'],
      [undefined, 'dpo'],
      ['fast', 'sft'],
      ['ipo', 'dpo'],
      ['calm', 'sft'],
    ]);
    const [sft, dpo, fast, ipo, calm] = trainings;
    expect(calm).toMatchObject({
      recipe: sft!.recipe,
      data: sft!.data,
      start: sft!.start,
      mix: { purposes: { harm: 0.5 } },
    });
    expect(fast).toMatchObject({ start: sft!.start, data: sft!.data, recipe: { learningRate: 0.02 } });
    expect(ipo).toMatchObject({ start: dpo!.start, recipe: { loss: 'ipo' } });
    expect(new Set(trainings.flatMap(({ checkpoints }) => checkpoints.map(({ hash }) => hash))).size).toBe(5);

    {
      await using store = openSqlite(join(work, 'store', 'store.sqlite'));
      const traced = await trace(store, ipo!.checkpoints.at(-1)!.id);
      expect(traced.adapters.map(({ learnt }) => learnt.map(({ training }) => training))).toEqual([
        ['sft', 'dpo'],
      ]);
      const learnt = async (id: string) =>
        (await trace(store, id)).adapters.flatMap((each) => each.learnt.map(({ examples }) => examples));
      const [[all], [fewer]] = [
        await learnt(fast!.checkpoints.at(-1)!.id),
        await learnt(calm!.checkpoints.at(-1)!.id),
      ];
      expect(fewer).toBeGreaterThan(0);
      expect(fewer).toBeLessThan(all!);
      const mixed = first.told.frontier[4]!.adapter;
      expect((await trace(store, mixed)).adapters).toMatchObject([{ id: mixed, run: first.told.run }]);
    }

    // As if it had been killed: between two trainings, the last of which is then made anew; and before all of them.
    const database = new DatabaseSync(join(work, 'store', 'store.sqlite'));
    const adapters = join(work, 'store', 'adapters');
    for (const cut of [
      ['train-dpo: ipo'],
      ['train-sft: calm', 'train-sft: fast', 'train-dpo', 'train-sft'],
    ]) {
      for (const stage of [...cut, 'train-dpo: ipo', 'select', 'manifest'])
        database.prepare('delete from stages where name = ?').run(stage);
      database.exec("update runs set status = 'running', scorecard = null");
      rmSync(join(work, 'store', 'rounds'), { recursive: true });
      for (const name of readdirSync(adapters).filter((each) => each.startsWith(ipo!.id)))
        rmSync(join(adapters, name), { recursive: true });
      const again = run();
      expect(again.told).toEqual(first.told);
      expect(again.log).toContain('train dpo: ipo\n');
      expect(manifest().trainings).toEqual(trainings);
    }
    database.close();
  },
);
