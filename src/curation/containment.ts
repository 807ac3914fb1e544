/** Whether a text holds one of many known texts, also with other words between, other endings and other spelling. */

/** Letters of a gram. */
const GRAM = 4;

interface Known {
  readonly key: string;
  /** Letters within which its grams must lie to count together. */
  readonly span: number;
  /** Numbers of its grams. */
  readonly grams: ReadonlySet<number>;
  /** Sum of its grams' weights. */
  readonly weight: number;
  /** Share of that weight from which it counts as held. */
  readonly threshold: number;
  /** Weight of its rare grams below which it cannot be held. */
  readonly need: number;
}

/**
 * From grams to numbers 0, 1, 2, ...: open addressing in one block of memory, as reading a text asks for each of its letters.
 * A slot is the gram and its number, -1 where it is empty, side by side: one line of the cache.
 */
class Numbers {
  #slots = new Int32Array(1 << 13).fill(-1);
  #size = 0;

  /** Where a gram stands, or would. */
  #slot(gram: number): number {
    const slots = this.#slots;
    const last = slots.length - 1;
    let slot = ((gram ^ (gram >>> 15)) << 1) & last;
    while (slots[slot + 1]! >= 0 && slots[slot] !== gram) slot = (slot + 2) & last;
    return slot;
  }

  /** -1 where it has none. */
  of(gram: number): number {
    return this.#slots[this.#slot(gram) + 1]!;
  }

  add(gram: number): number {
    const slot = this.#slot(gram);
    if (this.#slots[slot + 1]! >= 0) return this.#slots[slot + 1]!;
    this.#slots[slot] = gram;
    this.#slots[slot + 1] = this.#size++;
    if (4 * this.#size > this.#slots.length) this.#grow();
    return this.#size - 1;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(4 * before.length).fill(-1);
    for (let at = 0; at < before.length; at += 2) {
      if (before[at + 1]! < 0) continue;
      const slot = this.#slot(before[at]!);
      this.#slots[slot] = before[at]!;
      this.#slots[slot + 1] = before[at + 1]!;
    }
  }
}

/** Rare grams of a known text are looked up first: so many that this share of its weight must be among those found. */
const RARE_SHARE = 0.2;

export interface Contained {
  readonly key: string;
  /** Share of the known text, by weight of its grams. */
  readonly share: number;
}

/** Parts of a weight that are summed where candidates are sought: whole numbers are small and quick, and rounding misses none. */
const UNITS = 1024;

const FACTOR = 0x9e3779b1;
/** What the first letter of a gram adds to it. */
const FIRST = Array.from({ length: GRAM - 1 }).reduce<number>((power) => Math.imul(power, FACTOR), 1);

/** The gram at a place as 32 bits. Two grams that share them are taken for one: one pair in four thousand million. */
function gramAt(codes: Uint16Array, at: number): number {
  let bits = 0;
  for (let i = at; i < at + GRAM; i++) bits = Math.imul(bits, FACTOR) + codes[i]!;
  return bits | 0;
}

const codesOf = (letters: string): Uint16Array =>
  Uint16Array.from({ length: letters.length }, (_, i) => letters.charCodeAt(i));

/**
 * An inverted index over 4-grams of letters without their spaces. A gram that few known texts have weighs more
 * (log(1 + N / n)), so that "how can I" says little. All texts are given in folded letters; reading one is linear in it,
 * since a known text is looked at only where enough of its rarest grams occur (prefix filtering: nothing is missed).
 */
export class ContainmentIndex {
  readonly #known: Known[];
  /** Gram to its number; by number: what it weighs, and for which known texts it is among the rare ones. */
  readonly #numbers = new Numbers();
  readonly #weights: Float64Array;
  /** Of gram n side by side: where those stand in `#rare`, up to where those of the next one do, and its weight in `UNITS`, rounded up. */
  readonly #places: Int32Array;
  readonly #rare: Int32Array;
  /** Of each known text, in `UNITS`, rounded down. */
  readonly #need: Int32Array;
  /** A text is read in pieces of this many letters that overlap by half, so that a known text lies whole in one. */
  readonly #piece: number;
  /** Scratch: weight found of each known text, times that each gram was seen (both zero between uses), numbers of the piece. */
  readonly #found: Int32Array;
  readonly #counts: Int32Array;
  readonly #row: Int32Array;
  readonly #touched: Int32Array;
  readonly #marked: Int32Array;

  constructor(texts: readonly { key: string; letters: string }[], threshold: (letters: number) => number) {
    const holders: number[] = [];
    const grams = texts.map(({ letters }) => this.#number(letters, holders));
    this.#weights = Float64Array.from(holders, (count) => Math.log(1 + texts.length / count));
    const rareOf = holders.map((): number[] => []);
    this.#known = texts.map(({ key, letters }, id) => {
      const own = [...grams[id]!];
      const weight = own.reduce((sum, gram) => sum + this.#weights[gram]!, 0);
      const share = threshold(letters.length);
      let rare = 0;
      for (const gram of own.sort((a, b) => holders[a]! - holders[b]! || a - b)) {
        if (rare >= (1 - share + RARE_SHARE) * weight) break;
        rare += this.#weights[gram]!;
        rareOf[gram]!.push(id);
      }
      return {
        key,
        span: Math.ceil(letters.length * 1.5) + 2 * GRAM,
        grams: grams[id]!,
        weight,
        threshold: share,
        // A little less, as sums in another order differ.
        need: share * weight - (weight - rare) - 1e-6 * weight,
      };
    });
    this.#places = new Int32Array(2 * holders.length + 1);
    for (const [gram, ids] of rareOf.entries()) {
      this.#places[2 * gram + 1] = Math.ceil(UNITS * this.#weights[gram]!);
      this.#places[2 * gram + 2] = this.#places[2 * gram]! + ids.length;
    }
    this.#rare = Int32Array.from(rareOf.flat());
    this.#piece = 2 * this.#known.reduce((most, { span }) => Math.max(most, span), 256);
    this.#found = new Int32Array(texts.length);
    this.#counts = new Int32Array(holders.length);
    this.#row = new Int32Array(this.#piece);
    this.#marked = new Int32Array(this.#piece);
    this.#touched = new Int32Array(texts.length);
    this.#need = Int32Array.from(this.#known, ({ need }) => Math.floor(UNITS * need));
  }

  #number(letters: string, holders: number[]): Set<number> {
    const own = new Set<number>();
    const codes = codesOf(letters);
    for (let at = 0; at + GRAM <= codes.length; at++) {
      const gram = gramAt(codes, at);
      const number = this.#numbers.add(gram);
      if (!own.has(number)) holders[number] = (holders[number] ?? 0) + 1;
      own.add(number);
    }
    return own;
  }

  /** The known text of which most is held; null if of none enough is. */
  find(text: string | Uint16Array): Contained | null {
    const letters = typeof text === 'string' ? codesOf(text) : text;
    let best: Contained | null = null;
    const step = this.#piece / 2;
    for (let start = 0; start === 0 || start + step < letters.length; start += step) {
      const length = this.#read(letters, start);
      for (const known of this.#candidates(length)) {
        const share = this.#densest(length, known) / known.weight;
        if (share >= known.threshold && share > (best?.share ?? 0)) best = { key: known.key, share };
      }
    }
    return best;
  }

  /** Fills the row with the numbers of a piece's grams, -1 where no known text has it; says how many there are. */
  #read(letters: Uint16Array, start: number): number {
    const length = Math.max(0, Math.min(this.#piece, letters.length - start) - GRAM + 1);
    if (length === 0) return 0;
    const [row, numbers] = [this.#row, this.#numbers];
    let gram = gramAt(letters, start);
    row[0] = numbers.of(gram);
    // Each gram follows from the one before: without its first letter, and with another one behind.
    for (let i = 1; i < length; i++) {
      const without = gram - Math.imul(letters[start + i - 1]!, FIRST);
      gram = (Math.imul(without, FACTOR) + letters[start + i + GRAM - 1]!) | 0;
      row[i] = numbers.of(gram);
    }
    return length;
  }

  /** Known texts of whose rare grams enough occur anywhere in the piece, in their order. */
  #candidates(length: number): Known[] {
    const [found, seen, touched, marked] = [this.#found, this.#counts, this.#touched, this.#marked];
    const [row, places, rare] = [this.#row, this.#places, this.#rare];
    let count = 0;
    let grams = 0;
    for (let i = 0; i < length; i++) {
      const gram = row[i]!;
      if (gram < 0) continue;
      const start = places[2 * gram]!;
      const end = places[2 * gram + 2]!;
      if (start === end || seen[gram]! > 0) continue;
      seen[gram] = 1;
      marked[grams++] = gram;
      const weight = places[2 * gram + 1]!;
      for (let at = start; at < end; at++) {
        const id = rare[at]!;
        if (found[id] === 0) touched[count++] = id;
        found[id]! += weight;
      }
    }
    const candidates: number[] = [];
    const need = this.#need;
    for (let at = 0; at < count; at++) {
      const id = touched[at]!;
      if (found[id]! >= need[id]!) candidates.push(id);
      found[id] = 0;
    }
    for (let i = 0; i < grams; i++) seen[marked[i]!] = 0;
    return candidates.sort((a, b) => a - b).map((id) => this.#known[id]!);
  }

  #forget(length: number): void {
    for (let i = 0; i < length; i++) if (this.#row[i]! >= 0) this.#counts[this.#row[i]!] = 0;
  }

  /** Most weight of a known text's grams within its span. */
  #densest(length: number, { grams, span }: Known): number {
    const counts = this.#counts;
    let [sum, most, first] = [0, 0, 0];
    for (let i = 0; i < length; i++) {
      const gram = this.#row[i]!;
      if (gram >= 0 && grams.has(gram) && counts[gram]!++ === 0) sum += this.#weights[gram]!;
      for (; i - first > span; first++) {
        const left = this.#row[first]!;
        if (left >= 0 && grams.has(left) && --counts[left]! === 0) sum -= this.#weights[left]!;
      }
      most = Math.max(most, sum);
    }
    this.#forget(length);
    return most;
  }
}
