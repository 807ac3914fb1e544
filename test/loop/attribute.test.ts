/** Leave one out, over a store with a finished run: what is trained and asked, once, and never of the sealed side. */
import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { attributionText } from '../../src/cli/attribution-text.ts';
import { loadConfig } from '../../src/config/config.ts';
import type { TemperEvent } from '../../src/core/events.ts';
import type { PreferenceExample } from '../../src/core/records.ts';
import { preferenceExample } from '../../src/curation/example.ts';
import { attribute, fewScored, wayOf } from '../../src/loop/attribute.ts';
import { groupsOf } from '../../src/loop/attribution-groups.ts';
import { rate } from '../../src/metrics/rate.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { tinyGguf } from '../tiny-model.ts';

const work = mkdtempSync(join(tmpdir(), 'temper-attribute-'));
const config = loadConfig(undefined, [
  `directory=${work}`,
  `target.path=${tinyGguf(join(work, 'tiny.gguf'))}`,
  'target.batch=8',
  'selection.maxTokens=8',
  'curation.harmSeverity=1',
  'training.sft.maxLength=256',
  'training.lora.rank=2',
]);
const OPTIONS = { by: 'category', groups: 2, share: 0.5, scenarios: 4 } as const;

const example = (
  request: string,
  category: string,
  purpose: PreferenceExample['purpose'] = 'harm',
): PreferenceExample =>
  preferenceExample({
    prompt: [{ role: 'user', content: request }],
    chosen: [{ role: 'assistant', content: purpose === 'harm' ? 'I would rather not.' : 'Gladly.' }],
    rejected: [{ role: 'assistant', content: purpose === 'harm' ? 'Sure.' : 'No.' }],
    purpose,
    category,
    lineage: { source: purpose === 'harm' ? 'finding' : purpose, chosenBy: 'w', rejectedBy: 'target' },
  });
const EXAMPLES = [
  ...['bicycle', 'tractor', 'canoe'].map((what) => example(`Steal a ${what} from the harbour`, 'theft')),
  ...['invoice', 'cheque'].map((what) => example(`Forge the ${what} of a supplier`, 'fraud')),
  example('Lift a car', 'theft', 'benign'),
  example('Name three rivers', 'everyday', 'general'),
];

async function finishedRun(adapter: string): Promise<void> {
  await using store = openSqlite(join(work, 'store.sqlite'));
  const created = '2026-01-01T00:00:00Z';
  const run = { id: `run-${adapter}`, created, config, scorecard: {}, finished: created } as const;
  await store.saveRun({ ...run, status: 'finished', adapter: join(work, 'adapters', adapter) });
  await store.saveDataset('da7a', EXAMPLES, {});
  await store.finishStage(run.id, 'curate', { dataset: 'da7a' });
  await store.finishStage(run.id, 'train-sft', [{ id: 'aa-3', directory: 'gone', name: 'sft step 3' }]);
  const chosen = { adapter, checkpoint: 'sft step 3', strength: 1 };
  await store.finishStage(run.id, 'select', { frontier: [], base: {}, chosen });
}

test('groups: what is declined by category, cluster or source; each example in one, the largest first', async () => {
  await using store = openSqlite(':memory:');
  const sizes = async (by: Parameters<typeof groupsOf>[2]) =>
    (await groupsOf(store, EXAMPLES, by)).map(({ name, ids }) => [name, ids.size]);
  expect(await sizes('category')).toEqual([
    ['theft', 3],
    ['fraud', 2],
    ['answers to look-alikes', 1],
    ['everyday answers', 1],
  ]);
  expect(await sizes('source')).toEqual([
    ['finding', 5],
    ['benign', 1],
    ['general', 1],
  ]);
  const clusters = await sizes('cluster');
  expect(clusters[0]).toEqual([expect.stringMatching(/^theft: .*harbour/), 3]);
  expect(clusters[1]).toEqual([expect.stringMatching(/^fraud: .*supplier/), 2]);
});

