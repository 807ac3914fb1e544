/** What kinds of examples there are, and how many of each: what a card tells, and what can be balanced. */
import type { PreferenceExample } from '../core/records.ts';
import { type Dimension, DIMENSIONS } from './dimensions.ts';
import { languageOf, TOLD_BY } from './language.ts';
import { refusalStyleOf } from './refusal-style.ts';
import { isPair } from './trainer-formats.ts';

export interface Kind extends Readonly<Record<Dimension, string>> {
  readonly purpose: PreferenceExample['purpose'] | 'unknown';
  readonly source: string;
  /** Imported from it. */
  readonly file?: string;
  readonly chosenBy: string;
  readonly rejectedBy: string;
  readonly pair: boolean;
  readonly cut: readonly ('chosen' | 'rejected')[];
}

/** Upper ends of the lengths that are told apart, in characters. */
const LENGTHS = [100, 400, 1600] as const;

const LENGTH_NAMES = ['up to 100 characters', '101 to 400', '401 to 1,600', 'over 1,600'] as const;

export function lengthOf(text: string): string {
  const at = LENGTHS.findIndex((most) => text.length <= most);
  return LENGTH_NAMES.at(at)!;
}

/** By dimension. Category: what it is about; language: of what is asked; length: of the chosen answer; style: of a refusal. */
const READERS: { readonly [D in Dimension]: (example: PreferenceExample) => string } = {
  category: ({ category }) => category,
  language: ({ prompt }) => languageOf((prompt.at(-1)?.content ?? '').slice(0, TOLD_BY)) ?? 'not told',
  length: ({ chosen }) => lengthOf(chosen[0]?.content ?? ''),
  style: refusalStyleOf,
};

/** Where an example belongs, a place for each dimension. */
export const placesOf = (example: PreferenceExample, by: readonly Dimension[]): string[] =>
  by.map((dimension) => READERS[dimension](example));

export function kindOf(example: PreferenceExample): Kind {
  const { purpose, cut = [], lineage } = example;
  const [category, language, length, style] = placesOf(example, DIMENSIONS) as [
    string,
    string,
    string,
    string,
  ];
  return {
    purpose: lineage.purpose === 'unknown' ? lineage.purpose : purpose,
    source: lineage.source,
    ...(lineage.file === undefined ? {} : { file: lineage.file }),
    category,
    language,
    length,
    style,
    chosenBy: lineage.chosenBy,
    rejectedBy: lineage.rejectedBy,
    pair: isPair(example),
    cut,
  };
}

/** Counts by kind: as large as there are kinds, however many examples. */
export class KindCounts {
  readonly #kinds = new Map<string, { readonly kind: Kind; count: number }>();
  #total = 0;

  static of(examples: Iterable<PreferenceExample>): KindCounts {
    const counts = new KindCounts();
    for (const example of examples) counts.add(kindOf(example));
    return counts;
  }

  get total(): number {
    return this.#total;
  }

  add(kind: Kind): void {
    const key = JSON.stringify(kind);
    const known = this.#kinds.get(key) ?? { kind, count: 0 };
    known.count++;
    this.#kinds.set(key, known);
    this.#total++;
  }

  count(wanted: (kind: Kind) => boolean): number {
    let sum = 0;
    for (const { kind, count } of this.#kinds.values()) if (wanted(kind)) sum += count;
    return sum;
  }

  /** How many of each, the most first; a kind without a name is left out. */
  by(name: (kind: Kind) => string | undefined): [string, number][] {
    const counts = new Map<string, number>();
    for (const { kind, count } of this.#kinds.values()) {
      const of = name(kind);
      if (of !== undefined) counts.set(of, (counts.get(of) ?? 0) + count);
    }
    return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  }
}
