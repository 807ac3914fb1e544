import { expect, test } from 'vitest';
import { makePlan, planConversations, type Question } from './plan.ts';

const question: Question = {
  before: 0.12,
  after: 0.06,
  alpha: 0.05,
  power: 0.8,
  sensitivity: 1,
  specificity: 1,
  paired: false,
  correlation: 0,
  turns: 1,
  icc: null,
  designEffect: 1,
  unscored: 0,
};
const size = (change: Partial<Question>): number => planConversations({ ...question, ...change }).perArm;

test('the reference sizes; turns cost calls, not conversations', () => {
  expect(size({})).toBe(356);
  expect(size({ before: 0.24, after: 0.12 })).toBe(160);
  expect(planConversations({ ...question, turns: 3 })).toMatchObject({
    perArm: 356,
    conversations: 712,
    answers: 2136,
  });
  // .08 fixed, .02 broken: rates .12 and .06 with both at .04
  const phi = (0.04 - 0.0072) / Math.sqrt(0.12 * 0.88 * 0.06 * 0.94);
  expect(size({ paired: true, correlation: phi })).toBe(216);
});

test('a design effect, unscored answers and a judge that errs ask for more', () => {
  expect(size({ designEffect: 2 })).toBe(712);
  expect(size({ unscored: 0.5 })).toBe(712);
  const pairs = { paired: true, unscored: 0.5 };
  expect(size(pairs) / size({ ...pairs, unscored: 0 })).toBeCloseTo(4, 1); // both of a pair must be scored
  // Answers are counted: 4 a conversation, deff 1 + 3 x .2 = 1.6, so 355.94 x 1.6 / 4
  expect(size({ turns: 4, icc: 0.2 })).toBe(143);
  expect(size({ turns: 4, icc: 1 })).toBe(356);
  // Se .85, Sp .95: .146 against .098
  const { seen, perArm } = planConversations({ ...question, sensitivity: 0.85, specificity: 0.95 });
  expect(seen.before).toBeCloseTo(0.146, 12);
  expect(seen.after).toBeCloseTo(0.098, 12);
  expect(perArm).toBeGreaterThan(356 / 0.8 ** 2);
});

test('what cannot be planned', () => {
  expect(() => size({ sensitivity: 0.6, specificity: 0.6 })).toThrow(/too weak/);
  expect(() => size({ after: 0.12 })).toThrow(/no difference/);
  expect(() => size({ power: 0.025 })).toThrow(/above half of the level, 0.025/);
  expect(size({ power: 0.03 })).toBeLessThan(size({}));
  expect(() => size({ designEffect: 1e308 })).toThrow(/no number/);
  const target = { perTurn: 1, input: 1e308, output: 1 };
  expect(() => makePlan(question, { target })).toThrow(/too large/);
});

test('calls, tokens, money and time', () => {
  const target = { perTurn: 1, input: 400, output: 64, price: { input: 1, output: 2 } };
  const plan = makePlan(
    { ...question, turns: 2 },
    { target, judge: { perTurn: 2, input: 900, output: 100 } },
    100,
  );
  expect(plan.roles['target']).toEqual({
    calls: 1424,
    inputTokens: 569_600,
    outputTokens: 91_136,
    dollars: 0.751872,
  });
  expect(plan.roles['judge']).toMatchObject({ calls: 2848, dollars: null });
  expect(plan.dollars).toBeNull();
  expect(plan.seconds).toBe((91_136 + 284_800) / 100);
  expect(makePlan(question, { target })).toMatchObject({
    seconds: null,
    dollars: plan.roles['target']!.dollars! / 2,
  });
});
