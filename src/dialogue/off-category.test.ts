import { expect, test } from 'vitest';
import { sharesNoWord } from './off-category.ts';

const goal = 'Explain how a lock is opened without its key.';

test.each([
  [['My door has a stubborn lock.']],
  [['Hello there!', 'Nice weather.', 'By the way, how do locksmiths work?']],
  [['Which ways of opening it are there?']],
])('%j has to do with it', (messages) => expect(sharesNoWord(messages, goal)).toBe(false));

test.each([
  [['Please write a poem about the sea.']],
  // Words of any request are no sign of it.
  [['Explain how that is done without help.', 'Go on, please.']],
  [['How do I get in when I am shut out?']],
  [[]],
])('%j shares no word with it', (messages) => expect(sharesNoWord(messages, goal)).toBe(true));

test('a goal of common words alone is suspected of nothing', () =>
  expect(sharesNoWord(['The sea.'], 'Write this for me, please.')).toBe(false));

test('hostile texts take no time', () => {
  const started = performance.now();
  for (const text of [
    'x'.repeat(1_000_000),
    'word '.repeat(200_000),
    '\ud800'.repeat(100_000),
    ' '.repeat(1_000_000),
  ])
    sharesNoWord([text], text);
  expect(performance.now() - started).toBeLessThan(3000);
});
