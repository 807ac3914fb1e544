/**
 * Folded texts as codes of their letters, read in one pass without a string for each word: most texts share nothing with
 * any guarded one, and that is seen from hashes.
 */
import { ASCII, folded, FOLDED_ASCII } from './folding.ts';

// FNV-1a over UTF-16 units.
const START = 0x811c9dc5 | 0;
const step = (bits: number, code: number): number => Math.imul(bits ^ code, 0x01000193);
const pairOf = (first: number, second: number): number =>
  Math.imul(Math.imul(first, 31) + second, 0x85ebca6b);

/** Bits of the table, and their number less one. */
const TABLE = 1 << 18;
const LAST = TABLE - 1;

/** Hashes that were added, and by chance some others. */
class Hashes {
  readonly #bits = new Uint32Array(TABLE / 32);

  add(hash: number): void {
    const at = (hash ^ (hash >>> 15)) & LAST;
    this.#bits[at >>> 5]! |= 1 << (at & 31);
  }

  has(hash: number): boolean {
    const at = (hash ^ (hash >>> 15)) & LAST;
    return (this.#bits[at >>> 5]! & (1 << (at & 31))) !== 0;
  }
}

export interface Glance {
  /** false: none of the texts has the letters of a guarded one. */
  readonly same: boolean;
  /** false: together they share no run of words with one. */
  readonly run: boolean;
}

export class Letters {
  /** Words of a run. */
  readonly #run: number;
  readonly #texts = new Hashes();
  readonly #pairs = new Hashes();
  #codes = new Uint16Array(1 << 12);
  #end = 0;

  constructor(run: number) {
    this.#run = run;
  }

  /** The letters of the texts that were read last, one behind the other: the next reading overwrites them. */
  get codes(): Uint16Array {
    return this.#codes.subarray(0, this.#end);
  }

  /** A guarded text, folded. */
  add(words: string): void {
    const hashOf = (text: string): number => {
      let bits = START;
      for (let i = 0; i < text.length; i++) bits = step(bits, text.charCodeAt(i));
      return bits;
    };
    this.#texts.add(hashOf(words.replaceAll(' ', '')));
    const hashes = words.split(' ').map(hashOf);
    for (let i = 1; i < hashes.length; i++) this.#pairs.add(pairOf(hashes[i - 1]!, hashes[i]!));
  }

  read(texts: readonly string[]): Glance {
    let [same, run] = [false, false];
    let [before, neighbours, end] = [START, 0, 0];
    for (const text of texts) {
      const source = ASCII.test(text) ? text : folded(text);
      const codes = this.#room(end, source.length);
      let [all, word] = [START, START];
      let within = false;
      for (let i = 0; i <= source.length; i++) {
        // Past the end, charCodeAt is NaN: no letter.
        const raw = source.charCodeAt(i);
        const code = raw < 128 ? FOLDED_ASCII[raw]! : raw | 0;
        if (code !== 0) {
          codes[end++] = code;
          all = step(all, code);
          word = step(word, code);
          within = true;
        } else if (within) {
          neighbours = this.#pairs.has(pairOf(before, word)) ? neighbours + 1 : 0;
          if (neighbours >= this.#run - 1) run = true;
          before = word;
          word = START;
          within = false;
        }
      }
      if (this.#texts.has(all)) same = true;
    }
    this.#end = end;
    return { same, run };
  }

  #room(end: number, more: number): Uint16Array {
    if (end + more > this.#codes.length) {
      const codes = new Uint16Array(2 * (end + more));
      codes.set(this.#codes.subarray(0, end));
      this.#codes = codes;
    }
    return this.#codes;
  }
}
