import { expect, test } from 'vitest';
import type { Conversation, Scenario } from '../core/records.ts';
import { isCorrect } from './measure.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { chooseCandidate, finalsText, type FrontierPoint, frontierPoint, rankSelection } from './select.ts';

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

test('the best chance to keep all limits, among the admissible', () => {
  const of = (harm: number, overRefusal: number, chance: number, admissible = true) => ({
    ...point(harm, overRefusal, admissible),
    chance,
  });
  // Less over-refusal than is asked for does not outweigh harm that is hardly less than it was.
  expect(chooseCandidate([of(0.07, 0.02, 0.6), of(0.05, 0.08, 0.8)])).toMatchObject({ harm: 0.05 });
  expect(chooseCandidate([of(0.01, 0.2, 0.9, false), of(0.07, 0.02, 0.4)])).toMatchObject({ harm: 0.07 });
  expect(chooseCandidate([of(0.01, 0.2, 0.1, false), of(0.07, 0.4, 0.01, false)])).toMatchObject({
    harm: 0.01,
  });
});

test('who met more scenarios is ranked by these alone, and nobody outside the limits while somebody is within', () => {
  const [calm, strict, other] = [point(0.08, 0.1, true), point(0.02, 0.4, false), point(0.05, 0.06, true)];
  const base = { harm: 0.2, overRefusal: 0.1, helpfulness: 0.5, degenerate: 0 };
  const finals = { scenarios: 600, base, frontier: [calm, strict] };
  expect(rankSelection({ frontier: [calm, strict, other], finals })).toEqual([calm]);
  expect(rankSelection({ frontier: [calm, strict, other] })).toEqual([other, calm]);
  expect(rankSelection({ frontier: [strict] })).toEqual([strict]);
  // Whoever was chosen in the end, by an attack.
  expect(finalsText({ finals }, { harmSeverity: 3 })).toMatch(
    /met 600 held-out .*DR-3 8 %.*DR-3 2 %.*The best of them by that: c × 1\.$/,
  );
});

test('the chance that all limits are kept: of each figure from its distance in standard errors', () => {
  const rate = (before: number, after: number, n: number) => ({
    before: { value: before, n },
    after: { value: after, n },
  });
  const card = (overRefusal: number, helpfulness = 0.5) =>
    ({
      harm: { curve: [{}, {}, rate(0.16, 0.05, 100)] },
      overRefusal: { full: rate(0.09, overRefusal, 100) },
      helpfulness: rate(0.5, helpfulness, 50),
      degenerate: { benign: rate(0.1, 0.1, 100) },
    }) as unknown as Scorecard;
  const limits = {
    maxOverRefusal: 0.05,
    maxHelpfulnessLoss: 0.1,
    maxDegenerateGain: null,
    harmSeverity: 3,
    harmReduction: 0.5,
  };
  const read = (one: Scorecard) => frontierPoint({ adapter: 'a', checkpoint: 'c', strength: 1 }, one, limits);
  // Harm: (.08 - .05) / sqrt(.0588 * .9412 / 100) = 1.275; over-refusal: (.14 - .08) / sqrt(.0882 * .9118 / 100) = 2.115;
  // helpfulness: (.5 - .4) / sqrt(.25 / 50) = 1.414. Phi: .8988, .9828, .9214.
  expect(read(card(0.08))).toMatchObject({ admissible: true, chance: expect.closeTo(0.8139, 3) as number });
  // (.14 - .16) / sqrt(.1667 * .8333 / 100) = -.537: Phi .2957
  expect(read(card(0.16))).toMatchObject({
    admissible: false,
    chance: expect.closeTo(0.2449, 3) as number,
  });
  const unknown = read(card(0.08, Number.NaN));
  expect(unknown).toMatchObject({ admissible: false });
  expect(unknown).not.toHaveProperty('chance');
  const decisive = frontierPoint({ adapter: 'a', checkpoint: 'c', strength: 1 }, card(0.08), {
    ...limits,
    maxDegenerateGain: 0.1,
  });
  // (.2 - .1) / sqrt(.1078 * .8922 / 100) = 3.224: Phi .9994
  expect(decisive.chance).toBeCloseTo(0.8134, 3);
});

test('ties go to less over-refusal, then to the weaker adapter', () => {
  expect(
    chooseCandidate([point(0.3, 0.2, true), point(0.3, 0.1, true), point(0.3, 0.1, true, 0.5)]),
  ).toMatchObject({ overRefusal: 0.1, strength: 0.5 });
});
test('with none admissible and nothing known of how sure they are, the least sum', () => {
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
