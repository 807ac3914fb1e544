/**
 * The rubric judge of whole conversations: severity and ungroundedness are graded once a conversation, by a language model
 * that sees all of it (prompts/rubric-conversation.json), since answers that are mild one by one may add up. It is asked as
 * the rubric judge of answers is (levels.ts), and names the answer that counts most. Refusals stay with that judge, answer
 * by answer, as IPRR and VPRR count answers; so does an answer that is judged for itself, as in a search.
 */
import { z } from 'zod';
import { endsWork, errorMessage } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import type { Metric } from '../core/records.ts';
import { excerpt } from '../models/delimited.ts';
import type { OpenedRole } from '../models/role.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { parseData } from '../scenarios/data-file.ts';
import { CALL_FAILED, type Judge, type JudgeInput, type Judgement, type WholeJudgement } from './judge.ts';
import { askForGrade, type Graded, instructionsOf, levelsSchema, promptShape, scoredAs } from './levels.ts';
import { RubricJudge } from './rubric.ts';
import { byRules } from './settled.ts';

const promptFile = z.strictObject({
  ...promptShape,
  reply: promptShape.reply.includes('{worst}'),
  worst: z.string(),
  metrics: z.strictObject({ severity: levelsSchema, ungroundedness: levelsSchema }),
});

export const CONVERSATION_RUBRIC = parseData(BUILT_IN.prompts('rubric-conversation'), promptFile, 'prompts');

type WholeMetric = keyof typeof CONVERSATION_RUBRIC.metrics;
const isWhole = (metric: Metric): metric is WholeMetric => Object.hasOwn(CONVERSATION_RUBRIC.metrics, metric);

/** Tokens of a verdict unless the configuration of the model says otherwise. */
const MAX_TOKENS = 768;
/** Characters of each text that the judge is shown: head and tail. */
const SHOWN = {
  text: [3000, 500],
  answer: [8000, 2000],
  document: [24_000, 0],
  earlier: [1000, 250],
} as const;
/** Of longer conversations it would see a part: they are unscored. */
const MOST_ANSWERS = 24;
const EARLIER_MESSAGES = 8;

interface WholeGrade extends Graded {
  /** Position among the answers. */
  readonly worst: number;
}

function dataOf(answers: readonly JudgeInput[], name: WholeMetric) {
  const [{ context, objective, history = [] }] = answers as [JudgeInput, ...JudgeInput[]];
  const before = history.filter(({ role }) => role !== 'system').slice(-EARLIER_MESSAGES);
  return {
    ...(context === undefined ? {} : { source_document: excerpt(context, ...SHOWN.document) }),
    ...(objective === undefined || name === 'ungroundedness'
      ? {}
      : { what_the_user_wants: excerpt(objective, ...SHOWN.text) }),
    ...(before.length === 0
      ? {}
      : {
          said_before: before.map(({ role, content }) => ({
            from: role === 'user' ? 'user' : 'made up as the system',
            text: excerpt(content, ...SHOWN.earlier),
          })),
        }),
    conversation: answers.map(({ prompt, response }, i) => ({
      number: i + 1,
      request: excerpt(prompt, ...SHOWN.text),
      answer: excerpt(response, ...SHOWN.answer),
    })),
  };
}

/** Which answer counts most; where nothing counts, any. */
function worstIn(graded: Graded, worst: unknown, answers: number) {
  const number = typeof worst === 'string' && /^\d+$/.test(worst) ? Number(worst) : worst;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= answers)
    return { value: { ...graded, worst: number - 1 } };
  return graded.grade === 0
    ? { value: { ...graded, worst: answers - 1 } }
    : { problem: `\`worst\` is not the number of an answer, 1 to ${answers}` };
}

export class ConversationRubricJudge implements Judge {
  readonly id: string;
  readonly description: string;
  readonly metrics: readonly Metric[];
  readonly concurrency: number;
  readonly models: readonly string[];
  readonly whole: NonNullable<Judge['whole']>;
  readonly #role: OpenedRole;
  readonly #answers: RubricJudge;
  readonly #maxTokens: number;

  constructor(role: OpenedRole) {
    this.#role = role;
    this.#answers = new RubricJudge(role);
    this.#maxTokens = role.maxTokens ?? MAX_TOKENS;
    ({ metrics: this.metrics, concurrency: this.concurrency, models: this.models } = this.#answers);
    const { version } = CONVERSATION_RUBRIC;
    const shaping = contentHash({
      prompts: CONVERSATION_RUBRIC,
      SHOWN,
      MOST_ANSWERS,
      EARLIER_MESSAGES,
      answers: this.#answers.id,
      maxTokens: this.#maxTokens,
    });
    this.id = `rubric-conversation:${role.id}:${version}-${shaping.slice(0, 8)}`;
    this.description = `${role.name} grades each conversation as a whole, and refusals answer by answer, by anchored levels with reasons (prompts/rubric-conversation.json, version ${version}). Its agreement with people was not measured here.`;
    this.whole = {
      metrics: this.metrics.filter(isWhole),
      judge: (answers, metric, signal) => this.#judgeWhole(answers, metric, signal),
    };
  }

  /** One answer for itself. Errors: those that end the work. */
  judge(input: JudgeInput, metric: Metric, signal?: AbortSignal): Promise<Judgement> {
    return this.#answers.judge(input, metric, signal);
  }

  async #judgeWhole(
    answers: readonly JudgeInput[],
    metric: Metric,
    signal: AbortSignal | undefined,
  ): Promise<WholeJudgement> {
    if (!isWhole(metric) || answers.length === 0)
      return { status: 'unscored', reason: `no ${metric} of ${answers.length} answers as a whole` };
    const settled = answers.map((answer) => byRules(answer, metric));
    if (!settled.includes(undefined)) return settled.find((each) => each?.status === 'scored') ?? settled[0]!;
    if (answers.length > MOST_ANSWERS)
      return {
        status: 'unscored',
        reason: `too-long: ${answers.length} answers, of ${MOST_ANSWERS} at most`,
      };
    try {
      return await this.#ask(answers, metric, signal);
    } catch (thrown) {
      signal?.throwIfAborted();
      if (endsWork(thrown)) throw thrown;
      return { status: 'unscored', reason: `${CALL_FAILED}: ${errorMessage(thrown)}` };
    }
  }

  async #ask(
    answers: readonly JudgeInput[],
    name: WholeMetric,
    signal: AbortSignal | undefined,
  ): Promise<WholeJudgement> {
    const metric = CONVERSATION_RUBRIC.metrics[name];
    const worst = `${CONVERSATION_RUBRIC.worst}, 1 to ${answers.length}`;
    const outcome = await askForGrade<WholeGrade>(this.#role, {
      system: instructionsOf(CONVERSATION_RUBRIC, metric),
      data: dataOf(answers, name),
      reply: CONVERSATION_RUBRIC.reply.replace(/\{(worst|grade)\}/g, (_, place) =>
        place === 'worst' ? worst : metric.grade,
      ),
      again: CONVERSATION_RUBRIC.again,
      metric,
      number: 'worst',
      read: (graded, object) => worstIn(graded, object['worst'], answers.length),
      maxTokens: this.#maxTokens,
      signal,
    });
    return 'value' in outcome ? { ...scoredAs(name, outcome.value), worst: outcome.value.worst } : outcome;
  }
}
