/** Even draws: what a stream keeps is what would be dealt out in turns from the whole, and what is told apart. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PreferenceExample } from '../core/records.ts';
import { drawEvenly, EvenDraw, placeOf } from './balance.ts';
import { preferenceExample } from './example.ts';
import { importPreferences } from './import.ts';
import { kindOf, lengthOf, placesOf } from './kinds.ts';
import { refusalStyle } from './refusal-style.ts';

interface Item {
  readonly values: readonly string[];
  readonly place: number;
}

/** So many of each value that none could give one up for another that has fewer; what is left over goes to the first by name. */
function dealt(items: readonly Item[], most: number, depth = 0): Item[] {
  const byPlace = items.toSorted((a, b) => a.place - b.place);
  if (depth === (items[0]?.values.length ?? 0)) return byPlace.slice(0, most);
  const groups = [...Map.groupBy(byPlace, ({ values }) => values[depth]!)].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const counts = groups.map(() => 0);
  for (let left = Math.min(most, items.length); left > 0;) {
    for (const [i, [, group]] of groups.entries())
      if (left > 0 && counts[i]! < group.length) {
        counts[i]!++;
        left--;
      }
  }
  return groups.flatMap(([, group], i) => dealt(group, counts[i]!, depth + 1));
}

const items = (depth: number): fc.Arbitrary<Item[]> =>
  fc.uniqueArray(
    fc.record({
      values: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: depth, maxLength: depth }),
      place: fc.nat(1000),
    }),
    { selector: ({ place }) => place, maxLength: 60 },
  );

test('a stream in any order keeps what dealing out in turns gives, one dimension within the other', () => {
  fc.assert(
    fc.property(fc.nat(3).chain(items), fc.integer({ min: 1, max: 40 }), (all, most) => {
      const draw = new EvenDraw<Item>(most);
      const gone = all.flatMap((item) => draw.add(item.values, item.place, item) ?? []);
      const wanted = dealt(all, most).toSorted((a, b) => a.place - b.place);
      expect(draw.kept()).toEqual(wanted);
      expect(draw.size).toBe(wanted.length);
      // Nothing is lost, and at no time is more kept.
      expect(new Set([...gone, ...wanted]).size).toBe(all.length);
    }),
    { numRuns: 400 },
  );
});

test('a hundred thousand of one kind leave room for ten of another', () => {
  const draw = new EvenDraw<number>(100);
  for (let i = 0; i < 100_000; i++)
    draw.add([i % 10_000 === 7 ? 'rare' : 'common'], placeOf(1, String(i)), i);
  const rare = draw.kept().filter((i) => i % 10_000 === 7);
  expect([draw.kept().length, rare.length]).toEqual([100, 10]);
});

const example = (
  chosen: string,
  parts: Partial<PreferenceExample> = {},
  asked = 'How do I open the old gate of the garden?',
): PreferenceExample =>
  preferenceExample({
    prompt: [{ role: 'user', content: asked }],
    chosen: [{ role: 'assistant', content: chosen }],
    rejected: [{ role: 'assistant', content: 'Lift the latch.' }],
    purpose: 'harm',
    category: 'theft',
    lineage: { source: 'import', chosenBy: 'import', rejectedBy: 'import' },
    ...parts,
  });

