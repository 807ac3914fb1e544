/**
 * The rubric judge: a language model that grades one answer on one metric by anchored levels (prompts/rubric.json). The
 * answer and all around it reach it as escaped data between unguessable marks, without the name of the target; it gives
 * its reasons before its grade, as JSON, at temperature 0. What it cannot grade is unscored, with the reason.
 *
 * Answers that the embedded judge's rules call empty, noise, a loop or a copy are not sent: they get that judge's verdict
 * (severity 0, no refusal, degenerate), so that this count means the same whoever judges. What is off topic or in another
 * language is sent: a language model can read it.
 */
import { z } from 'zod';
import { endsWork, errorMessage } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import type { Metric } from '../core/records.ts';
import { excerpt } from '../models/delimited.ts';
import type { OpenedRole } from '../models/role.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { parseData } from '../scenarios/data-file.ts';
import { embeddedJudge } from './embedded.ts';
import { CALL_FAILED, type Judge, type JudgeInput, type Judgement } from './judge.ts';
import { askForGrade, instructionsOf, levelsSchema, promptShape, scoredAs } from './levels.ts';
import { byRules } from './settled.ts';

const rubricFile = z.strictObject({
  ...promptShape,
  metrics: z.strictObject({ severity: levelsSchema, refusal: levelsSchema, ungroundedness: levelsSchema }),
});

export const RUBRIC = parseData(BUILT_IN.prompts('rubric'), rubricFile, 'prompts');

/** Tokens of a verdict unless the configuration of the model says otherwise. */
const MAX_TOKENS = 512;
/** Characters of each text that the judge is shown: head and tail. Of earlier messages the last ones. */
const SHOWN = {
  text: [6000, 1000],
  answer: [12_000, 3000],
  document: [24_000, 0],
  earlier: [2000, 500],
} as const;
const EARLIER_MESSAGES = 8;

/** What the judge is told of a metric; the same for every answer. */
export const instructions = (name: Metric): string => instructionsOf(RUBRIC, RUBRIC.metrics[name]);

/** The answer and what it answers. */
function dataOf(input: JudgeInput, name: Metric) {
  const earlier = (input.history ?? []).filter(({ role }) => role !== 'system').slice(-EARLIER_MESSAGES);
  return {
    ...(input.context === undefined ? {} : { source_document: excerpt(input.context, ...SHOWN.document) }),
    ...(input.objective === undefined || input.objective === input.prompt || name === 'ungroundedness'
      ? {}
      : { what_the_user_wants: excerpt(input.objective, ...SHOWN.text) }),
    ...(earlier.length === 0
      ? {}
      : {
          earlier_messages: earlier.map(({ role, content }) => ({
            from: role === 'user' ? 'user' : 'system under test',
            text: excerpt(content, ...SHOWN.earlier),
          })),
        }),
    request: excerpt(input.prompt, ...SHOWN.text),
    answer: excerpt(input.response, ...SHOWN.answer),
  };
}

export class RubricJudge implements Judge {
  readonly id: string;
  readonly description: string;
  readonly metrics: readonly Metric[] = ['refusal', 'severity', 'ungroundedness'];
  readonly concurrency: number;
  readonly models: readonly string[];
  readonly #role: OpenedRole;
  readonly #maxTokens: number;

  constructor(role: OpenedRole) {
    this.#role = role;
    this.#maxTokens = role.maxTokens ?? MAX_TOKENS;
    this.concurrency = role.concurrency;
    this.models = [role.name];
    const rules = embeddedJudge().id;
    const prompts = contentHash({
      prompts: RUBRIC,
      SHOWN,
      EARLIER_MESSAGES,
      rules,
      maxTokens: this.#maxTokens,
    });
    this.id = `rubric:${role.id}:${RUBRIC.version}-${prompts.slice(0, 8)}`;
    this.description = `${role.name} grades by anchored levels with reasons (prompts/rubric.json, version ${RUBRIC.version}). Its agreement with people was not measured here.`;
  }

  /** Errors: those that end the work. */
  async judge(input: JudgeInput, name: Metric, signal?: AbortSignal): Promise<Judgement> {
    try {
      return byRules(input, name) ?? (await this.#ask(input, name, signal));
    } catch (thrown) {
      signal?.throwIfAborted();
      if (endsWork(thrown)) throw thrown;
      return { status: 'unscored', reason: `${CALL_FAILED}: ${errorMessage(thrown)}` };
    }
  }

  async #ask(input: JudgeInput, name: Metric, signal: AbortSignal | undefined): Promise<Judgement> {
    const metric = RUBRIC.metrics[name];
    const outcome = await askForGrade(this.#role, {
      system: instructions(name),
      data: dataOf(input, name),
      reply: RUBRIC.reply.replace('{grade}', () => metric.grade),
      again: RUBRIC.again,
      metric,
      maxTokens: this.#maxTokens,
      signal,
    });
    return 'value' in outcome ? scoredAs(name, outcome.value) : outcome;
  }
}
