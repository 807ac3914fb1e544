/** Questions to the index: a page of conversations, their number, and how many each choice of a facet would leave. */
import type { SQLInputValue } from 'node:sqlite';
import { type Facet, FACETS } from './facets.ts';
import type { SearchIndex } from './search-index.ts';
import type { Choices } from './search-item.ts';

export { type Facet, FACETS } from './facets.ts';

export const SORTS = ['place', 'severity', 'turns', 'category', 'key', 'outcome', 'attack'] as const;
export type Sort = (typeof SORTS)[number];

export interface Filter {
  /** Words that all occur; the last may be the beginning of one. */
  readonly text?: string | undefined;
  readonly run?: string | undefined;
  readonly arm?: string | undefined;
  /** Values of a facet, of which one has to hold. */
  readonly facets: Readonly<Partial<Record<Facet, readonly string[]>>>;
  /** At least this severity at a turn. */
  readonly severity?: number | undefined;
}

export interface Item {
  readonly id: string;
  readonly key: string;
  readonly category: string;
  readonly kind: string;
  readonly row: string;
  readonly attack: string;
  readonly turns: number;
  readonly outcome: string;
  readonly severity: number | null;
  readonly target: string;
  readonly split: string;
  readonly disagree: number;
  readonly snippet: string;
}

/** The text as a query of FTS5: every word quoted, so that nothing in it is an operator. */
export function matchOf(text: string): string | null {
  const words = text.normalize('NFC').match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  return words.length === 0 ? null : words.map((word) => `"${word}"*`).join(' ');
}

export interface Page {
  readonly offset: number;
  readonly limit: number;
  readonly sort: Sort;
  readonly descending: boolean;
}

/** Places of a filter, and of their orders, that are kept: some MB at most. */
const MOST_KEPT = 16;
/** While the index is built, what was read of it may be so old. */
const FRESH_MS = 1000;

/** What a facet says of a cell. */
const valuesOf = (choices: Choices, facet: Facet): readonly string[] =>
  facet === 'outcome' ? choices.outcome : [choices[facet]];

const fitsFacet = (choices: Choices, facet: Facet, chosen: readonly string[]): boolean =>
  valuesOf(choices, facet).some((value) => chosen.includes(value)) ||
  (facet === 'outcome' && chosen.includes(choices.listed));

const chosenOf = (filter: Filter): [Facet, readonly string[]][] =>
  FACETS.flatMap((facet) => {
    const chosen = filter.facets[facet];
    return chosen && chosen.length > 0 ? [[facet, chosen] as [Facet, readonly string[]]] : [];
  });

/** By what a cell says; of the key of a test case it says nothing. */
const sortValue = (choices: Choices, sort: Exclude<Sort, 'place' | 'key'>): string | number =>
  sort === 'severity'
    ? (choices.severity ?? -1)
    : sort === 'turns'
      ? Number(choices.turns)
      : sort === 'outcome'
        ? choices.listed
        : choices[sort];

/**
 * Answers from memory: the cell of each place, 4 bytes a conversation. Of the index on disk only the places of words and runs are
 * asked for, and the rows of the page.
 */
export class Search {
  readonly index: SearchIndex;
  readonly #kept = new Map<string, Uint32Array>();
  #steps = -1;
  #readAt = 0;
  #cells: (Choices | undefined)[] = [];
  /** By place; 0: nothing is there. */
  #cellAt = new Uint32Array(0);

  constructor(index: SearchIndex) {
    this.index = index;
  }

  /** Brings memory up to what the index has. */
  read(): void {
    const { steps, progress } = this.index;
    if (steps === this.#steps) return;
    if (progress.done < progress.total && Date.now() - this.#readAt < FRESH_MS) return;
    this.#steps = steps;
    this.#readAt = Date.now();
    this.#kept.clear();
    const { database } = this.index;
    this.#cells = [];
    for (const { id, choices } of database.prepare('select id, choices from cells').all() as {
      id: number;
      choices: string;
    }[])
      this.#cells[id] = JSON.parse(choices) as Choices;
    const { n } = database.prepare('select max(rowid) as n from items').get() as { n: number | null };
    this.#cellAt = new Uint32Array((n ?? 0) + 1);
    const groups = database.prepare(
      'select cell, json_group_array(rowid) as places from items group by cell',
    );
    for (const row of groups.iterate() as Iterable<{ cell: number; places: string }>)
      for (const place of JSON.parse(row.places) as number[]) this.#cellAt[place] = row.cell;
  }

  #keep(key: string, make: () => Uint32Array): Uint32Array {
    const known = this.#kept.get(key);
    if (known) this.#kept.delete(key);
    const made = known ?? make();
    this.#kept.set(key, made);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value as string);
    return made;
  }

  /** Places, as a query gives them in one value: a row for each would take ten times as long. */
  #places(sql: string, ...values: readonly SQLInputValue[]): Uint32Array {
    const row = this.index.database.prepare(sql).get(...values) as { places: string };
    return Uint32Array.from(JSON.parse(row.places) as number[]).sort();
  }

