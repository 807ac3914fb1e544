/** Questions to the index: a page of conversations, their number, and how many each choice of a facet would leave. */
import type { SQLInputValue } from 'node:sqlite';
import { type Facet, FACETS } from './facets.ts';
import type { SearchIndex } from './search-index.ts';

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

interface Clause {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

/** The text as a query of FTS5: every word quoted, so that nothing in it is an operator. */
export function matchOf(text: string): string | null {
  const words = text.normalize('NFC').match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  return words.length === 0 ? null : words.map((word) => `"${word}"*`).join(' ');
}

/** What the rest does not depend on: text and run. */
function base({ text, run, arm, severity }: Filter): Clause[] {
  const clauses: Clause[] = [];
  const match = text === undefined ? null : matchOf(text);
  if (match !== null)
    clauses.push({ sql: 'i.rowid in (select rowid from words where words match ?)', values: [match] });
  else if (text !== undefined && text.trim() !== '') clauses.push({ sql: '0', values: [] });
  if (run !== undefined)
    clauses.push(
      arm === undefined
        ? { sql: 'i.rowid in (select item from arms where run = ?)', values: [run] }
        : { sql: 'i.rowid in (select item from arms where run = ? and arm = ?)', values: [run, arm] },
    );
  if (severity !== undefined) clauses.push({ sql: 'i.severity >= ?', values: [severity] });
  return clauses;
}

/** An outcome is one of several that hold; of the others a conversation has one value. */
const holds = (facet: Facet, chosen: readonly string[]): Clause =>
  facet === 'outcome'
    ? {
        sql: `(${chosen.map(() => '(i.outcomes like ? or i.outcome = ?)').join(' or ')})`,
        values: chosen.flatMap((each) => [`% ${each.replace(/[%_]/g, '')} %`, each]),
      }
    : {
        sql: `cast(i.${facet} as text) in (${chosen.map(() => '?').join(', ')})`,
        values: chosen,
      };

const chosenOf = (filter: Filter): [Facet, readonly string[]][] =>
  FACETS.flatMap((facet) => {
    const chosen = filter.facets[facet];
    return chosen && chosen.length > 0 ? [[facet, chosen] as [Facet, readonly string[]]] : [];
  });

function where(clauses: readonly Clause[]): Clause {
  return {
    sql: clauses.length === 0 ? '' : `where ${clauses.map(({ sql }) => sql).join(' and ')}`,
    values: clauses.flatMap(({ values }) => values),
  };
}

const conditions = (filter: Filter): Clause =>
  where([...base(filter), ...chosenOf(filter).map(([facet, chosen]) => holds(facet, chosen))]);

export interface Page {
  readonly offset: number;
  readonly limit: number;
  readonly sort: Sort;
  readonly descending: boolean;
}

export class Search {
  readonly index: SearchIndex;
  readonly #kept = new Map<string, unknown>();
  #keptAt = -1;

  constructor(index: SearchIndex) {
    this.index = index;
  }

  /** The answer of before, while nothing has changed since; some of the newest are kept. */
  #once<T>(key: string, make: () => T): T {
    if (this.#keptAt !== this.index.version || this.index.progress.done < this.index.progress.total) {
      this.#kept.clear();
      this.#keptAt = this.index.version;
    }
    if (this.#kept.has(key)) return this.#kept.get(key) as T;
    const made = make();
    if (this.#kept.size > 100) this.#kept.clear();
    this.#kept.set(key, made);
    return made;
  }

  count(filter: Filter): number {
    return this.#once(`count ${JSON.stringify(filter)}`, () => {
      const { sql, values } = conditions(filter);
      const row = this.index.database.prepare(`select count(*) as n from items i ${sql}`).get(...values);
      return (row as { n: number }).n;
    });
  }

  page(filter: Filter, { offset, limit, sort, descending }: Page): Item[] {
    const { sql, values } = conditions(filter);
    const direction = descending ? 'desc' : 'asc';
    const order = sort === 'place' ? `i.rowid ${direction}` : `i.${sort} ${direction}, i.rowid`;
    return this.index.database
      .prepare(
        `select i.id, i.key, i.category, i.kind, i.row, i.attack, i.turns, i.outcome, i.severity, i.target, i.split,
           i.disagree, i.snippet from items i ${sql} order by ${order} limit ? offset ?`,
      )
      .all(...values, limit, offset) as unknown as Item[];
  }

  /** Of each facet its values with their numbers, under all choices but its own. */
  facets(filter: Filter, wanted: readonly Facet[] = FACETS): Partial<Record<Facet, [string, number][]>> {
    const { sql, values } = where(base(filter));
    const columns = FACETS.map((facet) => (facet === 'outcome' ? 'i.outcomes' : `i.${facet}`)).join(', ');
    const basis = JSON.stringify({ ...filter, facets: {} });
    const cells = this.#once(`cells ${basis}`, () =>
      this.index.database
        .prepare(
          `select ${columns}, i.outcome as listed, count(*) as n from items i ${sql} group by ${columns}`,
        )
        .all(...values),
    ) as Record<string, string | number>[];
    const valuesOf = (cell: Record<string, string | number>, facet: Facet): string[] => {
      if (facet !== 'outcome') return [String(cell[facet])];
      const some = String(cell['outcomes']).trim();
      return some === '' ? ['answered'] : some.split(' ');
    };
    const chosen = chosenOf(filter);
    const result: Partial<Record<Facet, [string, number][]>> = {};
    for (const facet of wanted) {
      const counts = new Map<string, number>();
      const others = chosen.filter(([other]) => other !== facet);
      for (const cell of cells) {
        const fits = others.every(([other, some]) =>
          valuesOf(cell, other).some((value) => some.includes(value)),
        );
        if (!fits) continue;
        for (const value of valuesOf(cell, facet))
          counts.set(value, (counts.get(value) ?? 0) + (cell['n'] as number));
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
