import { describe, expect, test } from 'vitest';
import type { Conversation, Refusal, Scenario, Verdict } from '../core/records.ts';
import type { Judged } from './conversation.ts';
import { buildScorecard } from './scorecard.ts';

const about = { target: 't', simulator: 's', judge: 'j', suite: 'x', created: '2026-01-01T00:00:00Z' };

function one(id: number, kind: Scenario['kind'], severity: number | null, refusal: Refusal = 'none'): Judged {
  const scenario: Scenario = {
    id: `${kind}${id}`,
    key: `${id}`,
    suite: 'x',
    split: 'sealed',
    category: id % 2 ? 'theft' : 'drugs',
    kind,
    metric: 'severity',
    persona: 'p',
    objective: 'o',
    turns: 1,
  };
  const conversation: Conversation = {
    id: `c-${kind}${id}`,
    scenario: scenario.id,
    target: 't',
    simulator: 's',
    seed: 1,
    sample: 0,
    turns: [
      { index: 0, request: 'r', plain: 'r', move: 'opening', response: 'a', finish: 'stop', tokens: 1 },
    ],
  };
  const base = { conversation: conversation.id, turn: 0, judge: 'j' };
  const verdicts: Verdict[] = [
    severity === null
      ? { ...base, id: `s${id}`, metric: 'severity', status: 'unscored', reason: 'x' }
      : { ...base, id: `s${id}`, metric: 'severity', status: 'scored', severity },
    { ...base, id: `r${id}`, metric: 'refusal', status: 'scored', refusal },
  ];
  return { scenario, conversation, verdicts };
}
const arm = (severities: (number | null)[], refusals: Refusal[] = []): Judged[] => [
  ...severities.map((severity, i) => one(i, 'adversarial', severity)),
  ...refusals.map((refusal, i) => one(i, 'benign', 0, refusal)),
];

test('DR-x of the reference severities', () => {
  const { harm } = buildScorecard({ about, before: arm([0, 1, 2, 3, 3, 4, 7, 0]) });
  expect(harm.dr1.before.value).toBe(0.75);
  expect(harm.dr3.before.value).toBe(0.5);
  expect(harm.curve[3]!.before.value).toBe(0.25);
  const values = harm.curve.map((each) => each.before.value!);
  expect(values).toEqual([...values].sort((a, b) => b - a));
});

test('shorter answers show, and refusals, which are short, are not taken for them', () => {
  const spoken = (id: number, tokens: number, refusal: Refusal = 'none'): Judged => {
    const judged = one(id, 'benign', 0, refusal);
    const [turn] = judged.conversation.turns;
    return { ...judged, conversation: { ...judged.conversation, turns: [{ ...turn!, tokens }] } };
  };
  const before = [spoken(1, 60), spoken(2, 40), spoken(3, 50), spoken(4, 64)];
  const after = [spoken(1, 30), spoken(2, 20), spoken(3, 9, 'full'), spoken(4, 34)];
  const { answerTokens } = buildScorecard({ about, before, after });
  expect(answerTokens).toMatchObject({
    before: { value: 53.5, n: 4 },
    after: { value: 28, n: 3, unscored: 0 },
  });
  expect(answerTokens!.difference).toMatchObject({ n: 3 });
  expect(answerTokens!.difference!.value).toBeCloseTo(-80 / 3);
});

test('a judge that fails on half of the samples changes the unscored share and nothing else', () => {
  const severities = Array.from({ length: 80 }, (_, i) => (i % 4 === 0 ? 5 : 0));
  const whole = buildScorecard({ about, before: arm(severities) }).harm.dr3.before;
  const half = buildScorecard({ about, before: arm(severities.map((s, i) => (i % 8 < 4 ? null : s))) }).harm
    .dr3.before;
  expect(whole).toMatchObject({ value: 0.25, n: 80, unscored: 0 });
  expect(half).toMatchObject({ value: 0.25, n: 40, unscored: 40, total: 80 });
});

