/** Where preference examples are written: Parquet by the name's ending, else JSON Lines. */
import type { PreferenceExample } from '../core/records.ts';
import { ParquetExamples } from '../curation/parquet.ts';
import { JsonlWriter } from './output.ts';

export interface ExampleFile {
  /** Errors: `resource`. */
  write(example: PreferenceExample): void;
  /** Without it the file is not whole. Errors: `resource`. */
  end(): void;
}

/** Errors: `usage`, `resource`. */
export function exampleFile(path: string): ExampleFile {
  if (path.endsWith('.parquet')) {
    const file = new ParquetExamples(path);
    return { write: (example) => file.write(example), end: () => file.finish() };
  }
  const file = new JsonlWriter(path);
  return { write: (example) => file.write(example), end: () => file[Symbol.dispose]() };
}
