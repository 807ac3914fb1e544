/**
 * Scenarios in another language, by a model, each text translated back and compared with what it was: what comes back too
 * different, or not at all, is left out and counted. Only what can be translated whole is: no attack (their texts are
 * English), no checked answer; one turn, since the personas' further lines are English.
 */
import { endsWork } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import { type Scenario, VERBATIM } from '../core/records.ts';
import { delimited } from '../models/delimited.ts';
import type { OpenedRole } from '../models/role.ts';
import { askForObject } from '../models/structured.ts';
import { LANGUAGES, TRANSLATOR } from '../scenarios/languages.ts';
import { groundedQuestions } from './simulator.ts';

/**
 * A text whose chrF to its back-translation is lower is left out. Paraphrases of one sentence have about .5 to .8, other
 * sentences on the same subject about .2 to .3.
 */
export const LEAST_LIKENESS = 0.4;
const MOST_TOKENS = 1024;
const LONGEST_GRAM = 6;

function grams(text: string, n: number): Map<string, number> {
  const letters = text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= letters.length; i++) {
    const gram = letters.slice(i, i + n);
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

/** chrF (Popovic 2015): F-score (beta 2) of letter n-grams, n = 1 to 6, spaces and marks left out. 0 to 1. */
export function chrF(reference: string, hypothesis: string): number {
  let [precision, recall, orders] = [0, 0, 0];
  for (let n = 1; n <= LONGEST_GRAM; n++) {
    const [wanted, given] = [grams(reference, n), grams(hypothesis, n)];
    const size = (counts: Map<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);
    if (wanted.size === 0 || given.size === 0) break;
    let same = 0;
    for (const [gram, count] of given) same += Math.min(count, wanted.get(gram) ?? 0);
    precision += same / size(given);
    recall += same / size(wanted);
    orders++;
  }
  if (orders === 0 || precision + recall === 0) return 0;
  const [p, r] = [precision / orders, recall / orders];
  return p + r === 0 ? 0 : (5 * p * r) / (4 * p + r);
}

export interface Translated {
  readonly scenarios: readonly Scenario[];
  /** Scenarios without a translation, by the reason. */
  readonly leftOut: Readonly<Record<string, number>>;
}

/** Errors: those of the model's calls. */
export async function translateScenarios(
  scenarios: readonly Scenario[],
  language: string,
  role: OpenedRole,
  {
    width = 8,
    signal,
    done = () => {},
  }: { width?: number; signal?: AbortSignal | undefined; done?: () => void } = {},
): Promise<Translated> {
  const results = new Array<Scenario | string>(scenarios.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < scenarios.length) {
      const at = next++;
      signal?.throwIfAborted();
      try {
        results[at] = await translated(scenarios[at]!, language, role, signal);
      } catch (thrown) {
        signal?.throwIfAborted();
        if (endsWork(thrown)) throw thrown;
        results[at] = 'the call to the translator failed; the same command asks again';
      }
      done();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(width, role.concurrency)) }, work));
  const leftOut: Record<string, number> = {};
  for (const each of results) if (typeof each === 'string') leftOut[each] = (leftOut[each] ?? 0) + 1;
  return { scenarios: results.filter((each) => typeof each !== 'string'), leftOut };
}

async function translated(
  scenario: Scenario,
  language: string,
  role: OpenedRole,
  signal: AbortSignal | undefined,
): Promise<Scenario | string> {
  const { id: _id, key, attack, check, accept, context, turns, ...rest } = scenario;
  if (attack !== undefined) return 'attacks are English';
  if (check !== undefined || accept !== undefined) return 'their answers are checked in English';
  const grounded = scenario.kind === 'grounded';
  const lines = grounded ? groundedQuestions(scenario) : [scenario.objective];
  const texts = [...lines, ...(context === undefined ? [] : [context])];
  const found: string[] = [];
  for (const text of texts) {
    const outcome = await thereAndBack(text, language, role, signal);
    if ('problem' in outcome) return outcome.problem;
    found.push(outcome.text);
  }
  const parts: Omit<Scenario, 'id' | 'key'> = {
    ...rest,
    // A question must stay one line.
    objective: found
      .slice(0, lines.length)
      .map((text) => (grounded ? text.replace(/\s+/g, ' ') : text))
      .join('\n'),
    ...(context === undefined ? {} : { context: found.at(-1)! }),
    persona: grounded ? scenario.persona : VERBATIM,
    turns: grounded ? turns : 1,
    language,
  };
  return { id: contentHash(parts), key: `${key}+${language}`, ...parts };
}

async function thereAndBack(
  text: string,
  language: string,
  role: OpenedRole,
  signal: AbortSignal | undefined,
): Promise<{ text: string } | { problem: string }> {
  const { name } = LANGUAGES[language]!;
  const there = await ask(text, 'English', name, role, signal);
  if ('problem' in there) return there;
  if (chrF(text, there.text) > 0.9) return { problem: 'the translation is the English text' };
  const back = await ask(there.text, name, 'English', role, signal);
  if ('problem' in back) return back;
  return chrF(text, back.text) >= LEAST_LIKENESS
    ? there
    : { problem: 'the back-translation says something else' };
}

const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\{(from|to|problem|reply)\}/g, (_, place: string) => values[place] ?? '');

async function ask(
  text: string,
  from: string,
  to: string,
  { model, maxTokens = MOST_TOKENS }: OpenedRole,
  signal: AbortSignal | undefined,
): Promise<{ text: string } | { problem: string }> {
  const reply = fill(TRANSLATOR.reply, { to });
  const outcome = await askForObject<string>(model, {
    system: fill(TRANSLATOR.role, { from, to }),
    user: `${delimited({ text })}\n\n${reply}`,
    schema: {
      type: 'object',
      properties: { translation: { type: 'string' } },
      required: ['translation'],
      additionalProperties: false,
    },
    read: ({ translation }) =>
      typeof translation === 'string' && translation.trim() !== ''
        ? { value: translation.trim().toWellFormed() }
        : { problem: 'it has no `translation`' },
    again: (problem) => fill(TRANSLATOR.again, { problem, reply }),
    temperature: 0,
    maxTokens,
    signal,
  });
  if (outcome.status === 'ok') return { text: outcome.value };
  const problems = {
    refused: 'the translator refused',
    blocked: 'a filter stopped the translator',
    malformed: 'the translator gave no translation',
  };
  return { problem: problems[outcome.status] };
}
