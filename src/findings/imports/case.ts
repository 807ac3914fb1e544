/** What an importer makes of a foreign result, and how it reads fields: nothing of a file is trusted to be there, or to be short. */
import type { FindingKind, Message } from '../../core/records.ts';

/** One answer of a target with what the other tool said of it. */
export interface Case {
  /** Up to and with the request; system messages may come first. */
  readonly messages: readonly Message[];
  readonly response: string;
  /** fail: the tool says that the target did wrong; pass: that it did not; unknown: error, no score. */
  readonly outcome: 'fail' | 'pass' | 'unknown';
  readonly kind: FindingKind;
  /** What the attacker wanted, where the tool says it. */
  readonly objective?: string | undefined;
  /** The tool's own name of the harm. */
  readonly label?: string | undefined;
  readonly attack?: string | undefined;
  readonly target?: string | undefined;
  /** 0-7, where the tool has a scale; absent: it says yes or no. */
  readonly severity?: number | undefined;
  /** Which detector or grader said so, with its words. */
  readonly rationale?: string | undefined;
}

/** Of a record: its case, or why it has none. */
export type Read = Case | { readonly passedOver: string };

export type Fields = Readonly<Record<string, unknown>>;

export interface ImportFormat {
  readonly description: string;
  /** How the file is read: lines of JSON, one JSON value, a table. */
  readonly file: 'jsonl' | 'json' | 'csv';
  /** Whether a file is of this format, by its first record (json: all of it; csv: a row by its header). */
  matches(first: unknown): boolean;
  /** The records within the value of a json file. */
  records?(whole: unknown): readonly unknown[];
  read(record: Fields): readonly Read[];
}

export const MOST_TEXT = 100_000;
const MOST_LABEL = 200;
const MOST_MESSAGES = 200;

export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** An own field: `__proto__` and the like are not read from the chain. */
export const field = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((at, key) => {
    const fields = fieldsOf(at);
    return Object.hasOwn(fields, key) ? fields[key] : undefined;
  }, value);

export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value.slice(0, MOST_TEXT).toWellFormed() : undefined;

/** A short name: one line. */
export const labelOf = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number'
    ? textOf(String(value))?.replace(/\s+/g, ' ').trim().slice(0, MOST_LABEL).toWellFormed()
    : undefined;

/** A text, or the texts of content parts. */
export function contentOf(value: unknown): string | undefined {
  if (typeof value === 'string') return textOf(value);
  if (Array.isArray(value)) {
    const parts = value.map((part) => (typeof part === 'string' ? part : textOf(field(part, 'text'))));
    return textOf(parts.filter((part) => part !== undefined).join('\n'));
  }
  return textOf(field(value, 'text')) ?? textOf(field(value, 'content'));
}

/** Messages of the roles that temper knows, the last ones of a very long list; what has no text is left out. */
export const messagesOf = (list: readonly unknown[]): Message[] =>
  list.slice(-MOST_MESSAGES).flatMap((each): Message[] => {
    const role = field(each, 'role');
    const content = contentOf(field(each, 'content'));
    return content !== undefined && (role === 'system' || role === 'user' || role === 'assistant')
      ? [{ role, content }]
      : [];
  });

/** A transcript as the messages up to the last request, and the answer to it. */
export function answered(messages: readonly Message[]): Pick<Case, 'messages' | 'response'> | null {
  const at = messages.findLastIndex(({ role }) => role === 'assistant');
  const before = messages.slice(0, at);
  return at > 0 && before.at(-1)?.role === 'user'
    ? { messages: before, response: messages[at]!.content }
    : null;
}

export const NO_PROMPT = { passedOver: 'no prompt with an answer' } as const;
