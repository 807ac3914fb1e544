/** What is seen at a glance is what the strings say. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { folded } from './folding.ts';
import { Letters } from './letters.ts';

const RUN = 3;
const word = fc.constantFrom(
  'open',
  'the',
  'sáfe',
  'SAFE',
  '5afe',
  'now',
  'ﬁne',
  '日本',
  'p\u0430y',
  '-',
  '',
  '\u200b',
  '\ud800',
);
const text = fc.array(word, { maxLength: 9 }).map((words) => words.join(' '));

test('any texts: their letters, and no guarded text or run of words is missed', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 5 }), fc.array(text, { maxLength: 5 }), (guarded, texts) => {
      const letters = new Letters(RUN);
      const known = guarded.map(folded).filter((each) => each !== '');
      known.forEach((each) => letters.add(each));
      const { same, run } = letters.read(texts);
      const all = texts.map(folded);
      const bare = all.map((each) => each.replaceAll(' ', ''));
      expect(String.fromCharCode(...letters.codes)).toBe(bare.join(''));
      if (bare.some((each) => known.some((one) => one.replaceAll(' ', '') === each))) expect(same).toBe(true);
      const words = all.join(' ').split(' ');
      const runs = new Set(
        known.flatMap((each) => {
          const own = each.split(' ');
          return own.slice(RUN - 1).map((_, i) => own.slice(i, i + RUN).join(' '));
        }),
      );
      if (words.some((_, i) => runs.has(words.slice(i, i + RUN).join(' ')))) expect(run).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('most texts share nothing, and that is seen; long ones too', () => {
  const letters = new Letters(RUN);
  letters.add('open the safe of the shop at night');
  expect(letters.read(['How is a cake baked in an oven?', 'In an hour.'])).toEqual({
    same: false,
    run: false,
  });
  expect(letters.read(['', 'x'.repeat(100_000), 'Open THE safe'])).toEqual({ same: false, run: true });
  expect(letters.codes).toHaveLength(100_000 + 11);
});