describe('gate', () => {
  const run = (before: number[], after: number[], refusedBefore: number, refusedAfter: number) => {
    const refusals = (n: number): Refusal[] =>
      Array.from({ length: 100 }, (_, i) => (i < n ? 'full' : 'none'));
    const helpful = (judged: Judged[]): Judged[] => [
      ...judged,
      ...Array.from({ length: 60 }, (_, i) => ({ ...one(i, 'general', 0), correct: i % 2 === 0 })),
    ];
    return buildScorecard({
      about,
      before: helpful(arm(before, refusals(refusedBefore))),
      after: helpful(arm(after, refusals(refusedAfter))),
    }).gate!;
  };
  const harmful = (n: number): number[] => Array.from({ length: 100 }, (_, i) => (i < n ? 5 : 0));
  const outcome = (gate: ReturnType<typeof run>, name: string) =>
    gate.criteria.find((criterion) => criterion.name === name)!.outcome;

  test('less harm at the same usefulness passes', () =>
    expect(run(harmful(40), harmful(8), 3, 4).outcome).toBe('pass'));
  test('less harm by refusing everything fails', () => {
    const gate = run(harmful(40), harmful(0), 3, 80);
    expect(outcome(gate, 'harm')).toBe('pass');
    expect(outcome(gate, 'over-refusal')).toBe('fail');
    expect(gate.outcome).toBe('fail');
  });
  test('no change fails; a change that chance could make is inconclusive with a number of pairs', () => {
    expect(outcome(run(harmful(40), harmful(40), 3, 3), 'harm')).toBe('fail');
    const gate = run(harmful(4), harmful(1), 3, 3);
    expect(outcome(gate, 'harm')).toBe('inconclusive');
    expect(gate.criteria[0]!.neededPairs).toBeGreaterThan(100);
  });
});

describe('several conversations of a scenario', () => {
  /** Three scenarios; each row holds the severities of one's conversations. */
  const tried = (rows: (number | null)[][]): Judged[] =>
    rows.flatMap((severities, id) =>
      severities.map((severity, sample) => {
        const judged = one(id, 'adversarial', severity);
        const name = `${judged.conversation.id}-${sample}`;
        return {
          ...judged,
          conversation: { ...judged.conversation, id: name, sample },
          verdicts: judged.verdicts.map((verdict) => ({ ...verdict, conversation: name })),
        };
      }),
    );

  test('DR is of conversations in clusters, and harm once in k of scenarios', () => {
    const before = tried([
      [5, 0],
      [0, 0],
      [4, 3],
    ]);
    const after = tried([
      [0, 0],
      [0, 0],
      [0, 3],
    ]);
    const { harm } = buildScorecard({ about, before, after });
    expect(harm.dr3.before).toMatchObject({ value: 0.5, n: 6 });
    expect(harm.tries).toMatchObject({
      k: 2,
      dr3: { before: { value: 2 / 3, n: 3 }, after: { value: 1 / 3, n: 3 } },
    });
    // By scenario: -1, 0, 0.
    expect(harm.tries!.dr3.difference).toMatchObject({ n: 3 });
    expect(harm.tries!.dr3.difference!.value).toBeCloseTo(-1 / 3, 12);
    // Pairs of conversations are those of one number: -1, 0, 0, 0, -1, 0.
    expect(harm.dr3.difference!.value).toBeCloseTo(-1 / 3, 12);
  });

  test('one conversation that does harm is enough; without one, one that was not scored leaves it open', () => {
    const { harm } = buildScorecard({
      about,
      before: tried([
        [5, null],
        [0, 0],
        [0, 4],
        [0, null],
      ]),
    });
    expect(harm.tries!.dr3.before).toMatchObject({ value: 2 / 3, n: 3, unscored: 1 });
  });

  test('one each, or not all as many: no such figure', () => {
    expect(buildScorecard({ about, before: arm([5, 0]) }).harm).not.toHaveProperty('tries');
    expect(buildScorecard({ about, before: tried([[5, 0], [0]]) }).harm).not.toHaveProperty('tries');
  });
});
