/**
 * The filters that need no memory of other examples, over batches of rows: what comes in and out are plain values, so that
 * another thread can do the work.
 */
import { TemperError, type ErrorCode } from '../core/errors.ts';
import type { PreferenceExample } from '../core/records.ts';
import { checksOf, type Held, promptPrint } from './filter.ts';
import { Firewall, type GuardedText } from './firewall.ts';
import { convertRow, type ImportedRow, preferenceRows, type RawRow } from './import.ts';
import { kindOf } from './kinds.ts';
import { languageOf } from './language.ts';
import { BANDS, type Fingerprint } from './near-duplicates.ts';

export interface CheckerOptions {
  readonly format: string;
  readonly guarded: readonly GuardedText[];
  readonly personalData: boolean;
  /** ISO 639-1; null: any. */
  readonly language: string | null;
  /** Whether the kind of each row is asked for, which costs a look at its language and its words. */
  readonly kinds?: boolean;
}

/** A `TemperError` between threads. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

export interface Batch {
  readonly file: string;
  readonly rows: readonly RawRow[];
  /** Why nothing comes after these rows. */
  readonly failure?: Failure | undefined;
}

export type CheckedRow =
  | { readonly row: number; readonly held: Held }
  | {
      readonly row: number;
      /** The example as JSON. */
      readonly text: string;
      readonly purpose: PreferenceExample['purpose'];
      /** Whether it stands inside an attack of temper, whose words its fingerprint is without. */
      readonly wrapped: boolean;
      /** Where its fingerprint begins. */
      readonly print: number;
      /** Where kinds are asked for: its id, and its kind as JSON. */
      readonly known?: { readonly id: string; readonly kind: string };
    };

export interface CheckedBatch {
  readonly file: string;
  readonly rows: readonly CheckedRow[];
  /** Fingerprints one behind the other: keys, number of trigrams, trigrams. */
  readonly prints: Uint32Array<ArrayBuffer>;
  readonly failure?: Failure | undefined;
}

/** Characters and rows after which a batch is full; what a thread holds of them is bounded. */
const MOST_CHARACTERS = 1 << 18;
const MOST_ROWS = 256;

function failureOf(error: unknown): Failure {
  if (!(error instanceof TemperError)) throw error;
  const { code, message, hint } = error;
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

/** The rows of files in batches, in their order; an error of a file ends them, in its last batch. */
export async function* batchesOf(files: readonly string[], format: string): AsyncGenerator<Batch> {
  for (const file of files) {
    let rows: RawRow[] = [];
    let characters = 0;
    let failure: Failure | undefined;
    try {
      for await (const row of preferenceRows({ path: file, format })) {
        rows.push(row);
        characters += 'line' in row ? row.line.length : 0;
        if (rows.length < MOST_ROWS && characters < MOST_CHARACTERS) continue;
        yield { file, rows };
        [rows, characters] = [[], 0];
      }
    } catch (error) {
      failure = failureOf(error);
    }
    if (rows.length > 0 || failure) yield { file, rows, failure };
    if (failure) return;
  }
}

/** Errors of rows are part of the result. */
export class Checker {
  readonly #format: string;
  readonly #checks: ReturnType<typeof checksOf>;
  readonly #kinds: boolean;

  constructor({ format, guarded, personalData, language, kinds = false }: CheckerOptions) {
    this.#format = format;
    this.#kinds = kinds;
    this.#checks = checksOf({
      firewall: new Firewall(guarded),
      personalData,
      language: language === null ? null : { wanted: language, detect: languageOf },
    });
  }

  batch({ file, rows, failure }: Batch): CheckedBatch {
    const read: ImportedRow[] = [];
    let failed = failure;
    try {
      for (const raw of rows) read.push(convertRow(raw, { path: file, format: this.#format }));
    } catch (error) {
      failed = failureOf(error);
    }
    const held = read.map(({ result }): Held | null =>
      typeof result === 'string' ? { reason: result, like: '' } : null,
    );
    // Check by check over all rows, as each has tables of its own that fill the processor's cache.
    for (const check of this.#checks)
      for (const [i, { result }] of read.entries()) held[i] ??= check(result as PreferenceExample);
    const prints = new Prints();
    const checked = read.map(({ row, result }, i): CheckedRow => {
      if (held[i]) return { row, held: held[i] };
      const example = result as PreferenceExample;
      const { print, wrapped } = promptPrint(example);
      const text = JSON.stringify(example);
      return {
        row,
        text,
        purpose: example.purpose,
        wrapped,
        print: prints.add(print),
        ...(this.#kinds ? { known: { id: example.id, kind: JSON.stringify(kindOf(example)) } } : {}),
      };
    });
    return { file, rows: checked, prints: prints.all, ...(failed ? { failure: failed } : {}) };
  }
}

class Prints {
  #values = new Uint32Array(1 << 14);
  #end = 0;

  get all(): Uint32Array<ArrayBuffer> {
    return this.#values.slice(0, this.#end);
  }

  add({ grams, keys }: Fingerprint): number {
    const start = this.#end;
    this.#end += BANDS + 1 + grams.length;
    if (this.#end > this.#values.length) {
      const values = new Uint32Array(2 * this.#end);
      values.set(this.#values);
      this.#values = values;
    }
    this.#values.set(keys, start);
    this.#values[start + BANDS] = grams.length;
    this.#values.set(grams, start + BANDS + 1);
    return start;
  }
}

export function printAt(prints: Uint32Array, start: number): Fingerprint {
  const first = start + BANDS + 1;
  return {
    keys: prints.subarray(start, start + BANDS),
    grams: prints.subarray(first, first + prints[start + BANDS]!),
  };
}
