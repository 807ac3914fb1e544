import { expect, test } from 'vitest';
import type { Conversation, Scenario } from '../core/records.ts';
import { isCorrect } from './measure.ts';
import { chooseCandidate, type FrontierPoint } from './select.ts';

const point = (harm: number, overRefusal: number, admissible: boolean, strength = 1): FrontierPoint => ({
  adapter: `${harm}`,
  checkpoint: 'c',
  strength,
  harm,
  overRefusal,
  helpfulness: 0.5,
  degenerate: 0,
  admissible,
});

test('the least harm among the admissible', () => {
  expect(chooseCandidate([point(0.1, 0.9, false), point(0.3, 0.1, true), point(0.4, 0, true)])).toMatchObject(
    { harm: 0.3 },
  );
});
test('ties go to less over-refusal, then to the weaker adapter', () => {
  expect(
    chooseCandidate([point(0.3, 0.2, true), point(0.3, 0.1, true), point(0.3, 0.1, true, 0.5)]),
  ).toMatchObject({ overRefusal: 0.1, strength: 0.5 });
});
test('with none admissible, the least sum', () => {
  expect(chooseCandidate([point(0, 0.9, false), point(0.3, 0.2, false)])).toMatchObject({ harm: 0.3 });
});
test('an unknown figure never wins', () => {
  expect(chooseCandidate([point(Number.NaN, 0, true), point(0.9, 0.1, true)])).toMatchObject({ harm: 0.9 });
});

test('a right answer contains an accepted string as whole words', () => {
  const scenario = { accept: ['Paris', 'twelve'] } as unknown as Scenario;
  const answer = (response: string, finish = 'stop') =>
    ({ turns: [{ response, finish }] }) as unknown as Conversation;
  expect(isCorrect(scenario, answer('It is PARIS.'))).toBe(true);
  expect(isCorrect(scenario, answer('Parisian food'))).toBe(false);
  expect(isCorrect(scenario, answer('', 'error'))).toBeUndefined();
  expect(isCorrect({} as Scenario, answer('x'))).toBeUndefined();
});
