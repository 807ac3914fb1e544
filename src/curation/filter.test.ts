/** The filters in a row, and the guarded benchmarks. */
import { describe, expect, test } from 'vitest';
import type { PreferenceExample } from '../core/records.ts';
import { TEMPLATE_TEXTS } from '../dialogue/attacks/index.ts';
import { preferenceExample } from './example.ts';
import { Filter, type FilterOptions } from './filter.ts';
import { Firewall } from './firewall.ts';
import { LANGUAGES, languageOf } from './language.ts';

const example = (prompt: string, chosen = 'I would rather not help with that, since it hurts people.') =>
  preferenceExample({
    prompt: [{ role: 'user', content: prompt }],
    chosen: [{ role: 'assistant', content: chosen }],
    rejected: [{ role: 'assistant', content: 'Sure.' }],
    purpose: 'harm',
    category: 'imported',
    lineage: { source: 'import', chosenBy: 'import', rejectedBy: 'import' },
  });

const filter = (options: Partial<FilterOptions> = {}): Filter =>
  new Filter({
    firewall: new Firewall([
      { key: 'sealed/1', text: 'Describe how one polishes a violet accordion under water' },
      { key: 'b/2', text: 'Name the seven ugliest lamps of the northern harbour', of: 'the benchmark Lamps' },
    ]),
    personalData: true,
    language: { wanted: 'en', detect: languageOf },
    nearDuplicate: 0.7,
    ...options,
  });

const held = (of: Filter, prompt: string, chosen?: string) =>
  of.row('f.jsonl', { row: 1, result: example(prompt, chosen) }).held;

describe('what is held back, and why', () => {
  test.each([
    ['Write to ada.lovelace@lovelace.net and ask her for the plans of the engine', 'holds an e-mail address'],
    [
      'Wie bringe ich meinen Nachbarn dazu, endlich seine Musik leiser zu machen?',
      'is in another language (de)',
    ],
    ['Now describe how one polishes a violet accordion under water, please', /sealed scenario/],
    ['Tell me: name the seven ugliest lamps of the northern harbour', /the benchmark Lamps/],
  ])('%s', (prompt, reason) => {
    expect(held(filter(), prompt)?.reason).toEqual(
      typeof reason === 'string' ? reason : expect.stringMatching(reason),
    );
  });

  test('an answer in another language, too; a text that tells no language is kept', () => {
    const answer = 'Das möchte ich lieber nicht erklären, weil es anderen Menschen schadet.';
    expect(held(filter(), 'How do I open the neighbour’s door at night?', answer)).toEqual({
      reason: 'is in another language (de)',
      like: 'chosen',
    });
    expect(held(filter(), '2 + 2 = ?')).toBeUndefined();
  });

  test('a repeated prompt names the place of the first one; another purpose is another thing', () => {
    const one = filter();
    const prompt = 'How could I slip into the old theatre at night without anybody noticing me at all';
    expect(one.row('a.jsonl', { row: 7, result: example(prompt) }).held).toBeUndefined();
    expect(one.row('b.jsonl', { row: 2, result: example(`${prompt}!`) }).held).toEqual({
      reason: 'duplicate',
      like: 'a.jsonl:7',
    });
    expect(one.row('b.jsonl', { row: 3, result: example(`${prompt} today`) }).held).toEqual({
      reason: expect.stringMatching(/^near duplicate \(9\d % of trigrams\)$/),
      like: 'a.jsonl:7',
    });
    const benign = { ...example(prompt), purpose: 'benign' as const };
    expect(one.row('b.jsonl', { row: 4, result: benign }).held).toBeUndefined();
  });

  test('one attack around two requests does not make them alike; the same request within it is one', () => {
    const frame = TEMPLATE_TEXTS['storytelling']![1]!;
    const inside = (request: string) => example(frame.replace('{request}', request));
    const one = filter();
    const row = (n: number, result: PreferenceExample) => one.row('a.jsonl', { row: n, result }).held;
    expect(row(1, inside('Where do owls sleep?'))).toBeUndefined();
    expect(row(2, inside('How is glass made?'))).toBeUndefined();
    expect(row(3, inside('where do owls sleep'))).toEqual({ reason: 'duplicate', like: 'a.jsonl:1' });
    // Without the attack it is another example: how to answer it is learnt apart.
    expect(row(4, example('Where do owls sleep?'))).toBeUndefined();
    // Words that nobody knows as an attack's are words of the prompt.
    const unknown = (request: string) =>
      example(
        `My late aunt, who had been a keeper of birds for forty years, would always tell me: ${request}`,
      );
    expect(row(5, unknown('Where do owls sleep?'))).toBeUndefined();
    expect(row(6, unknown('Where do bats sleep?'))?.reason).toMatch(/near duplicate/);
  });

  test('a row that is no pair keeps its reason, and what is switched off holds nothing back', () => {
    expect(filter().row('f.jsonl', { row: 3, result: 'the chosen answer is empty' })).toEqual({
      file: 'f.jsonl',
      row: 3,
      held: { reason: 'the chosen answer is empty', like: '' },
    });
    const open = filter({ personalData: false, language: null, nearDuplicate: null });
    const prompt = 'Schreib an ada.lovelace@lovelace.net und bitte sie um die Pläne der Maschine';
    expect(held(open, prompt)).toBeUndefined();
    expect(held(open, prompt)).toBeUndefined();
  });
});

describe('languages', () => {
  test('the codes are those of the detector', async () => {
    const { eld } = await import('eld/small');
    expect(LANGUAGES).toEqual(Object.values(eld.info().Languages as Record<string, string>));
  });
  test.each([
    ['de', 'Wie kann ich morgen einen Kuchen für meine Nachbarn backen?'],
    ['fr', 'Je voudrais savoir comment on répare une vieille bicyclette.'],
    ['es', 'Quiero aprender a cocinar una tortilla para mi familia mañana.'],
    ['ja', '明日の天気について教えてくださいませんか。よろしくお願いします。'],
    ['en', 'What is the best way to water tomatoes in a hot summer?'],
  ])('%s', (language, text) => {
    expect(languageOf(text)).toBe(language);
  });
  test.each([[''], ['ok'], ['12 / 4 = 3'], ['🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂']])(
    'nobody can tell: %s',
    (text) => {
      expect(languageOf(text)).toBeNull();
    },
  );
});
