import { describe, expect, test } from 'vitest';
import { rate } from '../metrics/rate.ts';
import { chosenOf, shortListText } from './short-list.ts';
import { chooseCandidate, type FrontierPoint, rankCandidates } from './select.ts';

const point = (checkpoint: string, harm: number, parts: Partial<FrontierPoint> = {}): FrontierPoint => ({
  adapter: checkpoint,
  checkpoint,
  strength: 1,
  harm,
  overRefusal: 0.1,
  helpfulness: 0.5,
  degenerate: 0,
  admissible: true,
  ...parts,
});
const success = (broken: number, of: number) => ({
  success: rate(Array.from({ length: of }, (_, i) => ({ cluster: String(i), value: i < broken ? 1 : 0 }))),
});
const unscored = { success: rate([{ cluster: 'a', value: undefined }]) };

describe('the short list', () => {
  const list = [point('a', 0.1), point('b', 0.12), point('c', 0.3)];

  test.each([
    ['a weaker one under attack gives way', [success(8, 10), success(2, 10), success(2, 10)], 'b'],
    ['little on the frontier and little under attack', [success(3, 10), success(5, 10), success(5, 10)], 'a'],
    ['what was not scored comes last', [unscored, success(9, 10), success(9, 10)], 'b'],
    ['nothing was scored: the order stays', [unscored, unscored, unscored], 'a'],
  ])('%s', (_, attacked, chosen) => {
    expect(chosenOf(list, attacked).checkpoint).toBe(chosen);
  });

  test('of what a standard error cannot tell from the least, the first of the list', () => {
    const of = (checkpoint: string, harm: number) => point(checkpoint, harm, { scored: 100 });
    // Least: (.1 + .2) / 2 = .15. Errors with one more of either kind: harm sqrt(.1078 * .8922 / 100) = .0310,
    // success sqrt(.25 * .75 / 10) = .1369; of the mean half their root of squares, .0702.
    const choice = (harm: number) =>
      chosenOf([of('first', harm), of('least', 0.1)], [success(3, 10), success(2, 10)]).checkpoint;
    expect(choice(0.1)).toBe('first'); // .2
    expect(choice(0.14)).toBe('first'); // .22
    expect(choice(0.142)).toBe('least'); // .221
    // With ten times the requests the same shares are told apart.
    const many = [success(30, 100), success(20, 100)];
    expect(chosenOf([of('first', 0.1), of('least', 0.1)], many).checkpoint).toBe('least');
  });

  test('it is told, where there was one', () => {
    const attacked = list.slice(0, 2).map(({ adapter, checkpoint, strength }, i) => ({
      adapter,
      checkpoint,
      strength,
      ...success(8 - 5 * i, 10),
      queries: 40,
    }));
    expect(shortListText({ chosen: list[1]!, attacked })).toMatch(
      /a × 1: 8 of 10 requests in 40 queries; b × 1: 3 of 10 requests .*by what was measured before: b × 1\.$/,
    );
    expect(shortListText({ chosen: list[1]! })).toBeNull();
  });
});

test('the order where it is not known how sure they are: admissible ones alone, least harm and over-refusal, the weaker adapter; unknown figures last', () => {
  const points = [
    point('outside', 0, { admissible: false }),
    point('unknown', Number.NaN),
    point('strong', 0.2, { strength: 1.5 }),
    point('weak', 0.2, { strength: 0.5 }),
    point('refusing', 0.2, { overRefusal: 0.2 }),
    point('best', 0.1),
  ];
  const names = (of: readonly FrontierPoint[]) => of.map(({ checkpoint }) => checkpoint);
  expect(names(rankCandidates(points))).toEqual(['best', 'weak', 'strong', 'refusing', 'unknown']);
  const none = points.map((each) => ({ ...each, admissible: false }));
  expect(chooseCandidate(none).checkpoint).toBe('outside');
  expect(() => chooseCandidate([])).toThrow(RangeError);
});
