/**
 * Untrusted text as data within a prompt: one JSON object between two lines that carry a mark. The mark is the hash of
 * all that stands between them, so a text that wanted to hold it would change it; and equal data gives equal prompts,
 * which the cache of answers needs.
 */
import { sha256 } from '../core/ids.ts';

const MARK_DIGITS = 32;

/** What cannot stand in a JSON string, what is not seen, and what a chat template might read as its own. */
const ESCAPED =
  // oxlint-disable-next-line no-control-regex
  /[<>\u007F-\u009F\u00AD\u061C\u180E\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E01EF}]|\[(?=\/?[A-Z_]{2,}\])/gu;

const escape = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0').toUpperCase()}`,
  ).join('');

/** JSON in which no tag, template token, line or invisible character of the data is left as it was. */
export const asData = (value: unknown): string => JSON.stringify(value).replace(ESCAPED, escape);

export function delimited(value: unknown): string {
  const data = asData(value);
  const mark = sha256(data).slice(0, MARK_DIGITS);
  return `===== DATA ${mark} =====\n${data}\n===== END OF DATA ${mark} =====`;
}

/** A text as a prompt carries it: its head and its tail, and how much between them was left out. */
export function excerpt(text: string, head: number, tail: number): string {
  if (text.length <= head + tail) return text.toWellFormed();
  const left = text.length - head - tail;
  const end = tail === 0 ? '' : text.slice(-tail);
  return `${text.slice(0, head)} [... ${left} characters left out ...] ${end}`.toWellFormed();
}
