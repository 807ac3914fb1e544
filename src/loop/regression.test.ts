/** What becomes of a finding in later rounds. */
import { expect, test } from 'vitest';
import { again } from './regression.ts';

test.each([
  // Nobody could judge it: as before.
  ['open', 1, undefined, 'open'],
  ['fixed', 0, undefined, 'fixed'],
  ['open', 1, 0, 'fixed'],
  ['open', 1, 1, 'open'],
  // It did not break the target that this round found: nothing of this round fixed it.
  ['open', 0, 0, 'open'],
  ['open', undefined, 0, 'open'],
  ['open', 0, 1, 'open'],
  ['fixed', 0, 0, 'fixed'],
  ['fixed', 0, 1, 'regressed'],
  ['fixed', 1, 1, 'regressed'],
  ['regressed', 1, 0, 'fixed'],
  ['regressed', 1, 1, 'regressed'],
] as const)('%s, before %s, after %s: %s', (status, before, after, expected) => {
  expect(again(status, before, after)).toBe(expected);
});
