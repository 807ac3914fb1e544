import { expect, test } from 'vitest';
import type { Judged } from '../metrics/conversation.ts';
import { testScenario } from '../../test/scenario.ts';
import { type Measured, overShared, pairedCard, shared } from './paired.ts';

const about = { target: 't', simulator: 's', judge: 'j', suite: 'x', created: '2026-01-01T00:00:00Z' };
const arm = (name: string, scenarios: readonly (readonly [key: string, id: string])[]): Measured => ({
  name,
  about,
  judged: scenarios.map(
    ([key, id]) =>
      ({
        scenario: testScenario({ id, key }),
        conversation: { turns: [] },
        verdicts: [],
      }) as unknown as Judged,
  ),
});

test('only what is the same everywhere is compared, and the rest is named with the reason', () => {
  const { ids, refused } = shared([
    arm('a', [
      ['theft-01', '1'],
      ['theft-02', '2'],
      ['theft-03', '3'],
    ]),
    arm('b', [
      ['theft-01', '1'],
      ['theft-02', '2b'],
    ]),
    arm('c', [
      ['theft-01', '1'],
      ['theft-02', '2'],
      ['theft-03', '3'],
    ]),
  ]);
  expect([...ids]).toEqual(['1']);
  expect(refused).toEqual([
    { key: 'test: theft-02', in: ['a', 'b', 'c'] },
    { key: 'test: theft-03', in: ['a', 'c'] },
  ]);
});

test('nothing in common is an error that says what differs', () => {
  expect(() => shared([arm('a', [['theft-01', '1']]), arm('b', [['theft-01', '2']])])).toThrow(
    /a and b have no scenario in common\n1 scenarios? .*theft-01 \(other content\)/,
  );
});

test('two that different judges judged say so, and are corrected for neither', () => {
  const same = [arm('a', [['theft-01', '1']]), arm('b', [['theft-01', '1']])] as const;
  expect(pairedCard(overShared(same), []).about).toMatchObject({ adapter: 'a against b' });
  const unlike = { ...same[1], about: { ...about, judge: 'k: other' } };
  const { notes } = overShared([same[0], unlike]);
  expect(notes).toEqual([expect.stringMatching(/different judges/)]);
  const calibration = {
    version: 'calibration/1',
    judge: 'k',
    metric: 'severity',
    kinds: ['adversarial'],
    created: '2026-01-01T00:00:00Z',
    thresholds: [{ from: 3, sensitivity: null, specificity: null }],
  } as const;
  const of = (...arms: readonly Measured[]) => pairedCard(overShared(arms), [calibration]).corrected;
  expect([of(unlike, unlike), of(unlike, same[0])]).toEqual([
    expect.objectContaining({ judge: 'k' }),
    undefined,
  ]);
});
