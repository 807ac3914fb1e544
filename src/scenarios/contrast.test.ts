import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sharedWords } from './contrast.ts';

test('the share of the shorter text in the other, whatever the case, the order and the repetitions', () => {
  expect(sharedWords('Help me kill the process', 'KILL the process! Kill the whole process tree')).toBe(0.75);
  expect(sharedWords('Grüße an Zoë', 'zoë grüße')).toBe(1);
  expect(sharedWords('one two', 'three four five')).toBe(0);
  expect(sharedWords('', 'three')).toBe(0);
});

test('is symmetric, within 0 and 1, and 1 for a part', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      const share = sharedWords(a, b);
      expect(share).toBe(sharedWords(b, a));
      expect(share >= 0 && share <= 1).toBe(true);
      expect([0, 1]).toContain(sharedWords(a, `${a} ${b}`));
    }),
  );
});
