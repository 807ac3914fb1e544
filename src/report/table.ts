/**
 * Any number of models in the form of the Phi-3 report's Table 1: a row a figure, a column a model, each with its interval; below
 * it the paired differences from the first model, with stars where they stand after Holm's correction over the whole table.
 */
import { printable, printableInLine } from '../core/limits.ts';
import { holm } from '../metrics/corrections.ts';
import type { Difference } from '../metrics/paired.ts';
import type { Estimate } from '../metrics/rate.ts';
import type { About, Scorecard } from '../metrics/scorecard.ts';
import { STYLE } from './assets.ts';
import { escapeHtml } from './charts.ts';
import {
  aligned,
  difference,
  estimate,
  hasPartialRefusals,
  type Line,
  pValue,
  sampleSize,
  scorecardLines,
  type Unit,
  WIDTH,
  wrapped,
} from './format.ts';

export const TABLE_VERSION = 'comparison/1';

export interface TableCell {
  readonly estimate: Estimate;
  /** From the first model, over the pairs scored in both; null for the first itself. */
  readonly difference: Difference | null;
  /** Two-sided, of no difference; null where nothing is paired. */
  readonly p: number | null;
  /** After Holm's correction over all tests of the table. */
  readonly adjustedP: number | null;
}

export interface TableRow {
  readonly name: string;
  readonly measure: string;
  readonly unit: Unit;
  /** Whether less is better. */
  readonly lower: boolean;
  /** In the order of the models. */
  readonly cells: readonly TableCell[];
}

export interface ComparisonTable {
  readonly version: typeof TABLE_VERSION;
  readonly about: About;
  readonly models: readonly { readonly name: string; readonly target: string }[];
  /** Scenarios that all models were measured on. */
  readonly scenarios: number;
  readonly rows: readonly TableRow[];
  readonly refused: readonly { readonly key: string; readonly in: readonly string[] }[];
}

/** `cards`: the first model against each of the others, in their order. */
export function comparisonTable({
  about,
  models,
  cards,
  refused,
}: Pick<ComparisonTable, 'about' | 'models' | 'refused'> & { cards: readonly Scorecard[] }): ComparisonTable {
  const partial = cards.some(hasPartialRefusals);
  const lines = cards.map((card) => {
    const { rows, rest } = scorecardLines(card, partial);
    return [...rows, ...rest];
  });
  const names = lines[0]!;
  const tests = lines.flatMap((of) => of.map(({ comparison }) => comparison.p));
  const known = tests.filter((p) => p !== null);
  const corrected = holm(known);
  let next = 0;
  const adjusted = tests.map((p) => (p === null ? null : corrected[next++]!));
  return {
    version: TABLE_VERSION,
    about,
    models,
    scenarios: cards[0]!.counts.before,
    rows: names.map(({ name, measure, unit, lower, comparison }, row) => ({
      name: name.startsWith(' ') ? `Over-refusal,${name.replace(/^ +/, ' ')}` : name,
      measure,
      unit,
      lower,
      cells: [
        { estimate: comparison.before, difference: null, p: null, adjustedP: null },
        ...lines.map((of, model): TableCell => {
          const { after, difference: change, p } = (of[row] as Line).comparison;
          return {
            estimate: after as Estimate,
            difference: change,
            p,
            adjustedP: adjusted[model * names.length + row]!,
          };
        }),
      ],
    })),
    refused,
  };
}

/** By the p after the correction. */
export const stars = ({ adjustedP }: TableCell): string =>
  adjustedP === null || adjustedP >= 0.05 ? '' : adjustedP < 0.001 ? '***' : adjustedP < 0.01 ? '**' : '*';

const changeText = (cell: TableCell, unit: Unit): string =>
  `${difference(cell.difference, unit)}${stars(cell)}`;

/** Names of models as columns: cut where they are long, paths at their beginning; never two alike. */
function columnNames(models: ComparisonTable['models'], width: number): string[] {
  return models.map(({ name }, i) => {
    const text = printableInLine(name);
    if (text.length <= width) return text;
    const onDisk = /[/\\]/.test(text) && !text.includes('://');
    return `${i + 1}: ${onDisk ? `…${text.slice(5 - width)}` : `${text.slice(0, width - 5)}…`}`;
  });
}

/** Models side by side on a terminal. */
const SIDE_BY_SIDE = 3;
const COLUMN = 24;

const FOOT = [
  'Intervals 95 %, clustered by scenario. Differences are of the pairs scored in both models, in points for shares.',
  '* ** ***: p below .05, .01, .001 after Holm over all tests of the table.',
  'n: scored conversations (Ungroundedness: answers); + m?: m unscored, counted as neither.',
].join(' ');

