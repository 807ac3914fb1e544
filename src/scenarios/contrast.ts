/** How close two requests are in words: a look-alike that shares most words with its harmful partner is the hardest to tell from it. */

const WORD = /[\p{L}\p{M}]{3,}/gu;

const wordsOf = (text: string): Set<string> => new Set(text.toLowerCase().match(WORD));

/** Share of the shorter text's different words of three letters or more that the other has, too: 0 to 1; 0 without words. */
export function sharedWords(a: string, b: string): number {
  const [left, right] = [wordsOf(a), wordsOf(b)];
  const fewer = Math.min(left.size, right.size);
  return fewer === 0 ? 0 : [...left].filter((word) => right.has(word)).length / fewer;
}
