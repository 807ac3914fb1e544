/**
 * How far an answer is covered by its source, as about thirty dense numbers: coverage of words, stems, bigrams, numbers and
 * names, of the whole answer and of its worst sentence, novelty, and mismatched negation. Lexical: a paraphrase with
 * other words looks ungrounded, a wrong detail in the source's own words looks grounded (docs/judge-card.md).
 */
import { FUNCTION_WORDS, sentences, stem, words } from './text.ts';
import { normalised } from './text.ts';

export const GROUNDING_FEATURES = [
  'bias',
  'unigram',
  'stem',
  'bigram',
  'trigram',
  'content',
  'worstContent',
  'bestWindow',
  'worstWindow',
  'numbers',
  'hasNumbers',
  'names',
  'hasNames',
  'novel',
  'negation',
  'length',
  'contextLength',
  'ratio',
  'sentences',
  'question',
  'firstPerson',
  'contentSquared',
  'bigramSquared',
  'fullyCovered',
  'longestCopy',
  'promptOnly',
  'absolutes',
  'rarity',
  'charTrigram',
  'novelNames',
  'swap',
] as const;

const NEGATION =
  /\b(?:not|no|never|none|neither|without|n't|cannot|can't|won't|don't|doesn't|didn't|isn't|wasn't|aren't|weren't)\b/;
const ABSOLUTE = /\b(?:all|every|always|only|first|most|best|largest|never|entire|completely|must)\b/g;

interface Source {
  readonly words: ReadonlySet<string>;
  readonly stems: ReadonlySet<string>;
  readonly bigrams: ReadonlySet<string>;
  readonly trigrams: ReadonlySet<string>;
  readonly sentences: readonly ReadonlySet<string>[];
  readonly negated: readonly boolean[];
}

const grams = (items: readonly string[], n: number): string[] => {
  const out: string[] = [];
  for (let i = 0; i + n <= items.length; i++) out.push(items.slice(i, i + n).join(' '));
  return out;
};
const share = (items: readonly string[], have: ReadonlySet<string>, empty: number = 1): number =>
  items.length === 0 ? empty : items.filter((item) => have.has(item)).length / items.length;
const content = (tokens: readonly string[]): string[] =>
  tokens.filter((token) => token.length > 1 && !FUNCTION_WORDS.has(token)).map(stem);
const names = (text: string): string[] =>
  (text.match(/(?<=[\p{Ll},;:'")]\s)\p{Lu}[\p{L}'-]{1,30}/gu) ?? []).map((name) =>
    name.toLowerCase().replace(/'s$/, ''),
  );

function readSource(text: string): Source {
  const plain = normalised(text);
  const tokens = words(plain);
  const list = sentences(plain);
  return {
    words: new Set(tokens),
    stems: new Set(tokens.map(stem)),
    bigrams: new Set(grams(tokens, 2)),
    trigrams: new Set(grams(tokens, 3)),
    sentences: list.map((one) => new Set(content(words(one)))),
    negated: list.map((one) => NEGATION.test(one)),
  };
}

/** One row in the order of `GROUNDING_FEATURES`. Texts are bounded, with their case kept. */
export function groundingRow(context: string, prompt: string, response: string): Float64Array {
  const source = readSource(context);
  const plain = normalised(response);
  const tokens = words(plain);
  const stems = content(tokens);
  const bigrams = grams(tokens, 2);
  const list = sentences(response).slice(0, 60);
  let worst = 1;
  let worstWindow = 1;
  let windowSum = 0;
  let negationMismatch = 0;
  for (const one of list) {
    const mine = content(words(normalised(one)));
    if (mine.length < 2) {
      windowSum += 1;
      continue;
    }
    worst = Math.min(worst, share(mine, source.stems));
    let best = 0;
    let at = -1;
    source.sentences.forEach((have, i) => {
      const cover = share(mine, have);
      if (cover > best) [best, at] = [cover, i];
    });
    windowSum += best;
    worstWindow = Math.min(worstWindow, best);
    if (best > 0.4 && source.negated[at] !== NEGATION.test(one.toLowerCase())) negationMismatch++;
  }
  const numbers = tokens.filter((token) => /^\d/.test(token));
  const named = names(response);
  const promptStems = new Set(content(words(normalised(prompt))));
  const novel = [...new Set(stems)].filter((one) => !source.stems.has(one));
  const c = share(stems, source.stems);
  const b = share(bigrams, source.bigrams);
  // Bigrams whose two words both occur in the source, but never side by side: recombination.
  const both = bigrams.filter((pair) => pair.split(' ').every((word) => source.words.has(word)));
  let longest = 0;
  for (let i = 0, run = 0; i + 3 <= tokens.length; i++) {
    run = source.trigrams.has(tokens.slice(i, i + 3).join(' ')) ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  const log = (n: number) => Math.log1p(n) / 6;
  const sourceCharacters = new Set(
    grams([...normalised(context)], 3).map((gram) => gram.replaceAll(' ', '')),
  );
  const characterGrams = grams([...plain], 3).map((gram) => gram.replaceAll(' ', ''));
  return Float64Array.from([
    1,
    share(tokens, source.words),
    share(tokens.map(stem), source.stems),
    b,
    share(grams(tokens, 3), source.trigrams, b),
    c,
    worst,
    list.length === 0 ? 1 : windowSum / list.length,
    worstWindow,
    share(numbers, source.words),
    numbers.length > 0 ? 1 : 0,
    share(named, source.words),
    named.length > 0 ? 1 : 0,
    Math.min(1, novel.length / 8),
    Math.min(1, negationMismatch / 2),
    log(tokens.length),
    log(source.words.size),
    Math.min(1, tokens.length / (source.words.size + 1)),
    Math.min(1, list.length / 6),
    /\?\s*$/.test(response) ? 1 : 0,
    Math.min(1, tokens.filter((token) => /^(?:i|my|me|i'm|i've)$/.test(token)).length / 3),
    c * c,
    b * b,
    novel.length === 0 ? 1 : 0,
    tokens.length < 3 ? 0 : Math.min(1, (longest + 2) / tokens.length),
    share(novel, promptStems, 0),
    Math.min(1, (plain.match(ABSOLUTE)?.length ?? 0) / 4),
    novel.length === 0 ? 0 : Math.min(1, novel.reduce((sum, one) => sum + one.length, 0) / novel.length / 10),
    share(characterGrams, sourceCharacters),
    Math.min(1, named.filter((name) => !source.words.has(name)).length / 2),
    both.length === 0 ? 0 : both.filter((pair) => !source.bigrams.has(pair)).length / both.length,
  ]);
}