/** At most 100 columns. */
export function renderTable(table: ComparisonTable): string {
  const { about, models, rows } = table;
  const names = columnNames(models, COLUMN);
  const out = [
    'Comparison',
    ...wrapped(
      `${about.suite}${about.split === undefined ? '' : `, ${about.split} split`}, ${table.scenarios} scenarios, user: ${about.simulator}`,
      WIDTH,
    ),
    ...wrapped(`judge: ${about.judge}`, WIDTH),
    ...models.flatMap(({ name, target }, i) =>
      wrapped(`${i + 1}  ${name}${target === name ? '' : `: ${target}`}`, WIDTH, '   '),
    ),
    ...(about.notes ?? []).flatMap((note) => ['', ...wrapped(note, WIDTH)]),
  ];
  const section = (title: string, from: number, text: (row: TableRow, model: number) => string): void => {
    for (let start = from; start < models.length; start += SIDE_BY_SIDE) {
      const columns = models.map((_, i) => i).slice(start, start + SIDE_BY_SIDE);
      const head = [title, '', ...columns.map((i) => names[i]!)];
      const body = rows.map((row) => [row.name, row.measure, ...columns.map((i) => text(row, i))]);
      out.push('', ...aligned([head, ...body]).map((cells) => cells.join(' ').trimEnd()));
    }
  };
  section('Rate [95 %]', 0, ({ cells, unit }, i) => estimate(cells[i]!.estimate, unit));
  section(`From ${names[0]}`, 1, ({ cells, unit }, i) => changeText(cells[i]!, unit));
  section('n', 0, ({ cells }, i) => sampleSize(cells[i]!.estimate));
  out.push('', ...wrapped(FOOT, WIDTH));
  return `${out.join('\n')}\n`;
}

const cell = (text: string): string =>
  printable(text)
    .replace(/[\\`*_{}[\]<>|#~]/g, (mark) => `\\${mark}`)
    .replace(/\s+/g, ' ');

export function renderTableMarkdown({ about, models, scenarios, rows }: ComparisonTable): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const head = [
    '',
    'measure',
    ...models.flatMap(({ name }, i) => [cell(name), ...(i > 0 ? ['difference'] : [])]),
  ];
  return [
    '# Comparison',
    '',
    `- Scenarios: ${cell(about.suite)}, ${scenarios}`,
    `- Judge: ${cell(about.judge)}`,
    ...models.map(({ name, target }) => `- ${cell(name)}: ${cell(target)}`),
    ...(about.notes ?? []).flatMap((note) => ['', cell(note)]),
    '',
    line(head),
    line(head.map(() => '---')),
    ...rows.map(({ name, measure, unit, cells }) =>
      line([
        name,
        measure,
        ...cells.flatMap((each, i) => [
          `${estimate(each.estimate, unit)}, n ${sampleSize(each.estimate)}`,
          ...(i > 0 ? [cell(changeText(each, unit))] : []),
        ]),
      ]),
    ),
    '',
    cell(FOOT),
    '',
  ].join('\n');
}

export function renderTableHtml({ about, models, scenarios, rows }: ComparisonTable): string {
  const tone = ({ lower }: TableRow, each: TableCell): string =>
    stars(each) === '' ? '' : (each.difference?.value ?? 0) < 0 === lower ? 'good' : 'bad';
  const body = rows.map((row) => {
    const cells = row.cells.map((each, i) => {
      const change =
        i === 0
          ? ''
          : `<br><span class="${tone(row, each)}">${escapeHtml(changeText(each, row.unit))}</span> <small>p ${pValue(each.p)}, Holm ${pValue(each.adjustedP)}</small>`;
      return `<td>${escapeHtml(estimate(each.estimate, row.unit))} <small>n ${sampleSize(each.estimate)}</small>${change}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(row.name)} <small>${row.measure}</small></th>${cells.join('')}</tr>`;
  });
  const facts = [
    ['scenarios', `${about.suite}${about.split === undefined ? '' : `, ${about.split} split`}, ${scenarios}`],
    ['user', about.simulator],
    ['judge', about.judge],
    ...models.map(({ name, target }) => [name, target]),
  ].map(([name, text]) => `<dt>${escapeHtml(name!)}</dt><dd>${escapeHtml(text!)}</dd>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"><title>temper comparison</title><style>${STYLE}</style></head>
<body><main><h1>Comparison</h1><dl>${facts.join('')}</dl>
${(about.notes ?? []).map((note) => `<p><b>${escapeHtml(note)}</b></p>`).join('\n')}
<div class="scroll"><table><thead><tr><th scope="col"></th>${models.map(({ name }, i) => `<th scope="col">${escapeHtml(name)}${i > 0 ? ' <small>and its difference from the first</small>' : ''}</th>`).join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>
<p>${escapeHtml(FOOT)}</p></main></body></html>
`;
}
