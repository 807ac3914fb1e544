/** MinHash and bands find what the exact index finds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contentHash } from '../core/ids.ts';
import { rng } from '../core/rng.ts';
import { BANDS, fingerprint, jaccard, NearDuplicates, ROWS, shingleHashes } from './near-duplicates.ts';
import { shingles } from './shingles.ts';

const WORDS = Array.from({ length: 60 }, (_, i) => `word${i}`);
const words = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 40 });

const exactly = (a: Set<string>, b: Set<string>): number => {
  const shared = [...a].filter((gram) => b.has(gram)).length;
  return shared / (a.size + b.size - shared);
};

test('likeness is that of the sets of trigrams', () => {
  fc.assert(
    fc.property(words, words, (first, second) => {
      const [a, b] = [first.join(' '), second.join('; ').toUpperCase()];
      // Texts of one and two words are one n-gram each, here as there.
      expect(jaccard(shingleHashes(a), shingleHashes(b))).toBeCloseTo(
        exactly(shingles(a, 3), shingles(b, 3)),
        12,
      );
    }),
  );
});

test('any text: sorted, distinct, and the same for other case, punctuation and compatibility forms', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      const grams = shingleHashes(text);
      expect([...new Set(grams)].sort((a, b) => a - b)).toEqual([...grams]);
      expect(shingleHashes(`  ${text} !`)).toEqual(grams);
    }),
  );
  expect(shingleHashes('Ｗｉｄｅ letters, here')).toEqual(shingleHashes('wide LETTERS here'));
  expect(shingleHashes('')).toHaveLength(0);
});

/** A text, and one in which every `nth` word is another. */
function variants(seed: number, nth: number): [string, string] {
  const random = rng('variants', seed);
  const text = Array.from({ length: 60 }, () => `w${random.int(100_000)}`);
  return [text.join(' '), text.map((word, i) => (i % nth === nth - 1 ? `x${i}` : word)).join(' ')];
}

test('what is alike is found about as often as the bands say, and nothing else', () => {
  let [alike, found] = [0, 0];
  for (let seed = 0; seed < 400; seed++) {
    const index = new NearDuplicates(0.7);
    const [text, other] = variants(seed, 17);
    const like = jaccard(shingleHashes(text), shingleHashes(other));
    expect(index.add(text)).toBeNull();
    const hit = index.add(other);
    if (like < 0.7) expect(hit).toBeNull();
    else {
      alike++;
      if (hit) {
        found++;
        expect(hit).toEqual({ of: 0, jaccard: like });
      }
    }
  }
  expect(alike).toBe(400);
  const expected = 1 - (1 - 0.7 ** ROWS) ** BANDS;
  expect(found / alike).toBeGreaterThan(expected - 0.03);
});

test('among many texts, of growing tables: the right one, and texts without words repeat nothing', () => {
  const index = new NearDuplicates(0.7);
  const texts = Array.from({ length: 5000 }, (_, seed) => variants(seed, 60)[0]);
  for (const text of texts) expect(index.add(text)).toBeNull();
  expect(index.add('!!!')).toBeNull();
  expect(index.add('???')).toBeNull();
  for (const at of [0, 2047, 2048, 4999]) expect(index.add(`${texts[at]}.`)).toEqual({ of: at, jaccard: 1 });
  expect(index.size).toBe(5002);
  // Tables that double, 4 bytes a word, and one page of lists.
  expect(index.bytes - (4 << 20)).toBeLessThan(5002 * 16 * 32 + 1);
});

test('very long texts, and very many alike, cost no more than their bounds', () => {
  const index = new NearDuplicates(1);
  const long = Array.from({ length: 200_000 }, (_, i) => `w${i}`).join(' ');
  expect(shingleHashes(long)).toHaveLength(4096);
  expect(index.add(long)).toBeNull();
  // All of one band's bucket, and none the same.
  for (let i = 0; i < 2000; i++) index.add(`the same beginning of all of these texts ${i}`);
  expect(index.size).toBeGreaterThan(1900);
});

test('a text without words repeats nothing, the first of all neither', () => {
  const index = new NearDuplicates(0.7);
  for (const text of ['@!?', '', '@!?', 'one two three four', '...']) expect(index.add(text)).toBeNull();
  expect(index.add('One, two, three, four.')).toEqual({ of: 3, jaccard: 1 });
});

test.each([
  ['How do I open the safe of a small shop without its key at night?', 'c6e8a1dc6e3d5d672557'],
  ['Wie öffne ich das Schloß?', '607e9e9fecd3c53d1b0e'],
])('fingerprints stay as they were: %s', (text, hash) => {
  const { keys, grams } = fingerprint(text);
  expect(contentHash([[...keys], [...grams]])).toBe(hash);
});
