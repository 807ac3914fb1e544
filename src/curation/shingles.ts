/** Likeness of texts by their word n-grams. */

/** Lower-case words, without punctuation; accents stay. */
export function normalisedWords(text: string): string[] {
  return (
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

/** The distinct n-grams of a text's words; a shorter text is one n-gram. */
export function shingles(text: string, n: number): Set<string> {
  const words = normalisedWords(text);
  if (words.length <= n) return new Set(words.length === 0 ? [] : [words.join(' ')]);
  const grams = new Set<string>();
  for (let i = 0; i + n <= words.length; i++) grams.add(words.slice(i, i + n).join(' '));
  return grams;
}

/** Finds texts whose sets of n-grams overlap, by an inverted index. */
export class ShingleIndex {
  readonly #n: number;
  readonly #byShingle = new Map<string, number[]>();
  readonly #sizes: number[] = [];
  readonly #keys: string[] = [];

  constructor(n: number) {
    this.#n = n;
  }

  add(key: string, text: string): void {
    const id = this.#keys.length;
    const grams = shingles(text, this.#n);
    this.#keys.push(key);
    this.#sizes.push(grams.size);
    for (const gram of grams) {
      const list = this.#byShingle.get(gram);
      if (list) list.push(id);
      else this.#byShingle.set(gram, [id]);
    }
  }

  /**
   * The entry that shares most with `text`: `jaccard` = shared / union, `containment` = shared / those of the smaller.
   * null if nothing is shared.
   */
  nearest(text: string): { key: string; jaccard: number; containment: number; shared: number } | null {
    const grams = shingles(text, this.#n);
    const counts = new Map<number, number>();
    for (const gram of grams)
      for (const id of this.#byShingle.get(gram) ?? []) counts.set(id, (counts.get(id) ?? 0) + 1);
    let best: { key: string; jaccard: number; containment: number; shared: number } | null = null;
    for (const [id, shared] of counts) {
      const size = this.#sizes[id] as number;
      const jaccard = shared / (size + grams.size - shared);
      if (best && jaccard <= best.jaccard) continue;
      best = {
        key: this.#keys[id] as string,
        jaccard,
        containment: shared / Math.min(size, grams.size),
        shared,
      };
    }
    return best;
  }
}
