import fc from 'fast-check';
import { expect, test } from 'vitest';
import { csvText, parseCsv } from './csv.ts';

test('what is written comes back, whatever is in it', () => {
  const cell = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('=', '+', '-', '@', "'", '"', '\t', '\r', '\n', ',', ';', 'a', ' ', '\uFEFF'))
      .map((parts) => parts.join('')),
  );
  const table = fc
    .integer({ min: 2, max: 4 })
    .chain((width) =>
      fc
        .array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 5 })
        .map((rows) => [Array.from({ length: width }, (_, i) => `column${i}`), ...rows]),
    );
  fc.assert(
    fc.property(table, (rows) => {
      expect(parseCsv(csvText(rows), 'x')).toEqual(rows);
    }),
  );
});

test('no cell begins as a formula does, quoted or not', () => {
  const text = csvText([
    ['a', 'b'],
    ['=1+1', '+1'],
    ['-1', '@x'],
    ['\tx', '\rx'],
    ["'=1", '"=1"'],
  ]);
  for (const line of ["'=1+1", "'+1", "'-1", "'@x", "''=1"]) expect(text).toContain(`"${line}`);
  expect(text).not.toMatch(/(^|[,\n]"?)[=+\-@\t\r](?!\n)/);
});

test('as spreadsheets save it: semicolons, bare line feeds, no last line end, empty rows', () => {
  expect(parseCsv('id;label\na;"x;\n""y"""\n\nb;', 'x')).toEqual([
    ['id', 'label'],
    ['a', 'x;\n"y"'],
    [''],
    ['b', ''],
  ]);
  expect(parseCsv('id\tlabel\r\na\tb', 'x')).toEqual([
    ['id', 'label'],
    ['a', 'b'],
  ]);
  expect(parseCsv('', 'x')).toEqual([]);
});

test('a quote that is never closed names its row', () => {
  expect(() => parseCsv('a,b\n1,2\n3,"4\n5,6', 's.csv')).toThrow(/s\.csv, row 3: .*never closed/);
});
