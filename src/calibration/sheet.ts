/**
 * The sheet that people label. What temper needs again (stratum, weight, the judge's verdict) is in the column `key`, encoded,
 * so that it is not seen while labelling and no spreadsheet rewrites it.
 */
import { z } from 'zod';
import { csvText, parseCsv } from '../core/csv.ts';
import { TemperError } from '../core/errors.ts';
import { MAX_SHOWN_CHARACTERS, printable, printableInLine } from '../core/limits.ts';
import type { Metric } from '../core/records.ts';
import type { HumanLabel } from '../judges/human.ts';
import type { Candidate, Drawn } from './sample.ts';
import { SCALES } from './scale.ts';

/** Where the answers are drawn from: a run's sealed ones, all of the store, a file. */
const sourceSchema = z.enum(['run', 'store', 'file']);
export type Source = z.infer<typeof sourceSchema>;

const keySchema = z.strictObject({
  version: z.literal('key/1'),
  id: z.string(),
  judge: z.string(),
  metric: z.enum(['severity', 'refusal', 'ungroundedness']),
  stratum: z.string(),
  size: z.int().min(1),
  place: z.int().min(0).nullable(),
  probability: z.number().min(0).max(1).optional(),
  /** Absent in sheets of an earlier temper. */
  source: sourceSchema.optional(),
});
export type Key = z.infer<typeof keySchema>;

/** What people read of an answer. */
export interface Texts {
  /** Turns before, oldest first, as one text. */
  readonly history: string;
  /** The source document of grounded requests. */
  readonly context: string;
  readonly request: string;
  readonly answer: string;
}

const COLUMNS = ['id', 'history', 'context', 'request', 'answer', 'label', 'key'] as const;
/** A spreadsheet's cell holds 32,767 characters. */
const CELL = 8 * MAX_SHOWN_CHARACTERS;

/** The sheet as text: one answer a row, `label` empty. Control characters are shown as marks, long texts cut. */
export function sheetText(
  judge: string,
  metric: Metric,
  rows: readonly (Drawn<Candidate> & Texts)[],
  source: Source,
): string {
  const lines = rows.map(({ id, stratum, size, place, probability, ...texts }) => {
    const key: Key = {
      version: 'key/1',
      id,
      judge,
      metric,
      stratum,
      size,
      place,
      ...(probability === undefined ? {} : { probability }),
      source,
    };
    const cells = [texts.history, texts.context, texts.request, texts.answer].map((text) =>
      shownInSheet(text),
    );
    return [printableInLine(id), ...cells, '', Buffer.from(JSON.stringify(key)).toString('base64url')];
  });
  return csvText([COLUMNS, ...lines]);
}

export interface LabelledRow extends Key {
  /** 1-based; the header is row 1. */
  readonly row: number;
  /** What people read. */
  readonly request: string;
  readonly answer: string;
  /** Places on the scale, one for each label column; undefined = left empty. */
  readonly labels: readonly (number | undefined)[];
}

export interface Sheet {
  readonly judge: string;
  readonly metric: Metric;
  /** null: of an earlier temper. */
  readonly source: Source | null;
  /** Names of the label columns. */
  readonly raters: readonly string[];
  readonly rows: readonly LabelledRow[];
}

/** Problems that an error lists. */
const MOST_PROBLEMS = 30;

const places = (metric: Metric): string => {
  const { labels } = SCALES[metric];
  return metric === 'refusal' ? labels.join(', ') : `0 to ${labels.length - 1}`;
};

/** What the rows of one sheet share. */
const drawnAs = ({ judge, metric, source }: Key): string =>
  [judge, metric, ...(source === undefined ? [] : [source])].join(', ');

function keyOf(text: string): Key | null {
  try {
    return keySchema.parse(JSON.parse(Buffer.from(text.trim(), 'base64url').toString('utf8')));
  } catch {
    return null; // whatever is wrong with it, it is not a key
  }
}

/**
 * Reads a labelled sheet. Columns whose names begin with `label` are raters. Errors: `data`, all problems at once with
 * their rows.
 */
export function readSheet(text: string, name: string): Sheet {
  const [header = [], ...body] = parseCsv(text, name);
  const names = header.map((title) => title.trim().toLowerCase());
  const keyColumn = names.indexOf('key');
  const columns = names.flatMap((title, i) => (title.startsWith('label') ? [i] : []));
  const problems: string[] = [];
  if (keyColumn < 0) problems.push('row 1: no column `key`');
  if (columns.length === 0) problems.push('row 1: no column `label`');
  if (problems.length > 0) throw refused(name, problems);
  const rows: LabelledRow[] = [];
  const seen = new Map<string, number>();
  const strata = new Map<string, { readonly size: number; readonly row: number }>();
  for (const [i, cells] of body.entries()) {
    const row = i + 2;
    if (cells.every((each) => each.trim() === '')) continue;
    const key = keyOf(cells[keyColumn] ?? '');
    if (key === null) {
      problems.push(`row ${row}: \`key\` is not one that \`temper calibrate sample\` wrote`);
      continue;
    }
    const first = rows[0];
    if (first && drawnAs(first) !== drawnAs(key))
      problems.push(`row ${row}: of ${drawnAs(key)}; row ${first.row} is of ${drawnAs(first)}`);
    const alike = strata.get(key.stratum) ?? { ...key, row };
    strata.set(key.stratum, alike);
    if (alike.size !== key.size)
      problems.push(
        `row ${row}: ${key.stratum} of ${key.size} answers; of ${alike.size} in row ${alike.row}: two samples`,
      );
    const before = seen.get(key.id);
    if (before !== undefined) problems.push(`row ${row}: the same answer as row ${before}`);
    seen.set(key.id, row);
    const labels = columns.map((column) => {
      const label = (cells[column] ?? '').trim().toLowerCase();
      if (label === '') return undefined;
      const place = SCALES[key.metric].labels.indexOf(label);
      if (place >= 0) return place;
      problems.push(
        `row ${row}: ${header[column]?.trim()} is '${label.slice(0, 40)}', not ${places(key.metric)}`,
      );
      return undefined;
    });
    const [request = '', answer = ''] = ['request', 'answer'].map((title) => cells[names.indexOf(title)]);
    rows.push({ ...key, row, request, answer, labels });
  }
  if (problems.length === 0 && !rows.some(({ labels }) => labels.some((label) => label !== undefined)))
    problems.push('no row has a label');
  if (problems.length > 0) throw refused(name, problems);
  const { judge, metric, source = null } = rows[0] as LabelledRow;
  return { judge, metric, source, raters: columns.map((column) => (header[column] as string).trim()), rows };
}

/** A text as sheets show it. */
export const shownInSheet = (text: string): string => printable(text, CELL);

/** The labels of a sheet, for a judge that is people. Errors: `data`. */
export const sheetLabels = (text: string, name: string): HumanLabel[] =>
  readSheet(text, name).rows.map(({ request, answer, metric, labels }) => ({
    request,
    answer,
    metric,
    places: labels.filter((place) => place !== undefined),
  }));

function refused(name: string, problems: readonly string[]): TemperError {
  const more = problems.length - MOST_PROBLEMS;
  const shown = [...problems.slice(0, MOST_PROBLEMS), ...(more > 0 ? [`and ${more} more`] : [])];
  return new TemperError(
    'data',
    `${name}: ${problems.length} problem${problems.length > 1 ? 's' : ''}\n${shown.map((each) => `  ${each}`).join('\n')}`,
    { hint: 'Leave a label empty where you cannot tell; change no other column.' },
  );
}
