/**
 * Near duplicates among very many texts: MinHash over hashed word trigrams and locality-sensitive hashing in bands (Broder
 * 1997; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3) find candidates, and their trigrams
 * decide. Memory grows by 0.25 to 0.5 kB a kept text (tables double) and 4 bytes a word of it.
 */
import { normalisedWords } from './shingles.ts';

/** Bands of rows: two texts that share a part J of their trigrams meet in a band with probability 1 - (1 - J^ROWS)^BANDS. */
export const BANDS = 16;
export const ROWS = 4;
/** Trigrams of a text that count: what is longer is compared by its beginning. */
const MOST_SHINGLES = 4096;
/** Candidates of a band that are looked at: behind a text that very many others resemble, the latest ones. */
const MOST_CANDIDATES = 64;
const PAGE = 1 << 20;

/** MurmurHash3's finaliser: each bit of the input moves half of those of the result. */
function mixed(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

const ASCII = /^[\0-\x7f]*$/;

/** Of each word, lower-case and without punctuation, 32 bits. */
function wordHashes(text: string): number[] {
  const hashes: number[] = [];
  if (!ASCII.test(text)) {
    for (const word of normalisedWords(text)) {
      let bits = 0x811c9dc5;
      for (let i = 0; i < word.length; i++) bits = Math.imul(bits ^ word.charCodeAt(i), 0x01000193);
      hashes.push(mixed(bits));
    }
    return hashes;
  }
  let bits = 0x811c9dc5;
  let within = false;
  for (let i = 0; i <= text.length; i++) {
    // Past the end, charCodeAt is NaN: no letter.
    let code = text.charCodeAt(i);
    if (code >= 65 && code <= 90) code += 32;
    if ((code >= 97 && code <= 122) || (code >= 48 && code <= 57)) {
      bits = Math.imul(bits ^ code, 0x01000193);
      within = true;
    } else if (within) {
      hashes.push(mixed(bits));
      [bits, within] = [0x811c9dc5, false];
    }
  }
  return hashes;
}

/**
 * The distinct trigrams of a text's words as sorted 32-bit numbers; a shorter text is one. Texts of two `kind`s share none.
 */
export function shingleHashes(text: string, kind = ''): Uint32Array {
  const words = wordHashes(text);
  const salt = wordHashes(kind).reduce((sum, word) => mixed(sum ^ word), 0);
  if (words.length === 0) return new Uint32Array();
  if (words.length < 3)
    return Uint32Array.of(words.reduce((sum, word) => mixed(Math.imul(sum, 31) + word), 7) ^ salt);
  const count = Math.min(words.length - 2, MOST_SHINGLES);
  const grams = new Uint32Array(count);
  for (let i = 0; i < count; i++)
    grams[i] = mixed(Math.imul(Math.imul(words[i]!, 31) + words[i + 1]!, 31) + words[i + 2]!) ^ salt;
  grams.sort();
  let kept = 1;
  for (let i = 1; i < count; i++) if (grams[i] !== grams[i - 1]) grams[kept++] = grams[i]!;
  return grams.subarray(0, kept);
}

/** Share of the numbers of two sorted lists that both have. */
export function jaccard(a: Uint32Array, b: Uint32Array): number {
  let [i, j, shared] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const [x, y] = [a[i]!, b[j]!];
    if (x === y) shared++;
    if (x <= y) i++;
    if (y <= x) j++;
  }
  const union = a.length + b.length - shared;
  return union === 0 ? 0 : shared / union;
}

// Odd factors and offsets of the hash functions: fixed, so that the same texts meet everywhere.
const FACTORS = Uint32Array.from({ length: BANDS * ROWS }, (_, i) => mixed(2 * i + 1) | 1);
const OFFSETS = Uint32Array.from({ length: BANDS * ROWS }, (_, i) => mixed(0x9e3779b9 + i));

/** A hash table from 32-bit keys to all numbers under them, the latest first. */
class Chains {
  #heads = new Int32Array(1 << 12).fill(-1);
  #keys = new Uint32Array(1 << 11);
  #next = new Int32Array(1 << 11);
  #size = 0;

  get bytes(): number {
    return this.#heads.byteLength + this.#keys.byteLength + this.#next.byteLength;
  }

  /** The numbers are 0, 1, 2, ... in the order of the calls. */
  add(key: number): void {
    if (this.#size === this.#keys.length) this.#grow();
    const id = this.#size++;
    this.#keys[id] = key;
    this.#link(id);
  }

  #link(id: number): void {
    const slot = this.#keys[id]! & (this.#heads.length - 1);
    this.#next[id] = this.#heads[slot]!;
    this.#heads[slot] = id;
  }

