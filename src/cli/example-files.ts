/** Where preference examples are written: Parquet by the name's ending, else JSON Lines. */
import type { PreferenceExample } from '../core/records.ts';
import { ParquetExamples } from '../curation/parquet.ts';
import { JsonlWriter } from './output.ts';

export interface ExampleFile {
  /** Errors: `resource`. */
  write(example: PreferenceExample): void;
  /** Examples that are JSON already. Errors: `resource`. */
  writeJson(examples: readonly string[]): void;
  /** Without it the file is not whole. Errors: `resource`. */
  end(): void;
}

/** Errors: `usage`, `resource`. */
export function exampleFile(path: string): ExampleFile {
  if (path.endsWith('.parquet')) {
    const file = new ParquetExamples(path);
    return {
      write: (example) => file.write(example),
      writeJson: (examples) => examples.forEach((text) => file.write(JSON.parse(text) as PreferenceExample)),
      end: () => file.finish(),
    };
  }
  const file = new JsonlWriter(path);
  return {
    write: (example) => file.write(example),
    writeJson: (examples) => {
      if (examples.length > 0) file.writeLine(examples.join('\n'));
    },
    end: () => file[Symbol.dispose](),
  };
}
