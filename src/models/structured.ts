/** One question to a model whose answer must be a JSON object: read leniently, asked once more when it cannot be used. */
import type { JSONSchema7, LanguageModelV4, LanguageModelV4Prompt } from '@ai-sdk/provider';
import type { Message } from '../core/records.ts';
import { declines } from './declines.ts';
import { resultText } from './messages.ts';
import { toPrompt } from './target.ts';

export interface Question<T> {
  readonly system: string;
  readonly user: string;
  /** Shape of the object, for providers that hold the model to it. */
  readonly schema: JSONSchema7;
  /** The value of an object, or what is wrong with it as `{ problem }`. */
  read(object: Readonly<Record<string, unknown>>): { readonly value: T } | { readonly problem: string };
  /** What is said after an answer that cannot be used. */
  again(problem: string): string;
  readonly temperature: number;
  readonly topP?: number | undefined;
  readonly maxTokens: number;
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `blocked`: by a filter of the provider; `refused`: the model declines; `malformed`: twice no such object. */
export type Structured<T> =
  | { readonly status: 'ok'; readonly value: T }
  | { readonly status: 'blocked' | 'refused' | 'malformed'; readonly reason: string };

/** What is repeated to the model of its own answer, and of that in a reason. */
const REPEATED_CHARACTERS = 2000;
const SHOWN_CHARACTERS = 160;

const shown = (text: string): string => JSON.stringify(text.trim().slice(0, SHOWN_CHARACTERS));

/** Errors: those of the model's calls. */
export async function askForObject<T>(model: LanguageModelV4, question: Question<T>): Promise<Structured<T>> {
  const { system, user, read, again } = question;
  const messages: Message[] = [
    { role: 'system', content: system },
    { role: 'user', content: user },
  ];
  for (let first = true; ; first = false) {
    const answer = await call(model, toPrompt(messages), question);
    if ('blocked' in answer) return { status: 'blocked', reason: answer.blocked };
    const { text, cut } = answer;
    const object = objectIn(text);
    if (object === null && !text.includes('{') && declines(text))
      return { status: 'refused', reason: shown(text) };
    const outcome = object === null ? { problem: 'it holds no JSON object' } : read(object);
    if ('value' in outcome) return { status: 'ok', value: outcome.value };
    const problem = cut ? `${outcome.problem} (cut after ${question.maxTokens} tokens)` : outcome.problem;
    if (!first) return { status: 'malformed', reason: `${problem}, twice: ${shown(text)}` };
    messages.push(
      // Some servers refuse an empty message.
      { role: 'assistant', content: text.slice(0, REPEATED_CHARACTERS).toWellFormed() || '(nothing)' },
      { role: 'user', content: again(problem) },
    );
  }
}

async function call<T>(
  model: LanguageModelV4,
  prompt: LanguageModelV4Prompt,
  { schema, temperature, topP, maxTokens, seed, signal }: Question<T>,
): Promise<{ blocked: string } | { text: string; cut: boolean }> {
  const result = await model.doGenerate({
    prompt,
    maxOutputTokens: maxTokens,
    temperature,
    responseFormat: { type: 'json', schema },
    ...(topP === undefined ? {} : { topP }),
    ...(seed === undefined ? {} : { seed }),
    ...(signal ? { abortSignal: signal } : {}),
  });
  const { unified, raw } = result.finishReason;
  if (unified === 'content-filter') return { blocked: raw ?? unified };
  return { text: resultText(result), cut: unified === 'length' };
}

/** The one JSON object of a text: all of it, a fenced block, or among words. null for none, and for several. */
export function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  const given = parsed(text.trim());
  if (given) return given;
  // What a reasoning model thought aloud is no part of its answer.
  const said = (text.split('</think>').at(-1) as string).trim();
  const whole = parsed(said.replace(/^```(?:json)?\s*|\s*```$/gi, ''));
  if (whole) return whole;
  const found = [...candidates(said)].map(parsed).filter((object) => object !== null);
  return found.length === 1 ? found[0]! : null;
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** Outermost balanced braces, those within strings left out. */
function* candidates(text: string): Generator<string> {
  let depth = 0;
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (quoted) {
      if (character === '\\') i++;
      else if (character === '"') quoted = false;
    } else if (character === '"' && depth > 0) quoted = true;
    else if (character === '{' && depth++ === 0) start = i;
    else if (character === '}' && depth > 0 && --depth === 0) yield text.slice(start, i + 1);
  }
}
