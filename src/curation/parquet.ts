/** Preference examples as a Parquet file with the columns of TRL's conversational format, a row group at a time. */
import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import { errorMessage, TemperError } from '../core/errors.ts';
import { ensureWritableFile, fileError } from '../core/files.ts';
import type { PreferenceExample } from '../core/records.ts';

type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number];

/** Rows that are held before they are written. */
const GROUP = 10_000;

const text = (name: string, converted: 'UTF8' | 'JSON' = 'UTF8'): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: converted,
  repetition_type: 'OPTIONAL',
});

/** A list in the three levels that Parquet's LIST has. */
const list = (name: string, element: readonly SchemaElement[]): SchemaElement[] => [
  { name, repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  ...element,
];

const messages = (name: string): SchemaElement[] =>
  list(name, [
    { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 },
    text('role'),
    text('content'),
  ]);

interface Column {
  readonly name: string;
  readonly schema: readonly SchemaElement[];
  readonly value: (example: PreferenceExample) => unknown;
}

const COLUMNS: readonly Column[] = [
  { name: 'id', schema: [text('id')], value: ({ id }) => id },
  ...(['prompt', 'chosen', 'rejected'] as const).map((name) => ({
    name,
    schema: messages(name),
    value: (example: PreferenceExample) => example[name].map(({ role, content }) => ({ role, content })),
  })),
  { name: 'purpose', schema: [text('purpose')], value: ({ purpose }) => purpose },
  { name: 'category', schema: [text('category')], value: ({ category }) => category },
  { name: 'cut', schema: list('cut', [text('element')]), value: ({ cut = [] }) => [...cut] },
  { name: 'lineage', schema: [text('lineage', 'JSON')], value: ({ lineage }) => lineage },
];

export class ParquetExamples {
  readonly #path: string;
  readonly #writer: ParquetWriter;
  #rows: PreferenceExample[] = [];

  /** Errors: `usage`, `resource`. */
  constructor(path: string) {
    ensureWritableFile(path);
    this.#path = path;
    const schema = [
      { name: 'root', num_children: COLUMNS.length },
      ...COLUMNS.flatMap((column) => column.schema),
    ];
    this.#writer = this.#guarded(() => new ParquetWriter({ writer: fileWriter(path), schema }));
  }

  #guarded<R>(work: () => R): R {
    try {
      return work();
    } catch (cause) {
      const other = new TemperError('resource', `cannot write ${this.#path}: ${errorMessage(cause)}`, {
        hint: 'Write to another place.',
        cause,
      });
      throw fileError(cause, `write ${this.#path}`) ?? other;
    }
  }

  /** Errors: `resource`. */
  write(example: PreferenceExample): void {
    this.#rows.push(example);
    if (this.#rows.length === GROUP) this.#flush();
  }

  #flush(): void {
    const rows = this.#rows;
    this.#rows = [];
    const columnData = COLUMNS.map(({ name, value }) => ({ name, data: rows.map(value) }));
    this.#guarded(() => this.#writer.write({ columnData, rowGroupSize: GROUP }));
  }

  /** Writes what is left and the footer; no reader takes a file without it for whole. Errors: `resource`. */
  finish(): void {
    if (this.#rows.length > 0) this.#flush();
    this.#guarded(() => this.#writer.finish());
  }
}