  #grow(): void {
    const [keys, next] = [new Uint32Array(2 * this.#size), new Int32Array(2 * this.#size)];
    keys.set(this.#keys);
    [this.#keys, this.#next] = [keys, next];
    this.#heads = new Int32Array(4 * this.#size).fill(-1);
    for (let id = 0; id < this.#size; id++) this.#link(id);
  }

  /** Calls `visit` with the numbers under a key, until it says `true` or `most` were seen. */
  some(key: number, most: number, visit: (id: number) => boolean): boolean {
    let seen = 0;
    for (let id = this.#heads[key & (this.#heads.length - 1)]!; id >= 0; id = this.#next[id]!) {
      if (this.#keys[id] !== key) continue;
      if (visit(id)) return true;
      if (++seen === most) return false;
    }
    return false;
  }
}

/** Many lists of numbers, none longer than a page, one behind the other in pages. */
class Lists {
  readonly #pages: Uint32Array[] = [];
  readonly #starts: number[] = [];
  readonly #sizes: number[] = [];
  #end = 0;

  get bytes(): number {
    return 4 * PAGE * this.#pages.length + 16 * this.#starts.length;
  }

  push(list: Uint32Array): void {
    if (this.#end + list.length > this.#pages.length * PAGE) {
      this.#end = this.#pages.length * PAGE;
      this.#pages.push(new Uint32Array(PAGE));
    }
    // An empty list may come before there is a page.
    if (list.length > 0) this.#pages.at(-1)!.set(list, this.#end % PAGE);
    this.#starts.push(this.#end);
    this.#sizes.push(list.length);
    this.#end += list.length;
  }

  at(id: number): Uint32Array {
    const start = this.#starts[id]!;
    const within = start % PAGE;
    return this.#pages[(start - within) / PAGE]!.subarray(within, within + this.#sizes[id]!);
  }
}

export interface NearDuplicate {
  /** Number of the kept text, from 0 in the order in which texts were kept. */
  readonly of: number;
  /** Of their trigrams; 1 is as good as the same. */
  readonly jaccard: number;
}

/** What of a text decides whether it repeats another. */
export interface Fingerprint {
  /** Its trigrams, as of `shingleHashes`. */
  readonly grams: Uint32Array;
  /** One of each band. */
  readonly keys: Uint32Array;
}

/** Of the hashes by one function, the least. */
function least(grams: Uint32Array, hash: number): number {
  const [factor, offset] = [FACTORS[hash]! | 0, OFFSETS[hash]! | 0];
  // As signed numbers, whose order is that of the unsigned ones with the first bit flipped.
  let best = 0x7fffffff;
  for (let i = 0; i < grams.length; i++) {
    const value = (Math.imul(grams[i]!, factor) + offset) ^ 0x80000000;
    if (value < best) best = value;
  }
  return (best ^ 0x80000000) >>> 0;
}

/** Uses no index: it can be taken anywhere. */
export function fingerprint(text: string, kind?: string): Fingerprint {
  const grams = shingleHashes(text, kind);
  const keys = new Uint32Array(BANDS);
  for (let band = 0; band < BANDS; band++) {
    let key = band;
    for (let row = 0; row < ROWS; row++) key = mixed(Math.imul(key, 31) + least(grams, band * ROWS + row));
    keys[band] = key;
  }
  return { grams, keys };
}

export class NearDuplicates {
  readonly #threshold: number;
  readonly #bands = Array.from({ length: BANDS }, () => new Chains());
  readonly #shingles = new Lists();
  #size = 0;

  /** `threshold`: from which likeness on a text counts as a duplicate, at most 1. */
  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  /** Texts that were kept. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of the index, without those of its short lists. */
  get bytes(): number {
    return this.#bands.reduce((sum, { bytes }) => sum + bytes, this.#shingles.bytes);
  }

  /** The kept text that this one repeats; null: it is new, and kept. A text without words repeats nothing. */
  add(text: string | Fingerprint): NearDuplicate | null {
    const { grams, keys } = typeof text === 'string' ? fingerprint(text) : text;
    const found = grams.length === 0 ? null : this.#like(grams, keys);
    if (found) return found;
    for (const [band, chains] of this.#bands.entries()) chains.add(keys[band]!);
    this.#shingles.push(grams);
    this.#size++;
    return null;
  }

  #like(grams: Uint32Array, keys: Uint32Array): NearDuplicate | null {
    let best: NearDuplicate | null = null;
    const met = new Set<number>();
    for (const [band, chains] of this.#bands.entries())
      chains.some(keys[band]!, MOST_CANDIDATES, (of) => {
        if (met.has(of)) return false;
        met.add(of);
        const like = jaccard(grams, this.#shingles.at(of));
        if (like >= this.#threshold && like > (best?.jaccard ?? 0)) best = { of, jaccard: like };
        return best?.jaccard === 1;
      });
    return best;
  }
}