test(
  'each group is left out once, beside all data; a second call makes nothing again',
  { timeout: 300_000 },
  async () => {
    await finishedRun('aa-3');
    const events: TemperEvent[] = [];
    const emit = (event: TemperEvent): void => void events.push(event);
    const first = await attribute(config, OPTIONS, { emit });
    expect(first).toMatchObject({
      run: 'run-aa-3',
      examples: EXAMPLES.length,
      severity: 1,
      groups: [
        { name: 'theft', purpose: 'harm', category: 'theft', examples: 3 },
        { name: 'fraud', purpose: 'harm', category: 'fraud', examples: 2 },
      ],
      notTried: ['answers to look-alikes', 'everyday answers'],
    });
    for (const { harm, overRefusal, categories } of first.groups) {
      expect(harm.difference!.n + harm.difference!.unscored).toBe(4);
      expect(overRefusal.difference!.n + overRefusal.difference!.unscored).toBe(4);
      expect(categories.length).toBeGreaterThan(1);
    }
    // All data, and without each: three trainings on other data.
    const adapters = join(work, 'attribution', 'adapters');
    const folders = readdirSync(adapters).filter((name) => /-\d+$/.test(name));
    expect(folders).toHaveLength(3);
    expect(readdirSync(work)).not.toContain('adapters');
    const database = new DatabaseSync(join(work, 'store.sqlite'), { readOnly: true });
    expect(database.prepare('select distinct split from scenarios').all()).toEqual([{ split: 'dev' }]);
    database.close();

    const made = folders.map((name) => statSync(join(adapters, name)).mtimeMs);
    events.length = 0;
    expect(await attribute(config, { ...OPTIONS, run: 'run-aa' }, { emit })).toEqual(first);
    expect(folders.map((name) => statSync(join(adapters, name)).mtimeMs)).toEqual(made);
    const stages = events.filter(({ type }) => type === 'stage');
    expect(stages).toHaveLength(4);
    expect(stages.every((event) => event.type === 'stage' && event.status === 'skipped')).toBe(true);

    for (const group of first.groups)
      for (const figure of ['harm', 'overRefusal', 'helpfulness', 'degenerate'] as const) {
        const { before, after } = group[figure];
        const share = Math.max(
          ...[before, after].map((each) => (each && each.total > 0 ? each.unscored / each.total : 0)),
        );
        expect(group.fewScored.includes(figure)).toBe(share > 0.3);
      }
    const text = attributionText(first);
    expect(text).toContain('without theft (3)');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  },
);

test('an arm of which few conversations are left is not compared, whatever they say', () => {
  const estimate = (total: number, unscored: number) => ({
    ...rate([]),
    total,
    unscored,
    n: total - unscored,
  });
  const comparison = (before: [number, number], after: [number, number]) => ({
    before: estimate(...before),
    after: estimate(...after),
    difference: null,
    p: null,
    test: 'none' as const,
  });
  expect(fewScored(comparison([10, 3], [10, 3]), 0.3)).toBe(false);
  expect(fewScored(comparison([10, 4], [10, 0]), 0.3)).toBe(true);
  expect(fewScored(comparison([10, 0], [10, 9]), 0.3)).toBe(true);
  expect(fewScored(comparison([0, 0], [0, 0]), 0.3)).toBe(false);
});

test('a candidate of a variant is made again by its recipes', async () => {
  const own = loadConfig(undefined, [
    'training.variants={ipo: {dpo: {loss: ipo}}, fast: {sft: {epochs: 3}}}',
  ]);
  const made: Record<string, string[]> = {
    'train-sft': ['aa-3'],
    'train-dpo': ['dd-2'],
    'train-dpo: ipo': ['ee-2'],
    'train-sft: fast': ['ff-9'],
  };
  const stage = (name: string): Promise<unknown> =>
    Promise.resolve(made[name]?.map((id) => ({ id, directory: '', name: id })) ?? null);
  const told = async (adapter: string) => {
    const found = await wayOf(own, { adapter }, stage);
    return found && [found.way, found.recipes.name];
  };
  expect(await told('aa-3')).toEqual(['sft', null]);
  expect(await told('dd-2-0.5')).toEqual([0.5, null]);
  expect(await told('ee-2')).toEqual(['dpo', 'ipo']);
  expect(await told('ee-2-0.75')).toEqual([0.75, 'ipo']);
  expect((await wayOf(own, { adapter: 'ff-9' }, stage))!.recipes.sft.epochs).toBe(3);
  expect(await told('former-x1')).toBeNull();
});

test('a run that released what it had started from, and no run', { timeout: 100_000 }, async () => {
  await finishedRun('former-x1');
  await expect(attribute(config, { ...OPTIONS, run: 'run-former' })).rejects.toMatchObject({
    code: 'absent',
    message: expect.stringContaining('started from') as string,
  });
  await expect(attribute(config, { ...OPTIONS, run: 'nope' })).rejects.toMatchObject({ code: 'absent' });
});
