/**
 * What a filter keeps, on its way to a file: at once, or, where so many alone are kept, by way of a file beside it, since which
 * they are is known at the end.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { EvenDraw, placeOf } from '../curation/balance.ts';
import type { Dimension } from '../curation/dimensions.ts';
import { type Kind, KindCounts } from '../curation/kinds.ts';
import { fileError } from '../core/files.ts';
import { exampleFile } from './example-files.ts';

export interface Kept {
  readonly file: string;
  readonly row: number;
  /** The example as JSON. */
  readonly text: string;
  /** Where kinds are asked for: its id and its kind as JSON. */
  readonly known?: { readonly id: string; readonly kind: string } | undefined;
}

/** Told of each row that is let go in the end. */
type LetGo = (row: { readonly file: string; readonly row: number; readonly like: string }) => void;

export interface FilterOutput extends Disposable {
  readonly kinds: KindCounts;
  /** Errors: `resource`. */
  take(batch: readonly Kept[]): void;
  /** How many were written. Errors: `resource`. */
  end(): number;
}

/** Kinds as JSON that is read once. */
class Kinds {
  readonly #known = new Map<string, Kind>();

  of(text: string): Kind {
    const kind = this.#known.get(text) ?? (JSON.parse(text) as Kind);
    this.#known.set(text, kind);
    return kind;
  }
}

export function writeAtOnce(out: string): FilterOutput {
  const file = exampleFile(out);
  const known = new Kinds();
  const kinds = new KindCounts();
  let count = 0;
  return {
    kinds,
    take(batch) {
      file.writeJson(batch.map(({ text }) => text));
      for (const { known: told } of batch) if (told) kinds.add(known.of(told.kind));
      count += batch.length;
    },
    end() {
      file.end();
      return count;
    },
    [Symbol.dispose]: () => {},
  };
}

/** Texts one behind the other in a file of its own, which goes with it. */
class Spool implements Disposable {
  readonly #directory: string;
  readonly #file: number;
  /** Where each begins, and the last ends. */
  readonly #starts: number[] = [0];

  /** Errors: `resource`. */
  constructor(beside: string) {
    const place = beside === '-' ? tmpdir() : dirname(resolve(beside));
    this.#directory = this.#guarded(() => mkdtempSync(join(place, '.temper-filter-')));
    try {
      this.#file = this.#guarded(() => openSync(join(this.#directory, 'kept'), 'w+'));
    } catch (error) {
      rmSync(this.#directory, { recursive: true, force: true });
      throw error;
    }
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw fileError(cause, 'keep what passed the filter') ?? cause;
    }
  }

  get size(): number {
    return this.#starts.length - 1;
  }

  add(texts: readonly string[]): void {
    const bytes = Buffer.from(texts.join(''));
    for (const text of texts) this.#starts.push(this.#starts.at(-1)! + Buffer.byteLength(text));
    this.#guarded(() => {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#file, bytes, done);
    });
  }

  at(index: number): string {
    const start = this.#starts[index]!;
    const bytes = Buffer.alloc(this.#starts[index + 1]! - start);
    this.#guarded(() => {
      for (let done = 0; done < bytes.length;)
        done += readSync(this.#file, bytes, done, bytes.length - done, start + done);
    });
    return bytes.toString();
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Texts that are written at once. */
const BATCH = 256;

/** Keeps `most` in all, even over `by`; in memory it has some 100 bytes of each row that passed. */
export function writeEvenly(
  out: string,
  { most, by, seed }: { readonly most: number; readonly by: readonly Dimension[]; readonly seed: number },
  letGo: LetGo,
): FilterOutput {
  const file = exampleFile(out);
  const spool = new Spool(out);
  const draw = new EvenDraw<number>(most);
  const known = new Kinds();
  const kinds = new KindCounts();
  const rows: { readonly file: string; readonly row: number; readonly kind: Kind }[] = [];
  const placesOf = (kind: Kind): string[] => by.map((dimension) => kind[dimension]);
  return {
    kinds,
    take(batch) {
      spool.add(batch.map(({ text }) => text));
      for (const { file: from, row, known: told } of batch) {
        const kind = known.of(told!.kind);
        draw.add(placesOf(kind), placeOf(seed, told!.id), rows.length);
        rows.push({ file: from, row, kind });
      }
    },
    end() {
      const kept = new Uint8Array(rows.length);
      for (const index of draw.kept()) kept[index] = 1;
      let texts: string[] = [];
      for (const [index, { kind, ...place }] of rows.entries()) {
        if (kept[index] === 0) letGo({ ...place, like: placesOf(kind).join(', ') });
        else {
          texts.push(spool.at(index));
          kinds.add(kind);
        }
        if (texts.length < BATCH && index < rows.length - 1) continue;
        file.writeJson(texts);
        texts = [];
      }
      file.end();
      return draw.size;
    },
    [Symbol.dispose]: () => spool[Symbol.dispose](),
  };
}
