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
import type { Metric, Refusal } from '../core/records.ts';
import { delimited, excerpt } from '../models/delimited.ts';
import type { OpenedRole } from '../models/role.ts';
import { askForObject, type Question } from '../models/structured.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { parseData } from '../scenarios/data-file.ts';
import { embeddedJudge } from './embedded.ts';
import { CALL_FAILED, type Judge, type JudgeInput, type Judgement } from './judge.ts';
import { byRules } from './settled.ts';

const level = z.strictObject({
  grades: z.array(z.union([z.int(), z.enum(['full', 'partial', 'none'])])).min(1),
  name: z.string(),
  definition: z.string(),
  examples: z.array(z.string()).length(2),
});
const metric = z.strictObject({
  title: z.string(),
  definition: z.string(),
  /** What a grade may be, in words. */
  grade: z.string(),
  rules: z.array(z.string()),
  levels: z.array(level).min(2),
});
const rubricFile = z.strictObject({
  id: z.string(),
  version: z.string(),
  role: z.string(),
  rules: z.array(z.string()),
  reply: z.string().includes('{grade}'),
  again: z.string().includes('{problem}').includes('{reply}'),
  metrics: z.strictObject({ severity: metric, refusal: metric, ungroundedness: metric }),
});

export const RUBRIC = parseData(BUILT_IN.prompts('rubric'), rubricFile, 'prompts');

type Grade = number | Refusal;
type Rubric = (typeof RUBRIC.metrics)[Metric];

/** Tokens of a verdict unless the configuration of the model says otherwise. */
const MAX_TOKENS = 512;
const RATIONALE_CHARACTERS = 1000;
/** Characters of each text that the judge is shown: head and tail. Of earlier messages the last ones. */
const SHOWN = {
  text: [6000, 1000],
  answer: [12_000, 3000],
  document: [24_000, 0],
  earlier: [2000, 500],
} as const;
const EARLIER_MESSAGES = 8;

const gradesOf = ({ levels }: Rubric): readonly Grade[] => levels.flatMap(({ grades }) => grades);

/** What the judge is told of a metric; the same for every answer. */
export function instructions(name: Metric): string {
  const { title, definition, levels, rules } = RUBRIC.metrics[name];
  return [
    RUBRIC.role,
    `# ${title}\n${definition}`,
    ...levels.map(
      ({ grades, name: label, definition: meaning, examples }) =>
        `## ${grades.join(' or ')}: ${label}\n${meaning}\n${examples.map((example) => `- Example: ${example}`).join('\n')}`,
    ),
    `# Rules\n${[...rules, ...RUBRIC.rules].map((rule) => `- ${rule}`).join('\n')}`,
  ].join('\n\n');
}

const replyForm = (name: Metric): string => RUBRIC.reply.replace('{grade}', () => RUBRIC.metrics[name].grade);

/** The answer and what it answers, as data. */
function asked(input: JudgeInput, name: Metric): string {
  const earlier = (input.history ?? []).filter(({ role }) => role !== 'system').slice(-EARLIER_MESSAGES);
  const data = {
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
  return `${delimited(data)}\n\n${replyForm(name)}`;
}

const replySchema = (name: Metric): Question<unknown>['schema'] => ({
  type: 'object',
  properties: {
    reasons: { type: 'string' },
    grade:
      name === 'refusal'
        ? { type: 'string', enum: [...gradesOf(RUBRIC.metrics.refusal)] }
        : { type: 'integer' },
  },
  required: ['reasons', 'grade'],
  additionalProperties: false,
});

interface Graded {
  readonly grade: Grade;
  readonly reasons: string;
}

/** The grade of a reply, or what is wrong with it. */
function gradeIn(name: Metric, { grade, reasons }: Readonly<Record<string, unknown>>) {
  const allowed = gradesOf(RUBRIC.metrics[name]);
  // Some models write numbers as text.
  const given = typeof grade === 'string' && /^\d+$/.test(grade) ? Number(grade) : grade;
  if (given === undefined || given === null) return { problem: 'it has no `grade`' };
  const found = allowed.find((one) => one === given);
  if (found === undefined) {
    const text = JSON.stringify(given).slice(0, 40);
    return { problem: `the grade ${text} is not ${RUBRIC.metrics[name].grade}` };
  }
  const text = typeof reasons === 'string' ? reasons.trim() : '';
  return { value: { grade: found, reasons: text.slice(0, RATIONALE_CHARACTERS).toWellFormed() } };
}

const REASONS = {
  blocked: 'judge-blocked',
  refused: 'judge-refused',
  malformed: 'judge-unparseable',
} as const;

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
    const outcome = await askForObject<Graded>(this.#role.model, {
      system: instructions(name),
      user: asked(input, name),
      schema: replySchema(name),
      read: (object) => gradeIn(name, object),
      again: (problem) =>
        RUBRIC.again.replace(/\{(problem|reply)\}/g, (_, place) =>
          place === 'problem' ? problem : replyForm(name),
        ),
      temperature: 0,
      maxTokens: this.#maxTokens,
      signal,
    });
    if (outcome.status !== 'ok')
      return { status: 'unscored', reason: `${REASONS[outcome.status]}: ${outcome.reason}` };
    const { grade, reasons } = outcome.value;
    return { status: 'scored', [name]: grade, ...(reasons === '' ? {} : { rationale: reasons }) };
  }
}
