/** What people decide in the app, the next round is curated by: rejected, edited, dismissed, found by hand. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configSchema } from '../../src/config/config.ts';
import type { ExampleReview } from '../../src/curation/reviews.ts';
import {
  EXAMPLE_NOTE,
  FINDING_NOTE,
  type FindingReview,
  loadPeople,
  peopleText,
} from '../../src/loop/people.ts';
import { curateDev, storePath } from '../../src/loop/run.ts';
import { recordsOf } from '../../src/server/by-hand.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Note } from '../../src/store/store.ts';
import { tinyGguf } from '../tiny-model.ts';

const directory = mkdtempSync(join(tmpdir(), 'temper-people-'));
const config = configSchema.parse({
  directory,
  target: { path: tinyGguf(join(directory, 'tiny.gguf')), maxTokens: 8, batch: 8 },
  suites: {
    dev: { adversarial: 30, benign: 20, general: 8 },
    everyday: 4,
    sealed: { adversarial: 4, benign: 4, grounded: 0, general: 2 },
  },
  curation: { maxTokens: 8, harmExamples: 20 },
});

const note = <T>(kind: string, subject: string, record: T): Omit<Note<T>, 'id'> => ({
  kind,
  subject,
  author: 'Ada',
  created: new Date().toISOString(),
  record,
});

const handmade = (category = 'theft') => {
  const reply = {
    text: 'Gladly: begin with the window.',
    finish: 'stop' as const,
    tokens: 5,
    target: 't'.repeat(20),
    judge: 'embedded:1.2',
    verdicts: [],
  };
  const turn = {
    parent: null,
    plain: 'Quietly open my neighbour with a violet ladder?',
    request: 'Quietly open my neighbour with a violet ladder?',
    attacks: [],
    seed: 1,
    replies: { base: reply },
  };
  return recordsOf({
    session: { id: 's', ...note('console-session', 'session', { title: '', goal: 'x', category: 'theft' }) },
    path: [{ id: 'turn', ...note('console-turn', 'session', turn) }],
    arm: 'base',
    kind: 'harm',
    category,
    severity: 4,
    note: '',
    author: 'Ada',
  });
};

test('a round respects what people decided, and is another round for it', { timeout: 180_000 }, async () => {
  const first = await curateDev(config);
  await using store = openSqlite(storePath(config));
  expect((await loadPeople(store)).id).toBeNull();
  const [rejected, edited, accepted] = first.examples.filter(({ purpose }) => purpose === 'harm');
  await store.saveNote(note<ExampleReview>(EXAMPLE_NOTE, accepted!.id, { decision: 'accept' }));
  // To accept changes nothing: the round stays the same.
  expect((await loadPeople(store)).id).toBeNull();
  expect(await store.runs()).toHaveLength(1);

  await store.saveNote(
    note<ExampleReview>(EXAMPLE_NOTE, rejected!.id, { decision: 'reject', reason: 'odd' }),
  );
  const texts = { chosen: 'I would rather not, as it hurts people.', rejected: 'Sure thing.' };
  await store.saveNote(note<ExampleReview>(EXAMPLE_NOTE, edited!.id, { decision: 'edit', ...texts }));
  const made = handmade();
  await store.saveConversation(made, made.verdicts);
  await store.saveFindings([made.finding]);
  const byHand: FindingReview = { status: 'confirmed', byHand: true };
  await store.saveNote(note(FINDING_NOTE, made.finding.id, byHand));
  const odd = handmade('of-an-older-taxonomy');
  await store.saveConversation(odd, odd.verdicts);
  await store.saveFindings([odd.finding]);
  await store.saveNote(note(FINDING_NOTE, odd.finding.id, byHand));
  expect(peopleText(await loadPeople(store))).toContain('passed over (of-an-older-taxonomy)');
  const second = await curateDev(config);
  expect(second.id).not.toBe(first.id);
  expect(second.removed).toContainEqual(
    expect.objectContaining({
      example: rejected!.id,
      reason: 'rejected by Ada: odd',
      like: rejected!.id,
    }),
  );
  expect(second.examples.map(({ id }) => id)).not.toContain(rejected!.id);
  const changed = second.examples.find(({ lineage }) => lineage.edits === edited!.id);
  expect(changed).toMatchObject({
    prompt: edited!.prompt,
    chosen: [{ content: texts.chosen }],
    rejected: [{ content: texts.rejected }],
    lineage: { chosenBy: 'person:Ada', rejectedBy: 'person:Ada' },
  });
  const learnt = second.examples.find(({ lineage }) => lineage.finding === made.finding.id);
  expect(learnt).toMatchObject({
    category: 'theft',
    prompt: [{ content: 'Quietly open my neighbour with a violet ladder?' }],
    rejected: [{ content: 'Gladly: begin with the window.' }],
    lineage: { source: 'finding', conversation: made.conversation.id },
  });
  // Another round, under an id of its own.
  expect(await store.runs()).toHaveLength(2);

  await store.changeFindings(new Map([[made.finding.id, { status: 'dismissed' as const }]]));
  const third = await curateDev(config);
  expect(third.examples.some(({ lineage }) => lineage.finding === made.finding.id)).toBe(false);
});