  /** Places under text and run, which cells say nothing of. */
  #base({ text, run, arm }: Filter): Uint32Array {
    const sets: Uint32Array[] = [];
    if (text !== undefined && text.trim() !== '') {
      const match = matchOf(text);
      sets.push(
        match === null
          ? new Uint32Array(0)
          : this.#keep(`text ${match}`, () =>
              this.#places('select json_group_array(rowid) as places from words where words match ?', match),
            ),
      );
    }
    if (run !== undefined)
      sets.push(
        this.#keep(`run ${JSON.stringify([run, arm])}`, () =>
          this.#places(
            `select json_group_array(item) as places from arms where run = :run and (:arm is null or arm = :arm)`,
            ...([{ run, arm: arm ?? null }] as unknown as SQLInputValue[]),
          ),
        ),
      );
    const [first, second] = sets;
    if (!first) return this.#keep('all', () => Uint32Array.from(this.#cellAt.keys()));
    if (!second) return first;
    const others = new Set(second);
    return first.filter((place) => others.has(place));
  }

  /** Places under a filter, in their order. */
  #matching(filter: Filter): Uint32Array {
    this.read();
    return this.#keep(`all of ${JSON.stringify(filter)}`, () => {
      const chosen = chosenOf(filter);
      const { severity } = filter;
      const fits = this.#cells.map(
        (choices) =>
          choices !== undefined &&
          (severity === undefined || (choices.severity ?? -1) >= severity) &&
          chosen.every(([facet, some]) => fitsFacet(choices, facet, some)),
      );
      return this.#base(filter).filter((place) => fits[this.#cellAt[place] ?? 0] === true);
    });
  }

  count(filter: Filter): number {
    return this.#matching(filter).length;
  }

  /** Places in an order: among equals, older ones first. */
  #ordered(filter: Filter, sort: Exclude<Sort, 'place'>, descending: boolean): Uint32Array {
    const places = this.#matching(filter);
    return this.#keep(`${sort} ${descending} ${JSON.stringify(filter)}`, () => {
      if (sort === 'key') {
        const wanted = new Set(places);
        const rows = this.index.database
          .prepare(`select json_group_array(rowid) as places from (select rowid from items order by key)`)
          .get() as { places: string };
        const keys = Uint32Array.from(JSON.parse(rows.places) as number[]).filter((place) =>
          wanted.has(place),
        );
        return descending ? keys.reverse() : keys;
      }
      const values = this.#cells.map((choices) => (choices ? sortValue(choices, sort) : ''));
      const distinct = [...new Set(values)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      if (descending) distinct.reverse();
      const rank = new Map(distinct.map((value, i) => [value, i]));
      const ranks = values.map((value) => rank.get(value)!);
      const starts = new Uint32Array(distinct.length + 1);
      for (const place of places) starts[ranks[this.#cellAt[place]!]! + 1]!++;
      for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
      const ordered = new Uint32Array(places.length);
      for (const place of places) ordered[starts[ranks[this.#cellAt[place]!]!]!++] = place;
      return ordered;
    });
  }

  page(filter: Filter, { offset, limit, sort, descending }: Page): Item[] {
    const places = sort === 'place' ? this.#matching(filter) : this.#ordered(filter, sort, descending);
    const fromEnd = sort === 'place' && descending;
    const end = fromEnd ? places.length - offset : offset + limit;
    const wanted = [...places.subarray(Math.max(0, fromEnd ? end - limit : offset), Math.max(0, end))];
    if (fromEnd) wanted.reverse();
    const rows = this.index.database
      .prepare(
        `select i.rowid as place, i.id, i.key, i.category, i.kind, i.row, i.attack, i.turns, i.outcome, i.severity,
           i.target, i.split, i.disagree, i.snippet from json_each(?) p join items i on i.rowid = p.value order by p.key`,
      )
      .all(JSON.stringify(wanted));
    return rows.map(({ place: _place, ...item }) => item) as unknown as Item[];
  }

  /** Of each facet its values with their numbers, under all choices but its own. */
  facets(filter: Filter, wanted: readonly Facet[] = FACETS): Partial<Record<Facet, [string, number][]>> {
    this.read();
    const chosen = chosenOf(filter);
    const counted = new Uint32Array(this.#cells.length);
    // Other facets are left out one by one below.
    for (const place of this.#matching({ ...filter, facets: {} })) counted[this.#cellAt[place]!]!++;
    const result: Partial<Record<Facet, [string, number][]>> = {};
    for (const facet of wanted) {
      const counts = new Map<string, number>();
      const others = chosen.filter(([other]) => other !== facet);
      for (const [id, choices] of this.#cells.entries()) {
        const n = counted[id] ?? 0;
        if (!choices || n === 0 || !others.every(([other, some]) => fitsFacet(choices, other, some)))
          continue;
        for (const value of valuesOf(choices, facet)) counts.set(value, (counts.get(value) ?? 0) + n);
      }
      result[facet] = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    }
    return result;
  }

  /** Other conversations on the same test case: the other arm among them. */
  siblings(id: string): { id: string; target: string; run: string | null; arm: string | null }[] {
    return this.index.database
      .prepare(
        `select o.id, o.target, a.run, a.arm from items i join items o on o.pair = i.pair
           left join arms a on a.item = o.rowid where i.id = ? order by o.rowid`,
      )
      .all(id) as unknown as { id: string; target: string; run: string | null; arm: string | null }[];
  }
}
