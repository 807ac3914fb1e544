/** Runs of so many words that known texts have. */
export class WordRuns {
  readonly #length: number;
  readonly #numbers = new Map<string, number>();
  /** Pairs of neighbours in known texts: a run has nothing but such pairs, which is quick to see. */
  readonly #pairs = new Set<number>();
  readonly #runs = new Map<string, string>();

  constructor(length: number) {
    this.#length = length;
  }

  add(key: string, words: readonly string[]): void {
    const numbers = words.map((word) => {
      const number = this.#numbers.get(word) ?? this.#numbers.size;
      this.#numbers.set(word, number);
      return number;
    });
    for (let i = 1; i < numbers.length; i++) this.#pairs.add(pair(numbers[i - 1]!, numbers[i]!));
    for (let i = 0; i + this.#length <= words.length; i++) {
      const run = words.slice(i, i + this.#length).join(' ');
      if (!this.#runs.has(run)) this.#runs.set(run, key);
    }
  }

  /** The key of a known text that shares a run; null if none does. */
  find(words: readonly string[]): string | null {
    let before = -1;
    let neighbours = 0;
    for (const [i, word] of words.entries()) {
      const number = this.#numbers.get(word) ?? -1;
      neighbours = before >= 0 && number >= 0 && this.#pairs.has(pair(before, number)) ? neighbours + 1 : 0;
      before = number;
      if (neighbours < this.#length - 1) continue;
      const key = this.#runs.get(words.slice(i + 1 - this.#length, i + 1).join(' '));
      if (key !== undefined) return key;
    }
    return null;
  }
}

const pair = (first: number, second: number): number => first * 2 ** 24 + second;
