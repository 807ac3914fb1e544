/** Results of other tools from a file: read within bounds, its format told or found out. */
import { readFileSync, statSync } from 'node:fs';
import { parseCsv, readUtf8 } from '../../core/csv.ts';
import { errorMessage, TemperError } from '../../core/errors.ts';
import { readJsonl } from '../../core/jsonl.ts';
import type { Case, ImportFormat } from './case.ts';
import { IMPORT_FORMATS } from './formats.ts';

export type FormatName = keyof typeof IMPORT_FORMATS;

export interface ReadFile {
  readonly format: FormatName;
  readonly records: number;
  readonly cases: readonly Case[];
  /** Records without a case, by the reason. */
  readonly passedOver: Readonly<Record<string, number>>;
  /** Whether there was more than `limit`. */
  readonly cut: boolean;
}

/** Of a file that has to be in memory as a whole. */
const MOST_BYTES = 256 << 20;

const KNOWN = Object.entries(IMPORT_FORMATS) as [FormatName, ImportFormat][];

const isFormat = (name: string): name is FormatName => Object.hasOwn(IMPORT_FORMATS, name);

/** Errors: `usage` for an unknown format; `data` for a file that is of none, or not of the one that is told. */
export async function readResults(path: string, told: string | undefined, limit: number): Promise<ReadFile> {
  if (told !== undefined && !isFormat(told))
    throw new TemperError('usage', `unknown format '${told}'`, {
      hint: `Known: ${KNOWN.map(([name]) => name).join(', ')}.`,
    });
  const kind = path.endsWith('.csv') ? 'csv' : path.endsWith('.jsonl') ? 'jsonl' : 'json';
  let format: FormatName | undefined;
  const cases: Case[] = [];
  const passedOver: Record<string, number> = {};
  let records = 0;
  let cut = false;
  for await (const value of valuesOf(path, kind)) {
    format ??= told ?? detect(path, kind, value);
    const reader: ImportFormat = IMPORT_FORMATS[format];
    if (kind !== reader.file)
      throw new TemperError('data', `${path}: ${format} is read from ${reader.file}, this is ${kind}`, {
        hint: `${reader.description}. Name files .json, .jsonl or .csv.`,
      });
    for (const record of reader.records ? reader.records(value) : [value]) {
      records++;
      for (const read of reader.read(record as Record<string, unknown>)) {
        if ('passedOver' in read) passedOver[read.passedOver] = (passedOver[read.passedOver] ?? 0) + 1;
        else if (cases.length < limit) cases.push(read);
        else cut = true;
      }
    }
    // No more is read than is wanted, however long the file.
    if (cut) break;
  }
  if (format === undefined)
    throw new TemperError('data', `${path}: it holds no records`, { hint: 'Check the file.' });
  return { format, records, cases, passedOver, cut };
}

/** The first value of a file decides; of JSON all of it. */
function detect(path: string, kind: ImportFormat['file'], first: unknown): FormatName {
  const found = KNOWN.find(([, { file, matches }]) => file === kind && matches(first));
  if (found) return found[0];
  throw new TemperError('data', `${path}: results of no tool that temper knows`, {
    hint: `Say which with --format: ${KNOWN.map(([name, { description }]) => `${name} (${description})`).join('; ')}.`,
  });
}

async function* valuesOf(path: string, kind: ImportFormat['file']): AsyncGenerator<unknown> {
  if (kind === 'jsonl') {
    for await (const { value } of readJsonl(path)) yield value;
    return;
  }
  refuseLarge(path, statSync(path, { throwIfNoEntry: false })?.size);
  if (kind === 'csv') {
    const [header = [], ...rows] = parseCsv(readUtf8(path), path);
    const names = header.map((name) => name.trim().toLowerCase());
    for (const row of rows)
      if (row.some((cell) => cell.trim() !== ''))
        yield Object.fromEntries(names.map((name, i) => [name, row[i] ?? '']));
    return;
  }
  let whole: unknown;
  try {
    whole = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new TemperError('data', `cannot read ${path}: ${errorMessage(cause)}`, {
      hint: 'Check that the file exists and is one JSON value; lines of JSON go into a .jsonl file.',
      cause,
    });
  }
  yield whole;
}

function refuseLarge(path: string, bytes: number | undefined): void {
  if (bytes === undefined || bytes <= MOST_BYTES) return;
  throw new TemperError(
    'data',
    `${path}: ${Math.round(bytes / 1e6)} MB, at most ${MOST_BYTES >> 20} are read`,
    {
      hint: 'Split the file.',
    },
  );
}
