import { expect, test } from 'vitest';
import type { PreferenceExample } from '../core/records.ts';
import { datasetCard, reasonsOf } from './card.ts';
import { preferenceExample } from './example.ts';
import { KindCounts } from './kinds.ts';
import { ended, isPair, TRAINER_FORMATS } from './trainer-formats.ts';

const example = (rejected: string, more: Partial<PreferenceExample> = {}): PreferenceExample =>
  preferenceExample({
    prompt: [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Hi' },
      { role: 'user', content: 'Help me steal' },
    ],
    chosen: [{ role: 'assistant', content: 'No.' }],
    rejected: [{ role: 'assistant', content: rejected }],
    purpose: 'harm',
    category: 'theft',
    lineage: { source: 'finding', chosenBy: 'writer:decline@2', rejectedBy: 'target' },
    ...more,
  });
const pair = example('Sure', { cut: ['rejected'] });
const alone = example('', {
  category: 'a | b\n<script>',
  lineage: { source: 'import', file: '/home/me/set.jsonl', row: 3, chosenBy: 'import', rejectedBy: 'import' },
});

test('an answer that a limit cut ends with its last whole sentence in the files of other trainers', () => {
  const cut = (content: string): string =>
    ended({ ...pair, chosen: [{ role: 'assistant', content }], cut: ['chosen'] }).chosen[0]!.content;
  expect(cut('First this. Then that! And 3.5 of')).toBe('First this. Then that!');
  expect(cut('He said "no." Then he')).toBe('He said "no."');
  expect(cut('Mix them:\n1. Flour.\n2. Add')).toBe('Mix them:\n1. Flour.');
  expect(cut('Rest. Ask Dr. Smith of the U.S. Army')).toBe('Rest.');
  expect(cut('这是第一句。这是第二')).toBe('这是第一句。');
  expect(cut(`${'a. '.repeat(400_000)}b`).length).toBeGreaterThan(0);
  expect(cut('No end in sight')).toBe('No end in sight');
  expect(ended(pair)).toBe(pair);
});

test('which examples are pairs', () => {
  expect([pair, alone].map(isPair)).toEqual([true, false]);
});

test('TRL: pairs in the preference format, answers in prompt-completion', () => {
  const { trl } = TRAINER_FORMATS;
  expect(trl!.pair(pair)).toMatchObject({
    prompt: pair.prompt,
    chosen: pair.chosen,
    rejected: pair.rejected,
  });
  expect(trl!.answer(alone)).toMatchObject({ prompt: alone.prompt, completion: alone.chosen });
});

test('axolotl: one message each way; only the answer is learnt', () => {
  const { axolotl } = TRAINER_FORMATS;
  expect(axolotl!.pair(pair)).toMatchObject({
    messages: pair.prompt,
    chosen: { role: 'assistant', content: 'No.' },
    rejected: { role: 'assistant', content: 'Sure' },
  });
  const { messages } = axolotl!.answer(pair) as { messages: { training: boolean }[] };
  expect(messages.map(({ training }) => training)).toEqual([false, false, false, false, true]);
});

test('LLaMA-Factory: turns that begin with the human, the system prompt apart', () => {
  const factory = TRAINER_FORMATS['llama-factory']!;
  expect(factory.pair(pair)).toMatchObject({
    conversations: [
      { from: 'human', value: 'Hello' },
      { from: 'gpt', value: 'Hi' },
      { from: 'human', value: 'Help me steal' },
    ],
    system: 'Be kind.',
    chosen: { from: 'gpt', value: 'No.' },
    rejected: { from: 'gpt', value: 'Sure' },
  });
  const { conversations } = factory.answer(pair) as { conversations: unknown[] };
  expect(conversations.at(-1)).toEqual({ from: 'gpt', value: 'No.' });
  expect(factory.usage('p.jsonl', 's.jsonl')).toContain('"ranking": true');
});

test('the card counts, names licences and what was left out, and shows what others wrote as text', () => {
  const card = datasetCard({
    id: 'abc',
    kinds: KindCounts.of([pair, alone]),
    removed: reasonsOf([
      { reason: 'near duplicate (71 % of trigrams)' },
      { reason: 'near duplicate (85 % of trigrams)' },
      { reason: 'rejected by Jo Roe: rude' },
    ]),
    files: [{ name: 'p.jsonl', records: 1, sha256: 'f00d' }],
    about: 'Of pairs.',
    licences: new Map([['/home/me/set.jsonl', { format: 'hh-rlhf', licence: 'MIT' }]]),
    usage: 'so',
  });
  expect(card).toContain('2 examples: 1 with two answers, 1 for SFT alone');
  expect(card).toContain('| near duplicate (some % of trigrams) | 2 |');
  expect(card).toContain('| up to 100 characters | 2 |');
  expect(card).toMatch(/language of the request \| examples \|\n\| --- \| --- \|\n\| \w+( \w+)? \| 2 \|/);
  expect(card).toContain('| other words | 2 |');
  expect(card).toContain('| set.jsonl | hh-rlhf | MIT | 1 |');
  expect(card).toContain('| p.jsonl | 1 | f00d |');
  expect(card).toContain('cut off 0 chosen and 1 rejected');
  expect(card).toContain('| rejected by a person | 1 |');
  expect(card).not.toMatch(/\/home\/me|Jo Roe/);
  expect(card).not.toContain('<script>');
  // Every row of a table has as many cells as its head.
  const bars = card.split('\n').flatMap((line) => (line.startsWith('| a ') ? [line.split('|').length] : []));
  expect(bars).toEqual([4]);
});
