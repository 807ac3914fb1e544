/**
 * A draw that is even over categories, languages, lengths or styles, one within the other: as if each category in turn gave one
 * example, of its languages the next in turn, and so on, until there are enough. It goes through a stream of any length and keeps
 * what it would give so far: what is too much goes first from where there is most.
 */
import type { PreferenceExample } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { Dimension } from './dimensions.ts';
import { placesOf } from './kinds.ts';

/** A pile in which what has the highest place lies on top (a binary heap). */
class Pile<T> {
  readonly #items: { readonly place: number; readonly item: T }[] = [];

  get size(): number {
    return this.#items.length;
  }

  *[Symbol.iterator](): Generator<{ readonly place: number; readonly item: T }> {
    yield* this.#items;
  }

  push(place: number, item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push({ place, item });
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent]!.place >= place) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = { place, item };
  }

  /** Takes off the highest. */
  pop(): T {
    const items = this.#items;
    const top = items[0]!;
    const last = items.pop()!;
    if (items.length > 0) {
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= items.length) break;
        if (child + 1 < items.length && items[child + 1]!.place > items[child]!.place) child++;
        if (items[child]!.place <= last.place) break;
        items[at] = items[child]!;
        at = child;
      }
      items[at] = last;
    }
    return top.item;
  }
}

/** Of one value of a dimension: those of the next within it, or at last the examples. */
interface Branch<T> {
  size: number;
  readonly within: Map<string, Branch<T>>;
  readonly pile: Pile<T>;
}

const branch = <T>(): Branch<T> => ({ size: 0, within: new Map(), pile: new Pile() });

export class EvenDraw<T> {
  readonly #most: number;
  readonly #root: Branch<T> = branch();

  /** `most`: how many are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#root.size;
  }

  /**
   * Takes one in. `values`: one for each dimension; `place`: its place in an order that is nobody's choice, the lowest go first.
   * What is too much now: it, another one, or nothing.
   */
  add(values: readonly string[], place: number, item: T): T | undefined {
    let at = this.#root;
    at.size++;
    for (const value of values) {
      const next = at.within.get(value) ?? branch<T>();
      at.within.set(value, next);
      next.size++;
      at = next;
    }
    at.pile.push(place, item);
    return this.#root.size > this.#most ? this.#letGo() : undefined;
  }

  /** From the largest branch of each dimension; of several the last by name, so that the order of the stream decides nothing. */
  #letGo(): T {
    let at = this.#root;
    at.size--;
    while (at.within.size > 0) {
      let [largest, named] = [-1, ''];
      for (const [name, { size }] of at.within)
        if (size > largest || (size === largest && name > named)) [largest, named] = [size, name];
      const next = at.within.get(named)!;
      if (--next.size === 0) at.within.delete(named);
      at = next;
    }
    return at.pile.pop();
  }

  /** What is kept, by its place. */
  kept(): T[] {
    const found: { readonly place: number; readonly item: T }[] = [];
    const visit = ({ within, pile }: Branch<T>): void => {
      for (const one of pile) found.push(one);
      for (const next of within.values()) visit(next);
    };
    visit(this.#root);
    return found.sort((a, b) => a.place - b.place).map(({ item }) => item);
  }
}

/** Categories come first: a round is even over those in any case. */
export const withinCategories = (balance: readonly Dimension[]): Dimension[] => [
  'category',
  ...balance.filter((dimension) => dimension !== 'category'),
];

/** At most `limit` of the examples, evenly. */
export function drawEvenly(
  examples: Iterable<PreferenceExample>,
  limit: number,
  { by, seed }: { readonly by: readonly Dimension[]; readonly seed: number },
): PreferenceExample[] {
  const draw = new EvenDraw<PreferenceExample>(limit);
  for (const example of examples) draw.add(placesOf(example, by), placeOf(seed, example.id), example);
  return draw.kept();
}

/** The place of an example in a draw, by its id: 53 bits, so that two hardly share one. */
export function placeOf(seed: number, id: string): number {
  const random = rng('balance', seed, id);
  return random.int(2 ** 21) * 2 ** 32 + random.int(2 ** 32);
}
