/** The scorecard for a terminal: plain text, at most 100 columns, colour only when asked for. */
import { styleText } from 'node:util';
import type { Outcome } from '../metrics/gate.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import {
  regressionCells,
  regressionFoot,
  regressionLines,
  regressionTitle,
  type RoundLine,
  ROUNDS_NOTE,
  roundsTable,
} from './rounds.ts';
import {
  aligned,
  clearChange,
  type Category,
  correctionText,
  criterionText,
  difference,
  estimate,
  figure,
  fitted,
  type Line,
  marginsText,
  MARKS,
  notes,
  otherCategories,
  PHI_3_NOTE,
  pValue,
  scorecardLines,
  sizes,
  sortedCategories,
  WIDTH,
  wrapped,
} from './format.ts';
import { harmByTurn } from './turns.ts';

/** Categories without harm are added up to so many lines. */
const MOST_CATEGORIES = 12;
/** Of the tables of over-refusal and of checked answers. */
const MOST_OTHER = 14;

export interface TerminalOptions {
  readonly colour: boolean;
}

/** As `wrapped`, with words that are wider cut. */
const folded = (text: string, width: number, indent = ''): string[] =>
  wrapped(text, width, indent).map((line) => (line.length > width ? fitted(line, width) : line));

const LABEL = 11;
/** Column that shows the arm after. */
const AFTER = 3;

/** Text beside its label, further lines below the text. */
const labelled = (label: string, text: string): string[] =>
  folded(text, WIDTH - LABEL).map((line, i) => (i === 0 ? label : '').padEnd(LABEL) + line);

export function renderTerminal(card: Scorecard, { colour }: TerminalOptions): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const compared = card.counts.after !== null;
  const head = compared ? ['', '', 'before', 'after', 'p', 'n', 'pairs'] : ['', '', 'rate [95 %]', 'n'];
  const cells = (line: Line): string[] => {
    const { name, measure, unit, comparison } = line;
    const { before, after, p } = comparison;
    const first = [name, measure, estimate(before, unit)];
    return compared
      ? [
          ...first,
          estimate(after, unit),
          `${pValue(p)}${clearChange(line) === 'worse' ? ' !' : ''}`,
          sizes(comparison),
          String(comparison.difference?.n ?? 0),
        ]
      : [...first, sizes(comparison)];
  };
  const { rows, rest } = scorecardLines(card);
  const lines = [...rows, ...rest];
  const [heading = [], ...table] = aligned([head, ...lines.map(cells)]);
  const shown = table.map((row, i) => {
    const change = clearChange(lines[i]!);
    const colourOf = change && ({ better: 'green', worse: 'red' } as const)[change];
    return row
      .map((text, column) => (column === AFTER && compared && colourOf ? paint(colourOf, text) : text))
      .join(' ')
      .trimEnd();
  });
  const out: string[] = [];
  const { target, adapter, suite, split, simulator, judge } = card.about;
  out.push(paint('bold', 'Scorecard'), ...labelled('target', target));
  if (adapter) out.push(...labelled('adapter', adapter));
  const part = split === undefined ? '' : `, ${split} split`;
  out.push(...labelled('scenarios', `${suite}${part}, user: ${simulator}`));
  out.push(...labelled('judge', judge), '');
  for (const note of card.about.notes ?? []) out.push(...folded(note, WIDTH), '');
  out.push(paint('dim', heading.join(' ').trimEnd()));
  out.push(...shown.slice(0, rows.length), ...(rows.length > 0 ? [''] : []), ...shown.slice(rows.length));
  for (const text of correctionText(card)) out.push('', ...folded(text, WIDTH));
  out.push(...turnTable(card), ...regressionTable(card), ...categoryTable(card, compared));
  out.push(...otherTables(card, compared));
  if (card.gate) {
    out.push('', `${paint('bold', 'Gate')}  ${outcomeText(card.gate.outcome, paint)}`);
    for (const criterion of card.gate.criteria) {
      const [first = '', ...more] = folded(criterionText(criterion), WIDTH - 16);
      out.push(
        `  ${criterion.outcome.padEnd(13)} ${first}`,
        ...more.map((each) => `                ${each}`),
      );
    }
    out.push(...folded(marginsText(card.gate), WIDTH - 2).map((line) => `  ${line}`));
  }
  const phi3 = rows.map(({ name, reference, unit }) => `${name.toLowerCase()} ${figure(reference, unit)}`);
  out.push('', ...folded(`${notes(compared)}${compared ? ` ${MARKS}` : ''}`, WIDTH));
  if (rows.length > 0) out.push(...folded(`${PHI_3_NOTE}: ${phi3.join(', ')}.`, WIDTH));
  return `${out.join('\n')}\n`;
}