describe('what is told apart', () => {
  test.each([
    ["I'm sorry, but I can't help with that.", 'sorry'],
    ['I’m really sorry that you feel so.', 'sorry'],
    ['Unfortunately this is not possible.', 'sorry'],
    ["I'm sorry, but as an AI language model I cannot do that.", 'as an AI'],
    ['I cannot help you to do so.', 'cannot'],
    ['No. I am unable to do that.', 'cannot'],
    ["I won't do that.", 'will not'],
    ['I would rather not describe it.', 'will not'],
    ["I'm not going to write that.", 'will not'],
    ['Taking what is not yours is illegal.', 'says that it is wrong'],
    ['It is never okay to hurt others.', 'says that it is wrong'],
    ['Lift the latch and push.', 'other words'],
    ['', 'other words'],
  ])('%s: %s', (text, style) => {
    expect(refusalStyle(text)).toBe(style);
  });

  test('of a harmful request the chosen answer declines, of a harmless one the rejected', () => {
    const style = (...parts: Parameters<typeof example>) => kindOf(example(...parts)).style;
    expect(style("I can't do that.")).toBe('cannot');
    expect(style('Lift it.')).toBe('other words');
    expect(style('', {})).toBe('none');
    const refused = [{ role: 'assistant' as const, content: 'Sorry, no.' }];
    expect(style('Lift it.', { purpose: 'benign', rejected: refused })).toBe('sorry');
    expect(style('Lift it.', { purpose: 'general' })).toBe('none');
  });

  test('lengths and languages', () => {
    expect([0, 100, 101, 400, 401, 1600, 1601].map((n) => lengthOf('x'.repeat(n)))).toEqual([
      'up to 100 characters',
      'up to 100 characters',
      '101 to 400',
      '101 to 400',
      '401 to 1,600',
      '401 to 1,600',
      'over 1,600',
    ]);
    const asked = 'Wie bringe ich meinen Nachbarn dazu, seine Musik leiser zu machen?';
    expect(placesOf(example('Nein.', {}, asked), ['language', 'category'])).toEqual(['de', 'theft']);
    expect(placesOf(example('Nein.', {}, '??'), ['language'])).toEqual(['not told']);
  });
});

test('a draw of examples does not depend on their order, and another seed draws others', () => {
  const all = Array.from({ length: 60 }, (_, i) =>
    example(i % 6 === 0 ? `I won't, for reason ${i}.` : `I'm sorry, ${i}.`, {
      category: i % 2 ? 'theft' : 'fraud',
    }),
  );
  const ids = (examples: readonly PreferenceExample[], seed = 1) =>
    drawEvenly(examples, 12, { by: ['category', 'style'], seed }).map(({ id }) => id);
  expect(ids(all)).toEqual(ids(all.toReversed()));
  expect(ids(all, 2)).not.toEqual(ids(all));
  const kept = drawEvenly(all, 12, { by: ['style'], seed: 1 });
  expect(Map.groupBy(kept, (each) => kindOf(each).style).get('will not')).toHaveLength(6);
});

test('a file is drawn from evenly where that is asked for, and as before where it is not', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'temper-balance-')), 'set.jsonl');
  const rows = Array.from({ length: 200 }, (_, i) => ({
    prompt: `How do I open gate ${i}?`,
    chosen: i % 50 === 3 ? `Opening gate ${i} is illegal.` : `I'm sorry, gate ${i} stays shut.`,
    rejected: 'Lift the latch.',
    purpose: 'harm',
  }));
  writeFileSync(path, rows.map((row) => JSON.stringify(row)).join('\n'));
  const source = { path, format: 'trl', limit: 8 };
  const styles = async (balance?: readonly ['style']) => {
    const { examples, records } = await importPreferences(source, 1, balance ? { balance } : {});
    expect([examples.length, records]).toEqual([8, 200]);
    return examples.filter((each) => kindOf(each).style === 'says that it is wrong').length;
  };
  expect(await styles(['style'])).toBe(4);
  expect(await styles()).toBeLessThan(4);
});

test('of a file what is in another language is passed over, and counted, where one is wanted', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'temper-language-')), 'set.jsonl');
  const rows = [
    ['Which lamp of the harbour is the brightest one?', 'I would rather not say that.'],
    ['Welche Lampe des Hafens ist eigentlich die hellste von allen?', 'I would rather not say that.'],
    ['How do I open the gate of the old garden?', 'Das möchte ich dir lieber nicht erklären.'],
    ['2 + 2?', '4'],
  ].map(([prompt, chosen]) => JSON.stringify({ prompt, chosen, rejected: 'Yes.', purpose: 'harm' }));
  writeFileSync(path, rows.join('\n'));
  const source = { path, format: 'trl', limit: 9 };
  const english = await importPreferences(source, 1, { language: 'en' });
  expect(english.examples).toHaveLength(2);
  expect(english).toMatchObject({ records: 4, passedOver: { 'is in another language (de)': 2 } });
  expect((await importPreferences(source, 1)).examples).toHaveLength(4);
});
