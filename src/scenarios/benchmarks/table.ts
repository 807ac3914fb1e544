/**
 * Tables of public data sets: JSON Lines, JSON, CSV or TSV, Parquet, each also as .gz, and folders of them. Every row comes
 * with the file and the number that people find it by: the line of a .jsonl, the record of others (1 is a CSV's header).
 */
import { isUtf8 } from 'node:buffer';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type Compressors, parquetReadObjects } from 'hyparquet';
import { parseCsv } from '../../core/csv.ts';
import { errorMessage, TemperError } from '../../core/errors.ts';
import { readJsonl } from '../../core/jsonl.ts';
import { MAX_LINE_CHARACTERS } from '../../core/limits.ts';

export interface TableRow {
  readonly file: string;
  readonly row: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Bytes of a file, and of what is packed in it, at most. */
const MOST_BYTES = 1 << 30;

const KINDS = ['jsonl', 'ndjson', 'json', 'csv', 'tsv', 'parquet'] as const;
type Kind = (typeof KINDS)[number];

const READABLE = `Give a ${KINDS.map((kind) => `.${kind}`).join(', ')} file (each also as .gz), or a folder of them.`;

const failed = (message: string, hint: string, cause?: unknown): TemperError =>
  new TemperError('data', message, { hint, ...(cause === undefined ? {} : { cause }) });

function kindOf(path: string): Kind | undefined {
  const name = path.toLowerCase().replace(/\.gz$/, '');
  return KINDS.find((kind) => name.endsWith(`.${kind}`));
}

/** The files of a table: the file itself, or those of a folder and the folders in it, by name. Errors: `data`. */
export function tableFiles(path: string, wanted: RegExp = /./): string[] {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (cause) {
    throw failed(`cannot read ${path}: ${errorMessage(cause)}`, READABLE, cause);
  }
  if (!isFolder) {
    if (kindOf(path) === undefined) throw failed(`${path}: the kind of file is not known`, READABLE);
    return [path];
  }
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => kindOf(name) !== undefined && wanted.test(name))
    .sort()
    .map((name) => join(path, name));
  if (files.length === 0) throw failed(`${path}: the folder has no such data file`, READABLE);
  return files;
}

/** The rows of one file. Errors: `data`, naming file and row. */
export async function* readTable(file: string): AsyncGenerator<TableRow> {
  const kind = kindOf(file);
  if (kind === undefined) throw failed(`${file}: the kind of file is not known`, READABLE);
  const bytes = bytesOf(file);
  if (kind === 'jsonl' || kind === 'ndjson') {
    for await (const { value, line } of readJsonl(file, Readable.from([bytes])))
      yield { file, row: line, fields: object(value, file, line) };
  } else if (kind === 'parquet') yield* parquetRows(bytes, file);
  else {
    const text = textOf(bytes, file);
    yield* kind === 'json' ? jsonRows(text, file) : csvRows(text, file);
  }
}

function bytesOf(file: string): Buffer {
  let packed: Buffer;
  try {
    const { size } = statSync(file);
    if (size > MOST_BYTES) throw new Error(`it has ${size} bytes; at most ${MOST_BYTES} are read`);
    packed = readFileSync(file);
  } catch (cause) {
    throw failed(
      `cannot read ${file}: ${errorMessage(cause)}`,
      'Check that the file exists and may be read.',
      cause,
    );
  }
  if (!file.toLowerCase().endsWith('.gz')) return packed;
  try {
    return gunzipSync(packed, { maxOutputLength: MOST_BYTES });
  } catch (cause) {
    throw failed(
      `${file}: it is no whole gzip file (${errorMessage(cause)})`,
      'It may have been cut: fetch it again.',
      cause,
    );
  }
}