/** Over-refusal and checked answers by category, where there are few enough to read. */
function otherTables(card: Scorecard, compared: boolean): string[] {
  const arms = compared ? ['before', 'after', 'change of the pairs', 'n', 'pairs'] : ['rate [95 %]', 'n'];
  return otherCategories(card).flatMap(({ title, rows }) => {
    if (rows.length > MOST_OTHER && !card.checked) return [];
    const shown = rows.slice(0, MOST_OTHER);
    const cells = shown.map(({ category, comparison }) => {
      const { before, after, difference: change } = comparison;
      return compared
        ? [
            `  ${category}`,
            estimate(before, 'share'),
            estimate(after, 'share'),
            difference(change, 'share'),
            sizes(comparison),
            String(change?.n ?? 0),
          ]
        : [`  ${category}`, estimate(before, 'share'), sizes(comparison)];
    });
    const left =
      shown.length < rows.length ? `; ${shown.length} of ${rows.length} shown, all with --json` : '';
    return [
      '',
      ...folded(`${title}${left}`, WIDTH),
      ...aligned([['', ...arms], ...cells]).map((row) => row.join(' ').trimEnd()),
    ];
  });
}

function outcomeText(
  outcome: Outcome,
  paint: (style: Parameters<typeof styleText>[0], text: string) => string,
): string {
  const style = { pass: 'green', fail: 'red', inconclusive: 'yellow' } as const;
  return paint(style[outcome], outcome.toUpperCase());
}

const spaced = (rows: readonly (readonly string[])[]): string[] =>
  aligned(rows).map((row) => row.join(' ').trimEnd());

function regressionTable({ regression }: Scorecard): string[] {
  if (!regression) return [];
  const head = ['', 'before', 'after', 'p', 'n'];
  const rows = regressionLines(regression).map(regressionCells);
  return [
    '',
    ...folded(regressionTitle(regression), WIDTH),
    ...spaced([head, ...rows.map(([name = '', ...rest]) => [`  ${name}`, ...rest])]),
    ...folded(regressionFoot(regression), WIDTH),
  ];
}

/** The rounds of a run, beside each other. */
export const renderRounds = (rounds: readonly RoundLine[]): string =>
  ['Rounds', ...spaced(roundsTable(rounds)), ...folded(ROUNDS_NOTE, WIDTH), ''].join('\n');

/** Where some conversations have several turns. */
function turnTable(card: Scorecard): string[] {
  const turns = harmByTurn(card);
  if (turns === null) return [];
  if (typeof turns === 'string') return ['', ...folded(turns, WIDTH)];
  const [head = [], ...rows] = turns.rows;
  // No room for what the note below says of all intervals.
  const short = head.map((text) => (head.length > 3 ? text.replace(' [95 %]', '') : text));
  const lines = rows.map(([name = '', ...rest]) => [`  ${name}`, ...rest]);
  return ['', turns.title, ...aligned([short, ...lines]).map((row) => row.join(' ').trimEnd())];
}

function categoryTable(card: Scorecard, compared: boolean): string[] {
  const { worse, better, same } = sortedCategories(card);
  const all = worse.length + better.length + same.length;
  if (all === 0) return [];
  // None that did harm is left out, however many there are.
  const harmful = ({ harm }: Category): boolean => (harm.before.value ?? 0) + (harm.after?.value ?? 0) > 0;
  const listed = [...worse, ...better, ...same.filter(harmful)];
  const others = same.filter((each) => !harmful(each));
  const shown = [...listed, ...others.slice(0, Math.max(0, MOST_CATEGORIES - listed.length))];
  const title = `Harm by category (DR-${card.categorySeverity})${
    compared
      ? `: ${worse.length} worse (!), ${better.length} better, ${same.length} as before`
      : ', most first'
  }${shown.length < all ? `; ${shown.length} of ${all} shown, no harm found in the others` : ''}`;
  const head = compared
    ? ['', 'before', 'after', 'change of the pairs', 'n', 'pairs']
    : ['', 'rate [95 %]', 'n'];
  const cells = (each: Category): string[] => {
    const { before, after, difference: change } = each.harm;
    const first = [`${worse.includes(each) ? '!' : ' '} ${each.category}`, estimate(before, 'share')];
    return compared
      ? [
          ...first,
          estimate(after, 'share'),
          difference(change, 'share'),
          sizes(each.harm),
          String(change?.n ?? 0),
        ]
      : [...first, sizes(each.harm)];
  };
  return [
    '',
    ...folded(title, WIDTH),
    ...aligned([head, ...shown.map(cells)]).map((row) => row.join(' ').trimEnd()),
  ];
}
