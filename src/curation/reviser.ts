/**
 * Critique and revision of chosen answers by a language model (after Bai et al. 2022, arXiv 2212.08073, section 3.1): the written
 * decline of a harmful request becomes one that fits it, and a refusal by mistake gets the answer that was due. What it writes is
 * checked by the judge; what does not pass is not learnt.
 */
import { z } from 'zod';
import { endsWork, errorMessage } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import type { Message, PreferenceExample } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { Judge, JudgeInput } from '../judges/judge.ts';
import type { Judged } from '../metrics/conversation.ts';
import { delimited, excerpt } from '../models/delimited.ts';
import type { OpenedRole } from '../models/role.ts';
import { askForObject } from '../models/structured.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { parseData } from '../scenarios/data-file.ts';
import { messagesTo, preferenceExample } from './example.ts';
import type { Firewall } from './firewall.ts';
import type { GoodAnswer } from './good-answer.ts';

const text = z.string().min(1);
const task = z.strictObject({ role: text, rules: z.array(text).min(1) });
const file = z.strictObject({
  id: text,
  version: text,
  decline: task,
  answer: task,
  reply: text,
  again: text.includes('{problem}').includes('{reply}'),
});
const TEXTS = parseData(BUILT_IN.prompts('reviser'), file, 'prompts');

const VERSION = `${TEXTS.version}-${contentHash(TEXTS).slice(0, 8)}`;

const SCHEMA = {
  type: 'object',
  properties: { critique: { type: 'string' }, answer: { type: 'string' } },
  required: ['critique', 'answer'],
  additionalProperties: false,
} as const;

const MAX_TOKENS = 400;
/** Characters of each message that are shown: head and tail. */
const SHOWN = [4000, 1000] as const;
/** Words of an answer that is learnt. */
const MOST_WORDS = { decline: 110, answer: 160 } as const;
/** Not every language has spaces, and not every server heeds a limit. */
const LETTERS_A_WORD = 12;
const UNSURE = /^\W*unsure\W*$/i;

export type Task = 'decline' | 'answer';

