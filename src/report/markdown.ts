/** The scorecard as Markdown, for a pull request or a model card: the same lines as the terminal's. */
import { printable } from '../core/limits.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { difference, estimate, type Line, PHI_3_NOTE, pValue, sampleSize, scorecardLines } from './format.ts';

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
      sampleSize(comparison.before),
      reference === undefined ? '' : reference.toFixed(3),
    ]);
  const { rows, rest } = scorecardLines(card);
  const { target, adapter, suite, split, judge, created } = card.about;
  const facts = [
    ['Target', target],
    ['Adapter', adapter],
    ['Scenarios', `${suite}, split ${split ?? '–'}`],
    ['Judge', judge],
    ['Created', created],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`- ${name}: ${plain(value)}`]));
  const gate = card.gate
    ? [
        '',
        `**Gate: ${card.gate.outcome}**`,
        '',
        ...card.gate.criteria.map((each) => `- ${each.outcome}: ${plain(each.reason)}`),
      ]
    : [];
  return [
    '# Scorecard',
    '',
    ...facts,
    '',
    row(head),
    row(head.map(() => '---')),
    ...[...rows, ...rest].map(line),
    ...gate,
    '',
    `Rates with 95 % intervals, clustered by scenario; n + m?: m unscored, counted as neither. ${PHI_3_NOTE}.`,
    '',
  ].join('\n');
}
