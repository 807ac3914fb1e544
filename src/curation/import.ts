/** Public preference sets from a path, as preference examples, and what of them cannot serve. */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { errorMessage, TemperError } from '../core/errors.ts';
import { fileHash } from '../core/ids.ts';
import { parseLine, readLines } from '../core/jsonl.ts';
import type { PreferenceExample } from '../core/records.ts';
import { readTable } from '../scenarios/benchmarks/table.ts';
import { rng } from '../core/rng.ts';
import { EvenDraw, placeOf } from './balance.ts';
import { type Fields, type Format, type Pair, PREFERENCE_FORMATS, type Row } from './formats.ts';
import { preferenceExample } from './example.ts';
import type { Dimension } from './dimensions.ts';
import { placesOf } from './kinds.ts';
import { otherLanguage } from './language.ts';

export interface ImportSource {
  readonly path: string;
  readonly format: string;
  /** At most this many examples, drawn by the seed. */
  readonly limit: number;
}

export interface ImportOptions {
  /** What the sample is even over; absent: it is drawn by chance alone. */
  readonly balance?: readonly Dimension[] | undefined;
  /** The language that prompt and chosen answer have to be in; absent: any. */
  readonly language?: string | undefined;
  /** Both answers are needed: a record without `rejected` is an error, one whose `rejected` is empty is passed over. */
  readonly pairs?: boolean;
}

export interface Imported {
  readonly examples: readonly PreferenceExample[];
  readonly records: number;
  /** Records that were passed over, by the reason. */
  readonly passedOver: Readonly<Record<string, number>>;
}

/** Tables: read whole, as their format wants it. */
const TABLE = /\.(?:json|csv|tsv|parquet)(?:\.gz)?$/i;

/** A row as it stands in its file: a line of JSON that nobody has read yet, or a row of a table. */
export type RawRow = Row | { readonly line: string; readonly row: number };

/** Rows of a .jsonl, .jsonl.gz, .json, .csv, .tsv or .parquet file, with where each stands. */
async function* rawRows(path: string): AsyncGenerator<RawRow> {
  if (TABLE.test(path)) {
    for await (const { fields, row } of readTable(path)) yield { value: fields, row };
    return;
  }
  let row = 0;
  for await (const line of readLines(path, /\.gz$/i.test(path) ? unpacked(path) : undefined)) {
    row++;
    if (line.trim() !== '') yield { line, row };
  }
}

const parsed = (raw: RawRow, path: string): Row =>
  'line' in raw ? { value: parseLine(raw.line, path, raw.row), row: raw.row } : raw;

async function* records(path: string): AsyncGenerator<Row> {
  for await (const raw of rawRows(path)) yield parsed(raw, path);
}

/** The bytes in a gzip file; that it cannot be read is an error of the stream. */
function unpacked(path: string): NodeJS.ReadableStream {
  const packed = createReadStream(path);
  const gunzip = createGunzip();
  packed.on('error', (error) => gunzip.destroy(error));
  gunzip.on('close', () => packed.destroy());
  return packed.pipe(gunzip);
}

/** SHA-256 of a preference file. Errors: `data`. */
export async function importHash(path: string): Promise<string> {
  try {
    return await fileHash(path);
  } catch (cause) {
    throw new TemperError('data', `cannot read ${path}: ${errorMessage(cause)}`, {
      hint: 'Check curation.imports.',
      cause,
    });
  }
}

function formatOf(name: string): Format {
  const format = Object.hasOwn(PREFERENCE_FORMATS, name) ? PREFERENCE_FORMATS[name] : undefined;
  if (format) return format;
  throw new TemperError('config', `the preference format '${name}' is not known`, {
    hint: `Known: ${Object.keys(PREFERENCE_FORMATS).join(', ')}.`,
  });
}

/** Why a pair cannot be learnt from; null if it can. */
function unfit({ chosen, rejected }: Pair, pairs: boolean): string | null {
  if (chosen.trim() === '') return 'the chosen answer is empty';
  if (chosen.trim() === rejected.trim()) return 'the chosen answer is the rejected one';
  if (pairs && rejected.trim() === '') return 'the rejected answer is empty: it serves SFT alone';
  return null;
}

