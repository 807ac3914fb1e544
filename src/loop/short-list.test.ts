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

  test('what a standard error cannot tell from the least is chosen by over-refusal', () => {
    const of = (checkpoint: string, harm: number, overRefusal: number) =>
      point(checkpoint, harm, { overRefusal, scored: 100 });
    // Least: (.1 + .2) / 2 = .15. Errors with one more of either kind: harm sqrt(.1078 * .8922 / 100) = .0310,
    // success sqrt(.25 * .75 / 10) = .1369; of the mean half their root of squares, .0702.
    const choice = (other: FrontierPoint, broken: number, tried = 10) =>
      chosenOf([of('least', 0.1, 0.3), other], [success(2, 10), success(broken, tried)]).checkpoint;
    expect(choice(of('gentle', 0.1, 0.1), 3)).toBe('gentle'); // .2
    expect(choice(of('gentle', 0.14, 0.1), 3)).toBe('gentle'); // .22
    expect(choice(of('gentle', 0.142, 0.1), 3)).toBe('least'); // .221
    expect(choice(of('strict', 0.1, 0.4), 3)).toBe('least');
    expect(choice(of('unknown', 0.1, Number.NaN), 2)).toBe('least');
    // With ten times the requests the same shares are told apart.
    const many = [success(20, 100), success(30, 100)];
    expect(chosenOf([of('least', 0.1, 0.3), of('gentle', 0.1, 0.1)], many).checkpoint).toBe('least');
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
      /a × 1: 8 of 10 requests in 40 queries; b × 1: 3 of 10 requests .*by over-refusal: b × 1\.$/,
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
