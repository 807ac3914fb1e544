/** How many conversations a question needs, and the calls, tokens, money and time that they take. */
import { costOf, type Price } from '../models/usage.ts';
import { LEAST_INFORMATION } from './judge-error.ts';
import { asJudged, designEffect, jointOutcomes, mcnemarPairs, twoProportions } from './power.ts';

export interface Question {
  /** The share before and after, as it is. */
  readonly before: number;
  readonly after: number;
  readonly alpha: number;
  readonly power: number;
  /** Of the judge, on what is counted. */
  readonly sensitivity: number;
  readonly specificity: number;
  readonly paired: boolean;
  /** Of the outcomes of a pair, -1 to 1; ignored unless paired. */
  readonly correlation: number;
  readonly turns: number;
  /** Correlation of the answers of one conversation; null: conversations are counted, not answers. */
  readonly icc: number | null;
  /** Factor on n for samples that are alike for other reasons (several of one scenario). */
  readonly designEffect: number;
  /** Share of what is counted that will be unscored, in each arm. */
  readonly unscored: number;
}

/** What one call of a role takes; `perTurn`: calls a turn. */
export interface RoleCost {
  readonly perTurn: number;
  readonly input: number;
  readonly output: number;
  readonly price?: Price | undefined;
}

export interface Plan {
  /** The shares that the judge will find. */
  readonly seen: { readonly before: number; readonly after: number };
  /** Conversations of one arm: pairs where paired. */
  readonly perArm: number;
  /** Of both arms. */
  readonly conversations: number;
  readonly answers: number;
  readonly roles: Readonly<
    Record<string, { calls: number; inputTokens: number; outputTokens: number; dollars: number | null }>
  >;
  /** null where a role that is called has no price. */
  readonly dollars: number | null;
  /** At `rate` generated tokens a second over all roles; null without a rate. */
  readonly seconds: number | null;
}

/**
 * Conversations of each arm: McNemar's pairs (`mcnemarPairs`) or two proportions (`twoProportions`, pooled) at the shares that
 * the judge will find (`asJudged`: the difference shrinks by Se + Sp - 1), times the design effect
 * (`designEffect` for answers of one conversation, times that given), divided by 1 - unscored (squared where paired: both
 * answers must be scored) and, where answers are counted, by the turns. Errors: RangeError for a judge below
 * `LEAST_INFORMATION`, no difference, a power of at most alpha / 2, and a size that is not finite.
 */
export function planConversations(
  question: Question,
): Pick<Plan, 'seen' | 'perArm' | 'conversations' | 'answers'> {
  const { before, after, alpha, power, sensitivity, specificity, paired, correlation, turns, icc } = question;
  const information = sensitivity + specificity - 1;
  if (information < LEAST_INFORMATION)
    throw new RangeError(
      `the judge is too weak: sensitivity + specificity - 1 is ${information.toFixed(2)}, at least ${LEAST_INFORMATION} is needed`,
    );
  if (before === after) throw new RangeError('before and after are the same: there is no difference to see');
  const [both, fixed, broken] = asJudged(
    jointOutcomes(before, after, paired ? correlation : 0),
    sensitivity,
    specificity,
  );
  const seen = { before: both + fixed, after: both + broken };
  const test = { alpha, power };
  if (power <= alpha / 2)
    throw new RangeError(
      `power ${power} is no more than chance: it must be above half of the level, ${alpha / 2}`,
    );
  const size = paired
    ? mcnemarPairs(fixed, broken, test)
    : twoProportions(seen.before, seen.after, 'pooled', test);
  const effect = question.designEffect * (icc === null ? 1 : designEffect(turns, icc) / turns);
  const scored = (1 - question.unscored) ** (paired ? 2 : 1);
  const perArm = Math.ceil((size * effect) / scored - 1e-9);
  if (!Number.isFinite(2 * perArm * turns)) throw new RangeError('no number of conversations is enough');
  return { seen, perArm, conversations: 2 * perArm, answers: 2 * perArm * turns };
}

/** The same with what it takes. `rate`: generated tokens a second. Errors: RangeError, also for totals that are not finite. */
export function makePlan(question: Question, roles: Readonly<Record<string, RoleCost>>, rate?: number): Plan {
  const size = planConversations(question);
  const costs = Object.entries(roles).map(([name, { perTurn, input, output, price }]) => {
    const calls = Math.ceil(size.answers * perTurn);
    const [inputTokens, outputTokens] = [calls * input, calls * output];
    const dollars = calls === 0 ? 0 : price ? costOf(inputTokens, outputTokens, price).dollars : null;
    return [name, { calls, inputTokens, outputTokens, dollars }] as const;
  });
  const prices = costs.map(([, { dollars }]) => dollars);
  const generated = costs.reduce((sum, [, { outputTokens }]) => sum + outputTokens, 0);
  const dollars = prices.includes(null) ? null : prices.reduce<number>((sum, each) => sum + (each ?? 0), 0);
  const seconds = rate === undefined ? null : generated / rate;
  const totals = costs.flatMap(([, { calls, inputTokens, outputTokens }]) => [
    calls,
    inputTokens,
    outputTokens,
  ]);
  if (![...totals, dollars ?? 0, seconds ?? 0].every(Number.isFinite))
    throw new RangeError('calls, tokens, money or time are too large to tell');
  return {
    ...size,
    roles: Object.fromEntries(costs),
    dollars,
    seconds,
  };
}