export interface ImportedRow {
  /** 1-based. */
  readonly row: number;
  /** Why not, or the example. */
  readonly result: string | PreferenceExample;
}

type NamedFile = Pick<ImportSource, 'path' | 'format'>;

/**
 * The rows of a public preference file as they stand there, for `convertRow`; a format that brings rows together holds
 * the file in memory. Errors: `config` for an unknown format, `data`.
 */
export async function* preferenceRows({ path, format: name }: NamedFile): AsyncGenerator<RawRow> {
  const { join } = formatOf(name);
  if (join) yield* join(await Array.fromAsync(records(path)));
  else yield* rawRows(path);
}

/** A row as an example, or why it is none. Errors: `data` for a row of another shape. */
export function convertRow(
  raw: RawRow,
  { path, format: name }: NamedFile,
  { pairs = false }: ImportOptions = {},
): ImportedRow {
  const format = formatOf(name);
  const { value, row } = parsed(raw, path);
  const record = typeof value === 'object' && value !== null ? (value as Fields) : null;
  const pair = record && format.convert(record, path);
  if (pair === null) {
    throw new TemperError(
      'data',
      `${path}, row ${row}: not a record of the format '${name}' (${format.description})`,
      { hint: 'Choose another format or mend the row.' },
    );
  }
  if (pairs && record && format.lacksRejected?.(record))
    throw new TemperError('data', `${path}, row ${row}: it has no 'rejected' answer, which DPO needs`, {
      hint: 'Add the worse answer to every record, or train with --recipe sft.',
    });
  if (typeof pair === 'string') return { row, result: pair };
  const { purpose } = pair;
  const result =
    unfit(pair, pairs) ??
    preferenceExample({
      prompt: pair.prompt,
      chosen: [{ role: 'assistant', content: pair.chosen }],
      rejected: [{ role: 'assistant', content: pair.rejected }],
      ...(pair.cut ? { cut: pair.cut } : {}),
      purpose: purpose ?? 'general',
      category: pair.category,
      lineage: {
        source: 'import',
        file: path,
        row,
        chosenBy: 'import',
        rejectedBy: 'import',
        ...(purpose === null ? { purpose: 'unknown' as const } : {}),
      },
    });
  return { row, result };
}

/** The rows of a public preference file, one after the other. Errors: as `preferenceRows` and `convertRow`. */
export async function* readPreferences(
  file: NamedFile,
  options: ImportOptions = {},
): AsyncGenerator<ImportedRow> {
  for await (const raw of preferenceRows(file)) yield convertRow(raw, file, options);
}

/** An example, or why it is passed over. */
const inLanguage = (
  result: string | PreferenceExample,
  wanted: string | undefined,
): string | PreferenceExample =>
  (wanted !== undefined && typeof result !== 'string' && otherLanguage(result, wanted)?.reason) || result;

/** A sample of a public preference file. Errors: as `readPreferences`. */
export async function importPreferences(
  { path, format, limit }: ImportSource,
  seed: number,
  options: ImportOptions = {},
): Promise<Imported> {
  const { balance } = options;
  const examples: PreferenceExample[] = [];
  const draw = new EvenDraw<PreferenceExample>(limit);
  const passedOver: Record<string, number> = {};
  let records = 0;
  for await (const { result: converted } of readPreferences({ path, format }, options)) {
    records++;
    const result = inLanguage(converted, options.language);
    if (typeof result === 'string') passedOver[result] = (passedOver[result] ?? 0) + 1;
    else if (balance) draw.add(placesOf(result, balance), placeOf(seed, result.id), result);
    else examples.push(result);
  }
  return {
    examples: balance ? draw.kept() : rng('import', seed, path).shuffle(examples).slice(0, limit),
    records,
    passedOver,
  };
}

/** What was passed over, for people: `12 of 500 records passed over (10 both answers are the same, ...)`; null if nothing was. */
export function passedOverNote({ records: count, passedOver }: Imported): string | null {
  const reasons = Object.entries(passedOver);
  if (reasons.length === 0) return null;
  const total = reasons.reduce((sum, [, n]) => sum + n, 0);
  return `${total} of ${count} records passed over (${reasons.map(([reason, n]) => `${n}: ${reason}`).join('; ')})`;
}
