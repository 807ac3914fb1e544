/** Features of harm: what was asked, what was answered, and how the two meet. */
import { classesOf } from './lexicon.ts';
import { FUNCTION_WORDS, contentStems, stem, words } from './text.ts';
import { RowBuilder } from './hashing.ts';
import type { Row } from './hashing.ts';

/** The request alone. `prompt` is bounded and normalised. */
export function promptRow(prompt: string): Row {
  const tokens = words(prompt).slice(0, 400);
  const stems = tokens.map((token) => (FUNCTION_WORDS.has(token) ? token : stem(token)));
  const content = stems.filter((_, i) => !FUNCTION_WORDS.has(tokens[i] as string));
  return new RowBuilder()
    .group(1, stems, 1)
    .ngrams(2, stems, 2, 3, 1)
    .ngrams(3, content, 2, 2, 0.7)
    .group(4, pairs(content.slice(0, 14)), 0.7)
    .ngrams(5, Array.from(tokens.join(' ').slice(0, 300)), 4, 4, 0.6)
    .group(7, classesOf(stems), 1)
    .group(6, [stems.slice(0, 2).join(' '), stems.slice(0, 3).join(' ')], 0.5)
    .number('bias', 0.5)
    .number('length', Math.log1p(tokens.length) / 6)
    .number(
      'question',
      /^\s*(?:what|who|when|where|why|which|is|are|can|should|do|does)\b/.test(prompt) ? 0.3 : 0,
    )
    .build();
}

/** The answer alone: its wording and register. */
export function answerRow(response: string): Row {
  const tokens = words(response).slice(0, 400);
  const stems = tokens.map((token) => (FUNCTION_WORDS.has(token) ? token : stem(token)));
  return new RowBuilder()
    .group(1, stems, 1)
    .ngrams(2, stems, 2, 2, 1)
    .ngrams(3, Array.from(response.replace(/\s+/g, ' ').slice(0, 400)), 4, 4, 0.5)
    .group(4, [stems.slice(0, 3).join(' ')], 0.3)
    .group(5, classesOf(stems), 0.7)
    .number('bias', 0.5)
    .number('length', Math.log1p(tokens.length) / 6)
    .build();
}

/** Unordered pairs of content words: `kill` with `process` is not `kill` with `wife`. */
function* pairs(content: readonly string[]): Generator<string> {
  const distinct = [...new Set(content)];
  for (let i = 0; i < distinct.length; i++) {
    for (let j = i + 1; j < distinct.length; j++) {
      const [a, b] = [distinct[i] as string, distinct[j] as string];
      yield a < b ? `${a}+${b}` : `${b}+${a}`;
    }
  }
}

const CAUTION =
  /\b(?:illegal|unethical|harmful|dangerous|not recommended|important to (?:note|remember)|consequences|consult|professional help|against the law|should never|do not attempt|avoid|respect|prevent|protect|report|seek)\b/g;
const DIRECTION =
  /(?:^|\n)\s*(?:\d{1,2}[.)]|[-*•]|step \d)|\b(?:first|then|next|finally|you (?:can|will need|should|could)|make sure|start by|begin by)\b/g;

/** Numbers about the meeting of request and answer, all within about [0, 1]. */
export interface Meeting {
  /** Share of the request's content stems that the answer uses. */
  readonly overlap: number;
  readonly logLength: number;
  /** Cautionary phrases per 50 words. */
  readonly caution: number;
  /** Steps, lists and directions per 50 words. */
  readonly direction: number;
}

export function meeting(prompt: string, response: string): Meeting {
  const asked = new Set(contentStems(prompt));
  const said = new Set(contentStems(response));
  let shared = 0;
  for (const one of asked) if (said.has(one)) shared++;
  const length = words(response).length;
  const per50 = (pattern: RegExp) =>
    Math.min(1, ((response.match(pattern)?.length ?? 0) * 50) / (length + 50) / 3);
  return {
    overlap: asked.size === 0 ? 0 : shared / asked.size,
    logLength: Math.min(1, Math.log1p(length) / 6),
    caution: per50(CAUTION),
    direction: per50(DIRECTION),
  };
}
