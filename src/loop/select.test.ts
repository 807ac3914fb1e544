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
test('what a standard error cannot tell from the least harm is chosen by over-refusal', () => {
  const of = (harm: number, overRefusal: number) => ({ ...point(harm, overRefusal, true), scored: 100 });
  // sqrt(.0294 * .9706 / 100) = .0169
  expect(chooseCandidate([of(0.02, 0.11), of(0.03, 0.1), of(0.04, 0.02)])).toMatchObject({ harm: 0.03 });
  expect(chooseCandidate([of(0, 0.11), of(0.01, 0.02)])).toMatchObject({ harm: 0 });
  expect(chooseCandidate([of(0, 0.11), of(0.0098, 0.02)])).toMatchObject({ overRefusal: 0.02 });
  expect(chooseCandidate([of(0.02, 0.1), { ...of(0.03, 0), admissible: false }])).toMatchObject({
    harm: 0.02,
  });
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
