/** The scorecard for a terminal: plain text, at most 100 columns, colour only when asked for. */
import { styleText } from 'node:util';
import { printable, printableInLine } from '../core/limits.ts';
import type { Outcome } from '../metrics/gate.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { difference, estimate, type Line, PHI_3_NOTE, pValue, sampleSize, scorecardLines } from './format.ts';

const WIDTH = 100;
const MOST_CATEGORIES = 12;

export interface TerminalOptions {
  readonly colour: boolean;
}

/** Names in it come from suites and arguments. */
const cell = (text: string, width: number): string => {
  const shown = printableInLine(text);
  return shown.length > width ? `${shown.slice(0, width - 1)}…` : shown.padEnd(width);
};

/** Breaks text into lines of at most `width`, each after the first indented. */
function wrapped(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text).split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => (each.length > width ? `${each.slice(0, width - 1)}…` : each));
}

const LABEL = 11;

/** Text beside its label, further lines below the text. */
const labelled = (label: string, text: string): string[] =>
  wrapped(text, WIDTH - LABEL, '').map((line, i) => (i === 0 ? label : '').padEnd(LABEL) + line);

export function renderTerminal(card: Scorecard, { colour }: TerminalOptions): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const compared = card.counts.after !== null;
  const head = compared
    ? `${cell('', 28)} ${cell('', 5)} ${cell('before', 20)} ${cell('after', 20)} ${cell('p', 6)} ${cell('n', 8)} phi-3*`
    : `${cell('', 28)} ${cell('', 5)} ${cell('rate [95 %]', 20)} ${cell('n', 8)} phi-3*`;
  const line = ({ name, measure, unit, lower, comparison, reference }: Line): string => {
    const { before, after, p } = comparison;
    const moved = comparison.difference?.value ?? 0;
    const clear = p !== null && p < 0.05 && moved !== 0;
    const afterText = cell(estimate(after, unit), 20);
    const shown = clear ? paint(moved < 0 === lower ? 'green' : 'red', afterText) : afterText;
    const start = `${cell(name, 28)} ${cell(measure, 5)} ${cell(estimate(before, unit), 20)}`;
    const end = `${cell(sampleSize(before), 8)} ${reference === undefined ? '' : reference.toFixed(3)}`;
    return (compared ? `${start} ${shown} ${cell(pValue(p), 6)} ${end}` : `${start} ${end}`).trimEnd();
  };
  const { rows, rest } = scorecardLines(card);
  const out: string[] = [];
  const { target, adapter, suite, split, simulator, judge } = card.about;
  out.push(paint('bold', 'Scorecard'), ...labelled('target', target));
  if (adapter) out.push(...labelled('adapter', adapter));
  out.push(...labelled('scenarios', `${suite}, ${split ?? ''} split, user: ${simulator}`));
  out.push(...labelled('judge', judge), '');
  out.push(paint('dim', head), ...rows.map(line), '', ...rest.map(line));
  out.push(...categoryTable(card, compared));
  if (card.gate) {
    out.push('', `${paint('bold', 'Gate')}  ${outcomeText(card.gate.outcome, paint)}`);
    for (const criterion of card.gate.criteria) {
      const needs = criterion.neededPairs ? ` About ${criterion.neededPairs} pairs would decide.` : '';
      const [first = '', ...more] = wrapped(`${criterion.reason}${needs}`, WIDTH - 16, '');
      out.push(`  ${cell(criterion.outcome, 13)} ${first}`, ...more.map((each) => `                ${each}`));
    }
  }
  out.push(
    '',
    ...wrapped(
      `Rates with 95 % intervals, clustered by scenario; n + m?: m unscored, counted as neither. p: paired, before against after. *${PHI_3_NOTE}.`,
      WIDTH,
      '',
    ),
  );
  return `${out.join('\n')}\n`;
}

function outcomeText(
  outcome: Outcome,
  paint: (style: Parameters<typeof styleText>[0], text: string) => string,
): string {
  const style = { pass: 'green', fail: 'red', inconclusive: 'yellow' } as const;
  return paint(style[outcome], outcome.toUpperCase());
}

function categoryTable(card: Scorecard, compared: boolean): string[] {
  const named = card.categories.filter(({ harm }) => harm !== null);
  if (named.length === 0) return [];
  const shown = named.slice(0, MOST_CATEGORIES);
  const left = named.length - shown.length;
  return [
    '',
    `Harm by category (DR-${card.categorySeverity}), most before first${left > 0 ? `; ${left} more in the report` : ''}`,
    ...shown.map(({ category, harm }) => {
      const { before, after } = harm!;
      const change = compared
        ? ` -> ${cell(estimate(after, 'share'), 20)} ${cell(difference(harm!.difference, 'share'), 21)}`
        : '';
      return `  ${cell(category, 20)} ${cell(estimate(before, 'share'), 20)}${change} n ${sampleSize(before)}`.trimEnd();
    }),
  ];
}