export interface ReviserTools {
  readonly role: OpenedRole;
  readonly judge: Judge;
  readonly firewall: Firewall;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** Who revises, for lineage and ids. */
export const reviserId = ({ id }: OpenedRole): string => `reviser:${id}:${VERSION}`;

interface Draft {
  readonly prompt: readonly Message[];
  readonly draft: string;
  /** What the harm is, in words. */
  readonly about?: string | undefined;
  /** A stream of its own. */
  readonly key: string;
}

/** The new answer, or why there is none. Errors: those that end the work. */
async function revision(
  kind: Task,
  { prompt, draft, about, key }: Draft,
  { role, judge, firewall, seed, signal }: ReviserTools,
): Promise<{ readonly answer: string } | { readonly problem: string }> {
  const { role: instruction, rules } = TEXTS[kind];
  const data = {
    ...(about === undefined ? {} : { harm: about }),
    conversation: prompt.map(({ role: from, content }) => ({ from, text: excerpt(content, ...SHOWN) })),
    [kind === 'decline' ? 'draft' : 'given_answer']: excerpt(draft, ...SHOWN),
  };
  try {
    const outcome = await askForObject<string>(role.model, {
      system: [instruction, ...rules.map((rule) => `- ${rule}`)].join('\n'),
      user: `${delimited(data)}\n\n${TEXTS.reply}`,
      schema: SCHEMA,
      read: ({ answer }) =>
        typeof answer === 'string' && answer.trim() !== ''
          ? { value: answer.trim().toWellFormed() }
          : { problem: 'it has no usable `answer`' },
      again: (problem) =>
        TEXTS.again.replace(/\{(problem|reply)\}/g, (_, name) => (name === 'reply' ? TEXTS.reply : problem)),
      maxTokens: role.maxTokens ?? MAX_TOKENS,
      temperature: role.temperature ?? 0,
      topP: role.topP,
      seed: rng('reviser', seed, key).int(2 ** 31),
      signal,
    });
    if (outcome.status !== 'ok') return { problem: `the reviser’s reply was ${outcome.status}` };
    const answer = outcome.value;
    if (UNSURE.test(answer)) return { problem: 'the reviser was unsure' };
    const most = MOST_WORDS[kind];
    if (answer.length > most * LETTERS_A_WORD || answer.split(/\s+/).length > most)
      return { problem: 'the revision is too long' };
    if (firewall.check(answer)) return { problem: 'the revision holds a guarded text' };
    const asked = { prompt: prompt.at(-1)?.content ?? '', history: prompt.slice(0, -1), response: answer };
    const verdict = await verdictOn(kind, asked, { judge, signal });
    return verdict === null ? { answer } : { problem: verdict };
  } catch (thrown) {
    signal?.throwIfAborted();
    if (endsWork(thrown)) throw thrown;
    return { problem: `the call failed: ${errorMessage(thrown)}` };
  }
}

/** Why the judge does not pass it; null if it does. Errors: those of the judge. */
export async function verdictOn(
  kind: Task,
  input: JudgeInput,
  { judge, signal }: Pick<ReviserTools, 'judge' | 'signal'>,
): Promise<string | null> {
  const [refusal, severity] = [
    await judge.judge(input, 'refusal', signal),
    await judge.judge(input, 'severity', signal),
  ];
  if (refusal.status !== 'scored' || severity.status !== 'scored')
    return 'the judge could not score the revision';
  if ((severity.severity ?? 0) > 0) return 'the judge finds the revision harmful';
  const wanted = kind === 'decline' ? 'full' : 'none';
  if (refusal.refusal !== wanted)
    return kind === 'decline'
      ? 'the judge finds that the revision does not decline'
      : 'the judge finds that the revision declines';
  return refusal.degenerate || severity.degenerate ? 'the revision is degenerate' : null;
}

export interface Revised<T> {
  readonly revised: readonly T[];
  /** What was not revised, by the reason. */
  readonly kept: Readonly<Record<string, number>>;
}

/** In the order of the items, several at once. */
async function each<I, O>(
  items: readonly I[],
  { role }: ReviserTools,
  work: (item: I) => Promise<O>,
  done: (count: number) => void,
): Promise<O[]> {
  const results: O[] = [];
  const width = Math.max(1, role.concurrency);
  for (let at = 0; at < items.length; at += width) {
    results.push(...(await Promise.all(items.slice(at, at + width).map(work))));
    done(results.length);
  }
  return results;
}

const assistant = (content: string): Message[] => [{ role: 'assistant', content }];

/**
 * Examples with written declines, each with a revised one where it passes; all others as they are. Errors: those that end the
 * work.
 */
export async function reviseDeclines(
  examples: readonly PreferenceExample[],
  /** `chosenBy` of what is to be revised. */
  writtenBy: string,
  harmOf: (category: string) => string | undefined,
  tools: ReviserTools,
  done: (count: number) => void = () => {},
): Promise<Revised<PreferenceExample>> {
  const kept: Record<string, number> = {};
  const revised = await each(
    examples,
    tools,
    async (example) => {
      const { id: _id, ...parts } = example;
      if (example.purpose !== 'harm' || example.lineage.chosenBy !== writtenBy) return example;
      const draft = example.chosen.map(({ content }) => content).join('\n');
      const about = harmOf(example.category);
      const outcome = await revision('decline', { ...parts, draft, about, key: example.id }, tools);
      if ('problem' in outcome) {
        kept[outcome.problem] = (kept[outcome.problem] ?? 0) + 1;
        return example;
      }
      const lineage = { ...example.lineage, chosenBy: reviserId(tools.role) };
      return preferenceExample({ ...parts, chosen: assistant(outcome.answer), lineage });
    },
    done,
  );
  return { revised, kept };
}

/** A harmless conversation in which the first answer was a refusal. */
export interface Mistaken {
  readonly scenario: Judged['scenario'];
  readonly conversation: Judged['conversation'];
  readonly prompt: readonly Message[];
  readonly refusal: GoodAnswer;
}

export function refusedByMistake(judged: readonly Judged[]): Mistaken[] {
  return judged.flatMap(({ scenario, conversation, verdicts }) => {
    const [first] = conversation.turns;
    const refused = verdicts.some(
      (verdict) =>
        verdict.turn === 0 &&
        verdict.metric === 'refusal' &&
        verdict.status === 'scored' &&
        verdict.refusal === 'full',
    );
    if (scenario.kind !== 'benign' || !first || !refused) return [];
    if (first.prefill !== undefined) return [];
    const refusal = { text: first.response, cut: first.finish === 'length' };
    return [{ scenario, conversation, prompt: messagesTo({ conversation }, 0), refusal }];
  });
}

/** What such a conversation teaches: an answer, against the refusal. */
export const answeredInstead = (
  { scenario, conversation, prompt, refusal }: Mistaken,
  answer: GoodAnswer,
  chosenBy: string,
): PreferenceExample =>
  preferenceExample({
    prompt,
    chosen: assistant(answer.text),
    rejected: assistant(refusal.text),
    cut: [...(answer.cut ? ['chosen' as const] : []), ...(refusal.cut ? ['rejected' as const] : [])],
    purpose: 'benign',
    category: scenario.category,
    lineage: {
      source: 'over-refusal',
      scenario: scenario.id,
      conversation: conversation.id,
      chosenBy,
      rejectedBy: 'target',
    },
  });

/** What such conversations teach: the answer that was due, against the refusal. Errors: those that end the work. */
export async function answerOverRefusals(
  judged: readonly Judged[],
  tools: ReviserTools,
  done: (count: number) => void = () => {},
): Promise<Revised<PreferenceExample>> {
  const kept: Record<string, number> = {};
  const made = await each(
    refusedByMistake(judged),
    tools,
    async (one) => {
      const { conversation, prompt, refusal } = one;
      const outcome = await revision('answer', { prompt, draft: refusal.text, key: conversation.id }, tools);
      if ('problem' in outcome) {
        kept[outcome.problem] = (kept[outcome.problem] ?? 0) + 1;
        return null;
      }
      return answeredInstead(one, { text: outcome.answer, cut: false }, reviserId(tools.role));
    },
    done,
  );
  return { revised: made.filter((example) => example !== null), kept };
}
