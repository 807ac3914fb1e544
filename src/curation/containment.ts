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
}

export interface Contained {
  readonly key: string;
  /** Share of the known text, by weight of its grams. */
  readonly share: number;
}

/** The gram at a place as 32 bits. Two grams that share them are taken for one: one pair in four thousand million. */
function gramAt(text: string, at: number): number {
  let bits = 0;
  for (let i = at; i < at + GRAM; i++) bits = Math.imul(bits, 0x9e3779b1) + text.charCodeAt(i);
  return bits | 0;
}

/**
 * An inverted index over 4-grams of letters without their spaces. A gram that few known texts have weighs more
 * (log(1 + N / n)), so that "how can I" says little. All texts are given in folded letters; reading one is linear in it.
 */
export class ContainmentIndex {
  readonly #known: Known[];
  /** Gram to its number; by number: which known texts have it, and what it weighs. */
  readonly #numbers = new Map<number, number>();
  readonly #holders: number[][] = [];
  readonly #weights: Float64Array;
  /** A text is read in pieces of this many letters that overlap by half, so that a known text lies whole in one. */
  readonly #piece: number;
  /** Scratch: weight found of each known text, times that each gram was seen, gram numbers of the piece. */
  readonly #found: Float64Array;
  readonly #counts: Int32Array;
  readonly #row: Int32Array;

  constructor(texts: readonly { key: string; letters: string }[], threshold: (letters: number) => number) {
    const grams = texts.map(({ letters }, id) => this.#number(letters, id));
    this.#weights = Float64Array.from(this.#holders, ({ length }) => Math.log(1 + texts.length / length));
    this.#known = texts.map(({ key, letters }, id) => ({
      key,
      span: Math.ceil(letters.length * 1.5) + 2 * GRAM,
      grams: grams[id]!,
      weight: [...grams[id]!].reduce((sum, gram) => sum + this.#weights[gram]!, 0),
      threshold: threshold(letters.length),
    }));
    this.#piece = 2 * this.#known.reduce((most, { span }) => Math.max(most, span), 256);
    this.#found = new Float64Array(texts.length);
    this.#counts = new Int32Array(this.#holders.length);
    this.#row = new Int32Array(this.#piece);
  }

  #number(letters: string, id: number): Set<number> {
    const own = new Set<number>();
    for (let at = 0; at + GRAM <= letters.length; at++) {
      const gram = gramAt(letters, at);
      const number = this.#numbers.get(gram) ?? this.#holders.push([]) - 1;
      this.#numbers.set(gram, number);
      if (!own.has(number)) this.#holders[number]!.push(id);
      own.add(number);
    }
    return own;
  }

  /** The known text of which most is held; null if of none enough is. */
  find(letters: string): Contained | null {
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
  #read(letters: string, start: number): number {
    const length = Math.max(0, Math.min(this.#piece, letters.length - start) - GRAM + 1);
    for (let i = 0; i < length; i++) this.#row[i] = this.#numbers.get(gramAt(letters, start + i)) ?? -1;
    return length;
  }

  /** Known texts of whose grams enough occur anywhere in the piece. */
  #candidates(length: number): Known[] {
    const [found, seen] = [this.#found.fill(0), this.#counts.fill(0)];
    for (let i = 0; i < length; i++) {
      const gram = this.#row[i]!;
      if (gram < 0 || seen[gram]! > 0) continue;
      seen[gram] = 1;
      const weight = this.#weights[gram]!;
      for (const id of this.#holders[gram]!) found[id]! += weight;
    }
    return this.#known.filter(({ weight, threshold }, id) => weight > 0 && found[id]! >= threshold * weight);
  }

  /** Most weight of a known text's grams within its span. */
  #densest(length: number, { grams, span }: Known): number {
    const counts = this.#counts.fill(0);
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
    return most;
  }
}
