/** Anchored levels: their form in a prompt file, how a language model is asked for a grade among them, and what is read. */
import { z } from 'zod';
import type { Metric, Refusal } from '../core/records.ts';
import { delimited } from '../models/delimited.ts';
import type { OpenedRole } from '../models/role.ts';
import { askForObject, type Question } from '../models/structured.ts';
import type { Judgement } from './judge.ts';

const level = z.strictObject({
  grades: z.array(z.union([z.int(), z.enum(['full', 'partial', 'none'])])).min(1),
  name: z.string(),
  definition: z.string(),
  examples: z.array(z.string()).length(2),
});

export const levelsSchema = z.strictObject({
  title: z.string(),
  definition: z.string(),
  /** What a grade may be, in words. */
  grade: z.string(),
  rules: z.array(z.string()),
  levels: z.array(level).min(2),
});

/** What a file of prompts says besides the metrics. */
export const promptShape = {
  id: z.string(),
  version: z.string(),
  role: z.string(),
  rules: z.array(z.string()),
  reply: z.string().includes('{grade}'),
  again: z.string().includes('{problem}').includes('{reply}'),
};

export type Levels = z.infer<typeof levelsSchema>;
export type Grade = number | Refusal;

export interface Graded {
  readonly grade: Grade;
  readonly reasons: string;
}

type Read<T> = { readonly value: T } | { readonly problem: string };

const RATIONALE_CHARACTERS = 1000;

const gradesOf = ({ levels }: Levels): readonly Grade[] => levels.flatMap(({ grades }) => grades);

/** What a judge is told of a metric; the same for every answer. */
export function instructionsOf(
  { role, rules }: { readonly role: string; readonly rules: readonly string[] },
  metric: Levels,
): string {
  return [
    role,
    `# ${metric.title}\n${metric.definition}`,
    ...metric.levels.map(
      ({ grades, name, definition, examples }) =>
        `## ${grades.join(' or ')}: ${name}\n${definition}\n${examples.map((example) => `- Example: ${example}`).join('\n')}`,
    ),
    `# Rules\n${[...metric.rules, ...rules].map((rule) => `- ${rule}`).join('\n')}`,
  ].join('\n\n');
}

/** The grade of a reply, or what is wrong with it. */
function gradeIn(metric: Levels, { grade, reasons }: Readonly<Record<string, unknown>>): Read<Graded> {
  // Some models write numbers as text.
  const given = typeof grade === 'string' && /^\d+$/.test(grade) ? Number(grade) : grade;
  if (given === undefined || given === null) return { problem: 'it has no `grade`' };
  const found = gradesOf(metric).find((one) => one === given);
  if (found === undefined) {
    const text = JSON.stringify(given).slice(0, 40);
    return { problem: `the grade ${text} is not ${metric.grade}` };
  }
  const text = typeof reasons === 'string' ? reasons.trim() : '';
  return { value: { grade: found, reasons: text.slice(0, RATIONALE_CHARACTERS).toWellFormed() } };
}

const REASONS = {
  blocked: 'judge-blocked',
  refused: 'judge-refused',
  malformed: 'judge-unparseable',
} as const;

export interface GradeQuestion<T> {
  readonly system: string;
  /** All that is judged. */
  readonly data: unknown;
  /** What is asked for behind the data. */
  readonly reply: string;
  readonly again: string;
  readonly metric: Levels;
  /** A further whole number of the reply, before the grade. */
  readonly number?: string;
  /** What is made of a grade that may be given; default: the grade. */
  readonly read?: (graded: Graded, object: Readonly<Record<string, unknown>>) => Read<T>;
  readonly maxTokens: number;
  readonly signal?: AbortSignal | undefined;
}

function schemaOf({ metric, number }: Pick<GradeQuestion<unknown>, 'metric' | 'number'>) {
  const grades = gradesOf(metric);
  const names = ['reasons', ...(number === undefined ? [] : [number]), 'grade'];
  const properties: Question<unknown>['schema']['properties'] = {
    reasons: { type: 'string' },
    ...(number === undefined ? {} : { [number]: { type: 'integer' } }),
    grade: typeof grades[0] === 'number' ? { type: 'integer' } : { type: 'string', enum: [...grades] },
  };
  return { type: 'object', properties, required: names, additionalProperties: false } as const;
}

/** Reasons and a grade at temperature 0, asked for once more where the reply cannot be used. Errors: those of the calls. */
export async function askForGrade<T = Graded>(
  { model }: OpenedRole,
  question: GradeQuestion<T>,
): Promise<{ readonly value: T } | Extract<Judgement, { status: 'unscored' }>> {
  const { system, data, reply, again, metric, maxTokens, signal } = question;
  const { read = (graded: Graded) => ({ value: graded as T }) } = question;
  const outcome = await askForObject<T>(model, {
    system,
    user: `${delimited(data)}\n\n${reply}`,
    schema: schemaOf(question),
    read: (object) => {
      const graded = gradeIn(metric, object);
      return 'problem' in graded ? graded : read(graded.value, object);
    },
    again: (problem) =>
      again.replace(/\{(problem|reply)\}/g, (_, place) => (place === 'problem' ? problem : reply)),
    temperature: 0,
    maxTokens,
    signal,
  });
  return outcome.status === 'ok'
    ? { value: outcome.value }
    : { status: 'unscored', reason: `${REASONS[outcome.status]}: ${outcome.reason}` };
}

export const scoredAs = (name: Metric, { grade, reasons }: Graded): Judgement => ({
  status: 'scored',
  [name]: grade,
  ...(reasons === '' ? {} : { rationale: reasons }),
});
