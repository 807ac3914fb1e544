/**
 * Tables for people in spreadsheets (RFC 4180). A cell that a spreadsheet would take for a formula is written with a leading
 * apostrophe, which reading takes away again: what is written comes back as it was.
 */
import { readFileSync } from 'node:fs';
import { isUtf8 } from 'node:buffer';
import { errorMessage, TemperError } from './errors.ts';

const FORMULA = /^'*[=+\-@\t\r]/;
const NEUTRALISED = /^''*[=+\-@\t\r]/;

function cell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /["',;\t\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Rows as text, with a byte order mark, without which Excel takes UTF-8 for something else. */
export const csvText = (rows: readonly (readonly string[])[]): string =>
  `\uFEFF${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;

/**
 * Rows of a CSV text: row 1 is the header, as a spreadsheet counts. The separator is the header's comma, semicolon or tab,
 * whichever it has most of (spreadsheets save by the machine's region). Empty rows keep their number. `verbatim`: the table
 * is of others, and no apostrophe before a formula is ours. Errors: `data` for a quote that is never closed, with its row.
 */
export function parseCsv(text: string, name: string, { verbatim = false } = {}): string[][] {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const header = /^[^\r\n]*/.exec(body)?.[0] ?? '';
  const count = (mark: string): number => header.split(mark).length;
  const separator = [',', ';', '\t'].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  const end = (value: string): void => {
    row.push(!verbatim && NEUTRALISED.test(value) ? value.slice(1) : value);
  };
  while (at < body.length) {
    let value = '';
    if (body[at] === '"') {
      for (let from = at + 1; ;) {
        const close = body.indexOf('"', from);
        if (close < 0)
          throw new TemperError('data', `${name}, row ${rows.length + 1}: a quoted cell is never closed`, {
            hint: 'Save the sheet again as CSV from the spreadsheet program.',
          });
        value += body.slice(from, close);
        at = close + 1;
        if (body[at] !== '"') break;
        value += '"';
        from = at + 1;
      }
    }
    // What stands outside quotes, up to the separator or the end of the line.
    const start = at;
    while (at < body.length && body[at] !== separator && body[at] !== '\n' && body[at] !== '\r') at++;
    end(value + body.slice(start, at));
    if (body[at] === separator) {
      at++;
      if (at < body.length) continue;
      end('');
    } else at += body.startsWith('\r\n', at) ? 2 : 1;
    rows.push(row);
    row = [];
  }
  return rows;
}

/** A sheet's file as text. Errors: `data`, also where it is not UTF-8. */
export function readUtf8(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new TemperError('data', `cannot read ${path}: ${errorMessage(cause)}`, {
      hint: 'Check that the file exists and may be read.',
      cause,
    });
  }
  if (!isUtf8(bytes))
    throw new TemperError('data', `${path}: not valid UTF-8`, {
      hint: 'Save the sheet as "CSV UTF-8".',
    });
  return bytes.toString('utf8');
}
