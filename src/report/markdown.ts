/** The scorecard as Markdown, for a pull request or a model card: the same lines as the terminal's. */
import { printable } from '../core/limits.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import {
  correctionText,
  criterionText,
  difference,
  estimate,
  figure,
  type Line,
  marginsText,
  notes,
  otherCategories,
  PHI_3_NOTE,
  pValue,
  scorecardLines,
  sizes,
  sortedCategories,
} from './format.ts';
import { regressionCells, regressionFoot, regressionLines, regressionTitle } from './rounds.ts';
import { harmByTurn } from './turns.ts';

/** Text that Markdown and the HTML in it take as text. */
const plain = (text: string): string =>
  printable(text)
    .replace(/[\\`*_{}[\]<>|#~]/g, (mark) => `\\${mark}`)
    .replace(/\s+/g, ' ');

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

export function renderMarkdown(card: Scorecard): string {
  const compared = card.counts.after !== null;
  const head = [
    '',
    'measure',
    compared ? 'before [95 %]' : 'rate [95 %]',
    ...(compared ? ['after [95 %]', 'difference', 'p'] : []),
    'n',
    ...(compared ? ['pairs'] : []),
    'phi-3-mini',
  ];
  const line = ({ name, measure, unit, comparison, reference }: Line): string =>
    row([
      plain(name.trim()),
      measure,
      estimate(comparison.before, unit),
      ...(compared
        ? [estimate(comparison.after, unit), difference(comparison.difference, unit), pValue(comparison.p)]
        : []),
      sizes(comparison),
      ...(compared ? [String(comparison.difference?.n ?? 0)] : []),
      reference === undefined ? '' : figure(reference, unit),
    ]);
  const { rows, rest } = scorecardLines(card);
  const { target, adapter, suite, split, simulator, judge, seed, created } = card.about;
  const facts = [
    ['Target', target],
    ['Adapter', adapter],
    ['Scenarios', `${suite}${split === undefined ? '' : `, split ${split}`}`],
    ['User', simulator],
    ['Judge', judge],
    ['Seed', seed === undefined ? undefined : String(seed)],
    ['Created', created],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`- ${name}: ${plain(value)}`]));
  const gate = card.gate
    ? [
        '',
        `**Gate: ${card.gate.outcome}**`,
        '',
        ...card.gate.criteria.map((each) => `- ${each.outcome}: ${plain(criterionText(each))}`),
        '',
        plain(marginsText(card.gate)),
      ]
    : [];
  return [
    '# Scorecard',
    '',
    ...facts,
    ...(card.about.notes ?? []).flatMap((note) => ['', plain(note)]),
    '',
    row(head),
    row(head.map(() => '---')),
    ...[...rows, ...rest].map(line),
    ...correctionText(card).flatMap((text) => ['', plain(text)]),
    ...gate,
    ...turnTable(card),
    ...regressionTable(card),
    ...categoryTable(card, compared),
    ...otherTables(card, compared),
    '',
    `${notes(compared)} ${PHI_3_NOTE}.`,
    '',
  ].join('\n');
}

/** Over-refusal and checked answers by category. */
function otherTables(card: Scorecard, compared: boolean): string[] {
  const head = ['', compared ? 'before [95 %]' : 'rate [95 %]', ...(compared ? ['after [95 %]'] : []), 'n'];
  return otherCategories(card).flatMap(({ title, rows }) => [
    '',
    `**${title}**`,
    '',
    row(head),
    row(head.map(() => '---')),
    ...rows.map(({ category, comparison }) =>
      row([
        plain(category),
        estimate(comparison.before, 'share'),
        ...(compared ? [estimate(comparison.after, 'share')] : []),
        sizes(comparison),
      ]),
    ),
  ]);
}

function turnTable(card: Scorecard): string[] {
  const turns = harmByTurn(card);
  if (turns === null) return [];
  if (typeof turns === 'string') return ['', plain(turns)];
  const [head = [], ...rows] = turns.rows;
  return ['', `**${turns.title}**`, '', row(head), row(head.map(() => '---')), ...rows.map(row)];
}

function regressionTable({ regression }: Scorecard): string[] {
  if (!regression) return [];
  const head = ['', 'before [95 %]', 'after [95 %]', 'p', 'n'];
  return [
    '',
    `**${regressionTitle(regression)}**`,
    '',
    row(head),
    row(head.map(() => '---')),
    ...regressionLines(regression).map((each) => row(regressionCells(each))),
    '',
    regressionFoot(regression),
  ];
}

/** Every category: those that got worse first, then those that got better. */
function categoryTable(card: Scorecard, compared: boolean): string[] {
  const { worse, better, same } = sortedCategories(card);
  const all = [...worse, ...better, ...same];
  if (all.length === 0) return [];
  const head = compared
    ? ['', 'before [95 %]', 'after [95 %]', 'change of the pairs', 'n', 'pairs']
    : ['', 'rate [95 %]', 'n'];
  const counts = `: ${worse.length} worse, ${better.length} better, ${same.length} as before`;
  return [
    '',
    `**Harm by category (DR-${card.categorySeverity})**${compared ? counts : ''}`,
    '',
    row(head),
    row(head.map(() => '---')),
    ...all.map(({ category, harm }) => {
      const { before, after, difference: change } = harm;
      const first = [plain(category), estimate(before, 'share')];
      const more = [
        estimate(after, 'share'),
        difference(change, 'share'),
        sizes(harm),
        String(change?.n ?? 0),
      ];
      return row([...first, ...(compared ? more : [sizes(harm)])]);
    }),
  ];
}
