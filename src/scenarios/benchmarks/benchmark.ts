/** What a public benchmark is to temper: which columns its published files have, and what a row of them asks. */
import { basename } from 'node:path';
import { TemperError } from '../../core/errors.ts';
import { contentHash } from '../../core/ids.ts';
import { type Check, type RaiRow, type Scenario, VERBATIM } from '../../core/records.ts';
import { rng } from '../../core/rng.ts';
import { readTable, tableFiles, type TableRow } from './table.ts';

/** What a row asks of the target. The prompt goes to it as it is written. */
export interface BenchmarkItem {
  readonly kind: 'adversarial' | 'benign' | 'general';
  /** The benchmark's own. */
  readonly category: string;
  readonly prompt: string;
  readonly row?: RaiRow;
  readonly check?: Check;
  /** Code of a language that is not English. */
  readonly language?: string;
}

export interface Benchmark {
  readonly title: string;
  /** What it measures, in a sentence. */
  readonly measures: string;
  /** Of the data, as its publishers state it. */
  readonly licence: string;
  /** Where its files are published. */
  readonly source: string;
  /** The file on the Hugging Face hub that is fetched where the configuration says `hub`. */
  readonly hub?: { readonly repository: string; readonly file: string };
  /** Of a folder, the files that are the benchmark's. */
  readonly files?: RegExp;
  /** The columns that some published form of it has; each list is one form. */
  readonly forms: readonly (readonly string[])[];
  /** Tokens of an answer, where those of the configuration would cut what is checked. */
  readonly maxTokens?: number;
  /** A row as an item; a text says why it is passed over. */
  convert(row: Row): BenchmarkItem | string;
}

export interface BenchmarkData {
  readonly scenarios: readonly Scenario[];
  readonly rows: number;
  /** Rows that are not measured, by the reason. */
  readonly passedOver: Readonly<Record<string, number>>;
  /** Of the files' content, for the name of what was measured. */
  readonly hash: string;
}

/** A row whose columns are read strictly. Errors: `data`, naming file, row and column. */
export class Row {
  readonly file: string;
  readonly #row: TableRow;

  constructor(row: TableRow) {
    this.#row = row;
    this.file = row.file;
  }

  fail(column: string, problem: string): never {
    const { file, row } = this.#row;
    throw new TemperError('data', `${file}, row ${row}, column '${column}': ${problem}`, {
      hint: 'Mend or remove the row; a file as published has no such rows.',
    });
  }

  has(column: string): boolean {
    const value = this.#row.fields[column];
    return value !== undefined && value !== null;
  }

  /** The first of these columns that is there. */
  value(...columns: readonly string[]): unknown {
    const column = columns.find((name) => this.has(name));
    return column === undefined ? undefined : this.#row.fields[column];
  }

  /** The text of the first of these columns that is there. */
  text(...columns: readonly string[]): string {
    const column = columns.find((name) => this.has(name)) ?? columns[0]!;
    const value = this.#row.fields[column];
    if (typeof value !== 'string') this.fail(column, value === undefined ? 'it is missing' : 'not a text');
    if (value.trim() === '') this.fail(column, 'it is empty');
    return value.trim();
  }

  /** A list of texts. */
  texts(column: string): string[] {
    const value = this.#row.fields[column];
    if (!Array.isArray(value) || !value.every((each) => typeof each === 'string') || value.length === 0)
      this.fail(column, 'not a list of texts');
    return value;
  }

  /** A whole number, also as text. */
  index(column: string, below: number): number {
    const value = this.#row.fields[column];
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    const whole = typeof number === 'bigint' ? Number(number) : number;
    if (typeof whole !== 'number' || !Number.isInteger(whole) || whole < 0 || whole >= below)
      this.fail(column, `not a whole number below ${below}`);
    return whole;
  }
}

const listed = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

/** Errors: `data`, for a file that has none of the published forms. */
function requireColumns({ forms, title, source }: Benchmark, { file, row, fields }: TableRow): void {
  const missing = forms.map((form) => form.filter((name) => fields[name] === undefined));
  if (missing.some((names) => names.length === 0)) return;
  const nearest = missing.toSorted((a, b) => a.length - b.length)[0]!;
  const seen = Object.keys(fields).slice(0, 12);
  throw new TemperError(
    'data',
    `${file}, row ${row}: no column ${listed(nearest)}; it has ${listed(seen)}`.slice(0, 600),
    {
      hint: `${title} has the columns ${forms.map(listed).join(', or ')}. It is published at ${source}`,
    },
  );
}

/** All of a benchmark's rows as scenarios, each prompt once. Errors: `data`. */
export async function loadBenchmark(id: string, benchmark: Benchmark, path: string): Promise<BenchmarkData> {
  const scenarios = new Map<string, Scenario>();
  const passedOver: Record<string, number> = {};
  const pass = (reason: string): void => void (passedOver[reason] = (passedOver[reason] ?? 0) + 1);
  let rows = 0;
  for (const file of tableFiles(path, benchmark.files)) {
    for await (const row of readTable(file)) {
      rows++;
      requireColumns(benchmark, row);
      const item = benchmark.convert(new Row(row));
      if (typeof item === 'string') {
        pass(item);
        continue;
      }
      const scenario = scenarioOf(id, item, `${id}/${basename(file)}:${row.row}`);
      if (scenarios.has(scenario.id)) pass('the same prompt stands before');
      else scenarios.set(scenario.id, scenario);
    }
  }
  if (scenarios.size === 0)
    throw new TemperError('data', `${path}: none of its ${rows} rows can be measured`, {
      hint: Object.keys(passedOver)[0] ?? 'The file is empty.',
    });
  const all = [...scenarios.values()];
  return { scenarios: all, rows, passedOver, hash: contentHash(all.map((each) => each.id)).slice(0, 8) };
}

function scenarioOf(
  suite: string,
  { kind, category, prompt, row, check, language }: BenchmarkItem,
  key: string,
): Scenario {
  const rest: Omit<Scenario, 'id' | 'key'> = {
    suite,
    split: 'sealed',
    category,
    kind,
    ...(row === undefined ? {} : { row }),
    metric: kind === 'adversarial' ? 'severity' : 'refusal',
    persona: VERBATIM,
    objective: prompt,
    turns: 1,
    ...(check === undefined ? {} : { check }),
    ...(language === undefined ? {} : { language }),
  };
  return { id: contentHash(rest), key, ...rest };
}

/** At most `limit`, drawn by the seed, the categories of each kind in turn. */
export function drawn(scenarios: readonly Scenario[], limit: number | undefined, seed: number): Scenario[] {
  if (limit === undefined || limit >= scenarios.length) return [...scenarios];
  const queues = [
    ...Map.groupBy(rng('benchmark', seed).shuffle(scenarios), (each) => `${each.kind} ${each.category}`),
  ]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, queue]) => queue);
  const longest = Math.max(0, ...queues.map((queue) => queue.length));
  return Array.from({ length: longest }, (_, turn) =>
    rng('benchmark', seed, turn).shuffle(queues.flatMap((queue) => queue.slice(turn, turn + 1))),
  )
    .flat()
    .slice(0, limit);
}