function textOf(bytes: Buffer, file: string): string {
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (utf16) throw failed(`${file}: it is UTF-16`, 'Save the file as UTF-8.');
  if (isUtf8(bytes)) return bytes.toString('utf8').replace(/^\uFEFF/, '');
  // A whole file in another encoding, or one line of it: the line tells which.
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    const stop = end < 0 ? bytes.length : end;
    if (!isUtf8(bytes.subarray(start, stop))) break;
    start = stop + 1;
  }
  throw failed(`${file}, line ${line}: not valid UTF-8`, 'Save the file as UTF-8, or mend that line.');
}

function object(value: unknown, file: string, row: number): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw failed(`${file}, row ${row}: not an object with named columns`, 'Each row must name its columns.');
}

/** A list of records, or an object of equally long columns. */
function* jsonRows(text: string, file: string): Generator<TableRow> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw failed(
      `${file}: not valid JSON (${errorMessage(cause)})`,
      'It may have been cut: fetch it again.',
      cause,
    );
  }
  if (Array.isArray(value)) {
    for (const [index, each] of value.entries())
      yield { file, row: index + 1, fields: object(each, file, index + 1) };
    return;
  }
  const columns = Object.entries(object(value, file, 1));
  const [first] = columns;
  const length = Array.isArray(first?.[1]) ? first[1].length : -1;
  const uneven = columns.find(([, cells]) => !Array.isArray(cells) || cells.length !== length);
  if (length < 0 || uneven)
    throw failed(
      `${file}: neither a list of records nor columns of one length${uneven ? ` (column '${uneven[0]}')` : ''}`,
      'Give a list of objects.',
    );
  for (let i = 0; i < length; i++)
    yield {
      file,
      row: i + 1,
      fields: Object.fromEntries(columns.map(([name, cells]) => [name, (cells as unknown[])[i]])),
    };
}

function* csvRows(text: string, file: string): Generator<TableRow> {
  const rows = parseCsv(text, file, { verbatim: true });
  const [header = []] = rows;
  if (header.every((name) => name.trim() === '')) throw failed(`${file}: it has no header`, READABLE);
  const names = header.map((name) => name.trim());
  const twice = names.find((name, at) => name !== '' && names.indexOf(name) !== at);
  if (twice !== undefined)
    throw failed(`${file}, row 1: two columns are named '${twice}'`, 'Rename one of them.');
  for (const [index, cells] of rows.entries()) {
    const row = index + 1;
    if (row === 1 || (cells.length === 1 && cells[0] === '')) continue;
    if (cells.length !== names.length)
      throw failed(
        `${file}, row ${row}: ${cells.length} cells, and the header has ${names.length}`,
        'The file may have been cut, or a cell with the separator has no quotes.',
      );
    const long = cells.findIndex((cell) => cell.length > MAX_LINE_CHARACTERS);
    if (long >= 0)
      throw failed(
        `${file}, row ${row}, column '${names[long]}': longer than ${MAX_LINE_CHARACTERS} characters`,
        'A quote may be missing before it.',
      );
    yield { file, row, fields: Object.fromEntries(names.map((name, i) => [name, cells[i]])) };
  }
}

/** What Node unpacks; Snappy comes with the reader. */
const COMPRESSORS: Compressors = {
  GZIP: (bytes) => gunzipSync(bytes, { maxOutputLength: MOST_BYTES }),
  ZSTD: (bytes) => zstdDecompressSync(bytes, { maxOutputLength: MOST_BYTES }),
  BROTLI: (bytes) => brotliDecompressSync(bytes, { maxOutputLength: MOST_BYTES }),
};

async function* parquetRows(bytes: Buffer, file: string): AsyncGenerator<TableRow> {
  let rows: Record<string, unknown>[];
  try {
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    rows = await parquetReadObjects({ file: buffer, compressors: COMPRESSORS });
  } catch (cause) {
    throw failed(
      `${file}: it cannot be read as Parquet (${errorMessage(cause)})`,
      'It may have been cut: fetch it again.',
      cause,
    );
  }
  for (const [index, fields] of rows.entries()) yield { file, row: index + 1, fields };
}
