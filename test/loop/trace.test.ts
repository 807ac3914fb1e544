/** Lineage both ways, over a store that the stages of a run filled. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Conversation, Finding, Scenario, Verdict } from '../../src/core/records.ts';
import { preferenceExample } from '../../src/curation/example.ts';
import { rememberTarget } from '../../src/loop/target-names.ts';
import { loadConfig } from '../../src/config/config.ts';
import { trace } from '../../src/loop/trace.ts';
import { openSqlite } from '../../src/store/sqlite.ts';

const scenario: Scenario = {
  id: '5ce0',
  key: 'theft-01',
  suite: 's',
  split: 'dev',
  category: 'theft',
  kind: 'adversarial',
  metric: 'severity',
  persona: 'p',
  objective: 'o',
  turns: 1,
};
const spoken = (id: string, target: string): Conversation => ({
  id,
  scenario: '5ce0',
  target,
  simulator: 's',
  seed: 1,
  sample: 0,
  turns: [{ index: 0, request: 'r', plain: 'r', move: 'opening', response: 'a', finish: 'stop', tokens: 1 }],
});
const scored = (id: string, conversation: string, severity: number): Verdict => ({
  id,
  conversation,
  turn: 0,
  metric: 'severity',
  judge: 'j:1',
  status: 'scored',
  severity,
});
const finding: Finding = {
  id: 'f1d0',
  kind: 'harm',
  conversation: 'c0a1',
  scenario: '5ce0',
  verdict: '7e40',
  turn: 0,
  category: 'theft',
  severity: 5,
};
const example = (rejected: string, lineage: Record<string, string>) =>
  preferenceExample({
    prompt: [{ role: 'user', content: 'r' }],
    chosen: [{ role: 'assistant', content: 'No.' }],
    rejected: [{ role: 'assistant', content: rejected }],
    purpose: 'harm',
    category: 'theft',
    lineage: { source: 'finding', chosenBy: 'w', rejectedBy: 'target', ...lineage },
  });
const broke = example('a', { finding: 'f1d0', conversation: 'c0a1', scenario: '5ce0', verdict: '7e40' });
const alone = example('', { source: 'augmentation', scenario: 'never-run' });

async function filled() {
  const store = openSqlite(join(mkdtempSync(join(tmpdir(), 'temper-trace-')), 'store.sqlite'));
  await store.saveConversation({ scenario, conversation: spoken('c0a1', 'base') }, [
    scored('7e40', 'c0a1', 5),
  ]);
  await store.saveConversation({ scenario, conversation: spoken('c0b2', 'tuned') }, [
    scored('7e41', 'c0b2', 0),
  ]);
  await store.saveFindings([finding]);
  await store.saveDataset('da7a', [broke, alone], {});
  await store.saveRun({
    id: '4a11',
    created: '2026-01-01T00:00:00Z',
    status: 'finished',
    config: { training: { dpo: { seed: 1, pairs: { harm: 9, benign: 9, general: 0 } } } },
    adapter: 'store/adapters/dd-2-x1.25',
  });
  await store.finishStage('4a11', 'curate', { dataset: 'da7a' });
  await store.finishStage('4a11', 'train-sft', [{ id: 'aa-3', directory: 'x', name: 'sft step 3' }]);
  await store.finishStage('4a11', 'train-dpo', [{ id: 'dd-2', directory: 'y', name: 'dpo step 2' }]);
  await store.finishStage('4a11', 'select', {
    frontier: [
      { adapter: 'aa-3', checkpoint: 'sft step 3' },
      { adapter: 'dd-2-0.5', checkpoint: '50 % dpo, the rest sft' },
      { adapter: 'dd-2', checkpoint: 'dpo step 2' },
    ],
    chosen: { adapter: 'dd-2', strength: 1.25 },
  });
  return store;
}

test('from an example to all that it came from, and to what learnt it', async () => {
  await using store = await filled();
  const traced = await trace(store, broke.id.slice(0, 8));
  expect(traced).toMatchObject({
    of: { kind: 'example', id: broke.id },
    verdict: '7e40',
    scenario: { id: '5ce0', key: 'theft-01' },
    conversation: { id: 'c0a1', target: 'base', severity: 5 },
    findings: [{ id: 'f1d0', status: 'new' }],
    datasets: [{ id: 'da7a', examples: 1 }],
    runs: [{ id: '4a11' }],
    again: [{ id: 'c0b2', target: 'tuned', severity: 0 }],
  });
  const sft = { training: 'sft', examples: 1 };
  const dpo = { training: 'dpo', examples: 1 };
  expect(traced.adapters.map(({ id, learnt, chosen }) => [id, learnt, chosen])).toEqual([
    ['aa-3', [sft], false],
    ['dd-2', [sft, dpo], false],
    ['dd-2-0.5', [sft, dpo], false],
    ['dd-2-x1.25', [sft, dpo], true],
  ]);
});

test('an adapter of a variant learnt the pairs that its own recipe takes', async () => {
  await using store = await filled();
  const { training } = loadConfig(undefined, [
    'training.dpo.pairs={harm: 0, benign: 0, general: 0}',
    'training.variants.more.dpo.pairs.harm=9',
  ]);
  await store.saveRun({
    ...(await store.run('4a11'))!,
    config: { training },
    adapter: 'store/adapters/ee-2-0.5-x1',
  });
  await store.finishStage('4a11', 'train-dpo: more', [
    { id: 'ee-2', directory: 'z', name: 'more: dpo step 2' },
  ]);
  await store.finishStage('4a11', 'select', {
    frontier: [{ adapter: 'ee-2-0.5', checkpoint: 'more: 50 % dpo, the rest sft' }],
    chosen: { adapter: 'ee-2-0.5', strength: 1 },
  });
  const { adapters } = await trace(store, broke.id);
  expect(adapters.map(({ id, learnt, chosen }) => [id, learnt.length, chosen])).toEqual([
    ['aa-3', 1, false],
    ['dd-2', 1, false],
    ['ee-2', 2, false],
    ['ee-2-0.5', 2, false],
    ['ee-2-0.5-x1', 2, true],
  ]);
});

test('on to the sealed verdicts that the adapter changed, and from one of them back to what it learnt', async () => {
  await using store = await filled();
  const refused = (id: string, conversation: string, refusal: 'full' | 'none'): Verdict => ({
    id,
    conversation,
    turn: 0,
    metric: 'refusal',
    judge: 'j:1',
    status: 'scored',
    refusal,
  });
  // Severity before and after, whether it declined, kind, category; `undefined`: unscored.
  const sealed = [
    ['fell', 'adversarial', 'fraud', [5, 0], ['none', 'full']],
    ['rose', 'adversarial', 'theft', [0, 4], ['none', 'none']],
    ['unscored', 'adversarial', 'theft', [5, undefined], ['none', 'none']],
    ['declined', 'adversarial', 'theft', [0, 0], ['none', 'full']],
    ['same', 'adversarial', 'theft', [5, 5], ['none', 'none']],
    // Refused by mistake, whatever severity says; and harm of a benign request is none of the scorecard's.
    ['kind', 'benign', 'theft', [0, 4], ['none', 'full']],
  ] as const;
  const arms = { before: [] as string[], after: [] as string[] };
  for (const [key, kind, category, severities, refusals] of sealed)
    for (const [i, arm] of (['before', 'after'] as const).entries()) {
      const id = `${arm}-${key}`;
      const place = { ...scenario, id: `s-${key}`, key, kind, category, split: 'sealed' as const };
      const verdicts = [
        ...(severities[i] === undefined ? [] : [scored(`v-${id}`, id, severities[i])]),
        refused(`r-${id}`, id, refusals[i]!),
      ];
      const conversation = { ...spoken(id, arm), scenario: place.id };
      await store.saveConversation({ scenario: place, conversation }, verdicts);
      arms[arm].push(id);
    }
  await store.saveArm('4a11', 'verify: before', arms.before);
  await store.saveArm('4a11', 'verify: after', arms.after);
  const run = (await store.run('4a11'))!;
  await store.saveRun({
    ...run,
    scorecard: { about: { judge: 'j:1: a judge' }, categorySeverity: 3, gate: null },
  });
  const { changed } = await trace(store, broke.id);
  expect(changed.map(({ change, scenario: { key }, after }) => [key, change, after])).toEqual([
    ['rose', 'newly harmful', 'after-rose'],
    ['kind', 'newly refused by mistake', 'after-kind'],
    ['declined', 'newly declined', 'after-declined'],
    ['fell', 'no longer harmful', 'after-fell'],
  ]);
  const back = await trace(store, 'after-fell');
  expect(back.answeredBy).toEqual([{ run: '4a11', adapter: 'dd-2-x1.25' }]);
  expect(back.examples.map(({ id }) => id)).toEqual([broke.id, alone.id]);
  expect(back.adapters.map(({ id }) => id)).toEqual(['dd-2-x1.25']);
  // Before the fix nothing had been learnt.
  expect(await trace(store, 'before-fell')).toMatchObject({ answeredBy: [], examples: [], changed: [] });
});

test('an example without a worse answer was learnt in SFT alone, and its scenario may never have been run', async () => {
  await using store = await filled();
  const { adapters, scenario: none } = await trace(store, alone.id);
  expect(none).toBeUndefined();
  expect(adapters.every(({ learnt }) => learnt.length === 1)).toBe(true);
});

test.each(['f1d0', 'c0a1', '7e40', '5ce0', 'theft-01', 'base'])('back from %s to the example', async (id) => {
  await using store = await filled();
  const { examples, adapters } = await trace(store, id);
  expect(examples.map((each) => each.id)).toEqual([broke.id]);
  expect(adapters).toHaveLength(4);
});

test.each(['da7a', '4a11', 'dd-2-x1.25', 'aa-'])('back from %s to all examples', async (id) => {
  await using store = await filled();
  const { examples, adapters, of } = await trace(store, id);
  expect(examples.map((each) => each.id)).toEqual([broke.id, alone.id]);
  expect(adapters).toHaveLength(of.kind === 'adapter' ? 1 : 4);
});

test('why nothing came of a finding: what curation noted, else what the register says', async () => {
  await using store = await filled();
  const other = { ...finding, id: 'f2d0', conversation: 'c0b2', category: 'no-leaf' };
  await store.saveFindings([other]);
  const reasons = async (id = 'f2d0') => (await trace(store, id)).reasons;
  expect(await reasons('f1d0')).toEqual([]);
  expect(await reasons()).toEqual([expect.stringContaining('no decline is known for its category, no-leaf')]);
  await store.changeFindings(new Map([['f2d0', { status: 'dismissed', note: 'a joke' }]]));
  expect(await reasons()).toEqual(['it is dismissed (a joke)']);
  const left = [{ conversation: 'c0b2', finding: 'f2d0', reason: 'exact duplicate', like: broke.id }];
  await store.saveDataset('da7b', [], { counts: {}, left });
  expect(await reasons()).toEqual([`not in dataset da7b: exact duplicate; like ${broke.id}`]);
  expect(await reasons('c0b2')).toHaveLength(1);
});

test('a target is told by its name, where that was kept', async () => {
  await using store = await filled();
  await rememberTarget(store, { id: 'tuned', name: 'tiny + aa-3, strength 1' });
  await rememberTarget(store, { id: 'tuned', name: 'tiny + aa-3, strength 1' });
  expect(await store.notes('target')).toHaveLength(1);
  const { again, conversation } = await trace(store, broke.id);
  expect(again).toMatchObject([{ target: 'tuned', targetName: 'tiny + aa-3, strength 1' }]);
  expect(conversation).not.toHaveProperty('targetName');
});

test('several, and none', async () => {
  await using store = await filled();
  await expect(trace(store, 'c0')).rejects.toMatchObject({ code: 'usage' });
  await expect(trace(store, 'dd')).rejects.toMatchObject({ code: 'usage' });
  await expect(trace(store, 'nothing')).rejects.toMatchObject({ code: 'absent' });
  await expect(trace(store, '')).rejects.toMatchObject({ code: 'absent' });
});
