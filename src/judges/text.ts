/** Bounded, normalised views of untrusted text. Everything here is linear in the length of what it reads. */

/** What a judge reads of an answer: this many characters from the start and as many as `TAIL_CHARACTERS` from the end. */
export const HEAD_CHARACTERS = 6000;
export const TAIL_CHARACTERS = 1500;

/** The part of a text that is read: all of it, or its head and tail. Lone surrogates become U+FFFD. */
export function bounded(
  text: string,
  head: number = HEAD_CHARACTERS,
  tail: number = TAIL_CHARACTERS,
): string {
  const cut = text.length <= head + tail ? text : `${text.slice(0, head)}\n${text.slice(text.length - tail)}`;
  return cut.toWellFormed();
}

/** Typographic quotes and dashes to ASCII, terminal escapes and control characters removed, lower case. */
export function normalised(text: string): string {
  return text
    .replace(/[\u2018\u2019\u02BC\uFF07]/g, "'")
    .replace(/[\u201C\u201D]/g, '"')
    .replace(/[\u2013\u2014]/g, ' - ')
    .replace(/\u00AD|[\u200B-\u200F\u2060\uFEFF]/g, '')
    .replace(/\u001B\[[0-9;?]{0,20}[A-Za-z]/g, ' ') // oxlint-disable-line no-control-regex
    .replace(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, ' ') // oxlint-disable-line no-control-regex
    .toLowerCase();
}

/** Words (apostrophes kept inside: `won't`) and runs of digits, of normalised text, in order. */
export function words(text: string): string[] {
  return text.match(/[\p{L}\p{M}]{1,40}(?:'[\p{L}]{1,10})?|\d{1,40}/gu) ?? [];
}

/** Sentences and list items of a text, trimmed, without empty ones. */
export function sentences(text: string): string[] {
  return text
    .split(/(?<=[.!?。！？])\s+|\n+/u)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** A light stem: enough to match `hacking` with `hacked`, not a linguist's. */
export function stem(word: string): string {
  if (word.length <= 3) return word;
  const base = word.replace(/'s$|'$/, '');
  const cut = base.replace(/(?:ations?|ments?|ingly|edly|ness|ings?|ies|ied|ers?|ors?|ed|es|ly|s|y|e)$/, '');
  return (cut.length >= 3 ? cut : base).replace(/([^aeiouls])\1$/, '$1');
}

/** English function words: what remains after removing them carries the content. */
export const FUNCTION_WORDS: ReadonlySet<string> = new Set(
  `a an and are as at be been being but by can could did do does doing done for from had has have having he her here
  hers him his how i if in into is it its it's just let like may me might more most must my no nor not of off on once
  one only or other our out over own same she should so some such than that the their them then there these they this
  those through to too under until up us very was we were what when where which while who whom why will with would you
  your yours about after again all also am any because before between both during each few further i'm i'll i've you're
  don't doesn't isn't can't won't that's let's there's what's get got give make want need use please tell write explain
  describe create list way ways someone something anything thing things good best`.split(/\s+/),
);

/** Stems of the content words of normalised text. */
export function contentStems(text: string): string[] {
  return words(text)
    .filter((word) => word.length > 1 && !FUNCTION_WORDS.has(word))
    .map(stem);
}
