/** Figures as text, the same in every report. Nothing is counted here. */
import { printable, printableInLine } from '../core/limits.ts';
import type { Scenario } from '../core/records.ts';
import type { Comparison } from '../metrics/comparison.ts';
import type { Criterion } from '../metrics/gate.ts';
import type { Heterogeneity } from '../metrics/heterogeneity.ts';
import type { Corrected } from '../metrics/judge-error.ts';
import type { Difference } from '../metrics/paired.ts';
import type { Estimate, Interval } from '../metrics/rate.ts';
import {
  type CategoryResult,
  moved,
  ROW_THRESHOLD,
  type RowResult,
  type Scorecard,
} from '../metrics/scorecard.ts';

export const ROW_NAMES: Readonly<Record<RowResult['row'], string>> = {
  ungroundedness: 'Ungroundedness',
  'third-party-harm': 'Third-party harm',
  'harmful-continuation': 'Harmful continuation',
  'harmful-summarization': 'Harmful summarization',
  jailbreak: 'Jailbreak',
};

/** Phi-3 report, Table 1, phi-3-mini (3.8b): measured by others on other scenarios, for orientation only. */
export const PHI_3_MINI: Readonly<Record<RowResult['row'], number>> = {
  ungroundedness: 0.603,
  'third-party-harm': 0.24,
  'harmful-continuation': 0.007,
  'harmful-summarization': 0.1,
  jailbreak: 0.123,
};
export const PHI_3_NOTE =
  'phi-3-mini as published (Phi-3 report, Table 1): measured by others on other scenarios';

export type Unit = 'share' | 'score' | 'tokens';

const DASH = '–';

/** Shares and differences of shares as per cent; a whole 100 without its decimal. */
const edge = (x: number, unit: Unit): string =>
  unit === 'share'
    ? (x * 100).toFixed(1).replace(/^(-?100)\.0$/, '$1')
    : x.toFixed(unit === 'tokens' ? 1 : 2);

export function figure(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || Number.isNaN(value)) return DASH;
  return unit === 'share' ? `${edge(value, unit)} %` : edge(value, unit);
}

/** `12.0 % [7.0, 19.8]` */
export function estimate(of: Estimate | null | undefined, unit: Unit): string {
  if (!of || of.value === null) return DASH;
  return `${figure(of.value, unit)} [${edge(of.low, unit)}, ${edge(of.high, unit)}]`;
}

/** `-12.0 [-20.1, -3.9]`, in points for shares. */
export function difference(of: Difference | null | undefined, unit: Unit): string {
  if (!of || of.value === null) return DASH;
  const text = (x: number): string => `${x > 0 ? '+' : ''}${edge(x, unit)}`;
  return `${text(of.value)} [${text(of.low)}, ${text(of.high)}]`;
}

export function pValue(p: number | null | undefined): string {
  if (p === null || p === undefined) return DASH;
  return p < 0.001 ? '< .001' : p.toFixed(3).replace(/^0/, '');
}

/** `Q 1.23, df 2, p .541, I² 0.0 %` */
export const heterogeneity = ({ statistic, degrees, p, inconsistency }: Heterogeneity): string =>
  p === null
    ? 'too few to compare'
    : `Q ${statistic.toFixed(2)}, df ${degrees}, p ${pValue(p)}, I² ${figure(inconsistency, 'share')}`;

/** `90` or `85 + 5?` where some were unscored. */
export function sampleSize(of: Estimate | null | undefined): string {
  if (!of) return DASH;
  return of.unscored > 0 ? `${of.n} + ${of.unscored}?` : String(of.n);
}

/** `116+14?/124+6?`: scored and, where there are any, unscored, before and after. */
export function sizes({ before, after }: Comparison): string {
  const size = ({ n, unscored }: Estimate): string => (unscored > 0 ? `${n}+${unscored}?` : String(n));
  return after ? `${size(before)}/${size(after)}` : size(before);
}

/** What the figures are, for the foot of a report. */
export const notes = (compared: boolean): string =>
  [
    'Rates with 95 % intervals, clustered by scenario.',
    `n: scored conversations (Ungroundedness: answers)${compared ? ', before/after' : ''}; +m?: m unscored, counted as neither.`,
    ...(compared
      ? [
          'Differences and p, by category as well, are of the pairs scored in both arms, so they need not be the difference of the two rates.',
          UNCORRECTED,
        ]
      : []),
  ].join(' ');

/** Of the p of a scorecard's lines, and of what is marked by them. */
export const UNCORRECTED =
  'Each p is of its line alone, not corrected for the number of lines: of twenty lines in which nothing changed, about one is below .05.';

/** What marks stand for where there is no colour. */
export const MARKS =
  '! after a p: worse, with p below .05. ! before a category: more harm among its pairs, tested or not.';

const MARGINS = [
  ['over-refusal', 'overRefusalMargin'],
  ['helpfulness', 'helpfulnessMargin'],
  ['degenerate', 'degenerateMargin'],
] as const;

/** Where the margins of the gate come from, and what they mean. */
export function marginsText({ criteria, options }: NonNullable<Scorecard['gate']>): string {
  const judged = MARGINS.filter(([name]) => criteria.some((each) => each.name === name));
  const set = judged.map(([, key]) => `gate.${key} ${options[key]}`).join(', ');
  return `Margins: what the fix may cost, as shares (${set} in the configuration). To pass, all of the interval must be within.`;
}

/** The harm of single answers corrected for the judge's errors, as a sentence; none without a calibration. */
export function correctionText({ corrected, harm }: Scorecard): string[] {
  if (!corrected) return [];
  const { before, after, sensitivity, specificity, labelled, created } = corrected;
  const raw = harm.responses.dr3;
  const of = (found: Estimate | null, truth: Corrected | null): string =>
    truth?.status === 'corrected'
      ? `${estimate(found, 'share')} → ${intervalText(truth)}`
      : estimate(found, 'share');
  const both = [before, ...(after === null ? [] : [after])];
  const some = both.some(({ status }) => status === 'corrected');
  const reasons = new Set(both.flatMap((each) => (each.status === 'refused' ? [each.reason] : [])));
  const arms =
    after === null
      ? of(raw.before, before)
      : `before ${of(raw.before, before)}, after ${of(raw.after, after)}`;
  return [
    `Harm of single answers, DR-3, as the judge finds it${some ? ' → corrected for its errors' : ''}: ${arms} ` +
      `(sensitivity ${intervalText(sensitivity)}, specificity ${intervalText(specificity)}, by ${labelled} labels of ${created.slice(0, 10)})` +
      `${reasons.size > 0 ? `; not corrected for its errors: ${[...reasons].join('; ')}` : ''}.`,
  ];
}

/** `85.0 % [76.1, 91.2]` of a share. */
export const intervalText = (share: (Interval & { readonly value: number }) | null): string =>
  share === null
    ? DASH
    : `${figure(share.value, 'share')} [${edge(share.low, 'share')}, ${edge(share.high, 'share')}]`;

const MOST_PAIRS = 5000;

export const criterionText = ({ reason, neededPairs }: Criterion): string =>
  `${reason}${neededPairs ? neededText(neededPairs) : ''}`;

/** If the figures stayed as they are; near a limit that takes so many that no number is worth telling. */
const neededText = (pairs: number): string =>
  pairs > MOST_PAIRS
    ? ' It is too near the limit for a few thousand pairs to tell.'
    : ` If it stays so, about ${pairs} pairs would decide.`;

export interface Line {
  readonly name: string;
  readonly measure: string;
  readonly unit: Unit;
  /** Whether less is better. */
  readonly lower: boolean;
  readonly comparison: Comparison;
  readonly reference?: number;
  /** Which conversations it counts. */
  readonly cases: Readonly<{ row: string } | { kind: Scenario['kind'] }>;
}

/** Whether a line's pairs changed at the 5 % level, and to which side; null: not. */
export function clearChange({ lower, comparison: { p, difference } }: Line): 'better' | 'worse' | null {
  const by = difference?.value ?? 0;
  return p !== null && p < 0.05 && by !== 0 ? (by < 0 === lower ? 'better' : 'worse') : null;
}

/** Whether some benign request was partly refused; the embedded judge seldom says so. */
export const hasPartialRefusals = ({ overRefusal: { full, fullOrPartial } }: Scorecard): boolean =>
  full.before.value !== fullOrPartial.before.value || full.after?.value !== fullOrPartial.after?.value;

/** Whether a row has the measure that Table 1 has there. */
const asPublished = ({ row, measure }: RowResult): boolean =>
  row === 'ungroundedness' || measure === `DR-${ROW_THRESHOLD[row]}`;

/** The lines of a scorecard, in the order that every report shows. `partial`: with a line for partial refusals, though there be none. */
export function scorecardLines(
  card: Scorecard,
  partial: boolean = hasPartialRefusals(card),
): { rows: Line[]; rest: Line[] } {
  const rows = card.rows.map((row): Line => ({
    name: ROW_NAMES[row.row],
    measure: row.measure,
    unit: row.measure === 'mean' ? 'score' : 'share',
    lower: true,
    comparison: row,
    ...(asPublished(row) ? { reference: PHI_3_MINI[row.row] } : {}),
    cases: { row: row.row },
  }));
  const share = (
    kind: Scenario['kind'],
    name: string,
    measure: string,
    lower: boolean,
    comparison: Comparison,
  ): Line => ({
    name,
    measure,
    unit: 'share',
    lower,
    comparison,
    cases: { kind },
  });
  // The severity that the categories are read at.
  const own = card.categorySeverity;
  // A benchmark, or a suite of one category, has few of them.
  const counted = ({ comparison: { before, after } }: Line): boolean =>
    before.total + (after?.total ?? 0) > 0;
  return {
    rows: rows.filter(counted),
    rest: [
      share('adversarial', 'Harm, all adversarial', 'DR-1', true, card.harm.dr1),
      share('adversarial', 'Harm, all adversarial', 'DR-3', true, card.harm.dr3),
      ...(card.harm.tries
        ? [
            share(
              'adversarial',
              `Harm, once in ${card.harm.tries.k} tries`,
              'DR-3',
              true,
              card.harm.tries.dr3,
            ),
          ]
        : []),
      ...(own === 1 || own === 3
        ? []
        : [share('adversarial', 'Harm, all adversarial', `DR-${own}`, true, card.harm.curve[own - 1]!)]),
      share('benign', 'Over-refusal, benign', 'VPRR', true, card.overRefusal.full),
      ...(partial
        ? [share('benign', '  with partial refusals', 'VPRR', true, card.overRefusal.fullOrPartial)]
        : []),
      share('adversarial', 'Refusal, adversarial', 'IPRR', false, card.refusal.full),
      share('general', 'Helpfulness, correct', 'share', false, card.helpfulness),
      share('benign', 'Degenerate, benign', 'share', true, card.degenerate.benign),
      share('adversarial', 'Degenerate, adversarial', 'share', true, card.degenerate.adversarial),
      ...(card.answerTokens
        ? [
            {
              ...share('benign', 'Length of harmless answers', 'tokens', false, card.answerTokens),
              unit: 'tokens' as const,
            },
          ]
        : []),
    ].filter(counted),
  };
}

/** Columns of a terminal that reports take. */
export const WIDTH = 100;

export const fitted = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);

/** Cells of columns as wide as their widest; where all of them are too wide, the first gives way. */
export function aligned(rows: readonly (readonly string[])[]): string[][] {
  const shown = rows.map((row) => row.map(printableInLine));
  const widths = shown[0]!.map((_, i) => Math.max(...shown.map((row) => row[i]!.length)));
  const total = (gap: number): number => widths.reduce((sum, width) => sum + width + gap, -gap);
  if (total(2) <= WIDTH) for (let i = 0; i < widths.length - 1; i++) widths[i]!++;
  widths[0]! -= Math.max(0, total(1) - WIDTH);
  return shown.map((row) => row.map((text, i) => fitted(text, widths[i]!)));
}

/** Breaks text into lines of at most `width` where its words allow it, each after the first indented. */
export function wrapped(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text, Infinity).split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Figures by category beside harm: over-refusal most first, checked answers least first. */
export function otherCategories(
  card: Scorecard,
): { title: string; kind: Scenario['kind']; rows: { category: string; comparison: Comparison }[] }[] {
  const refused = card.categories
    .flatMap(({ category, overRefusal }) => (overRefusal ? [{ category, comparison: overRefusal }] : []))
    .sort((a, b) => (b.comparison.before.value ?? -1) - (a.comparison.before.value ?? -1));
  const checked = (card.checked ?? []).map(({ category, correct }) => ({ category, comparison: correct }));
  return [
    { title: 'Over-refusal by category (VPRR), most first', kind: 'benign' as const, rows: refused },
    { title: 'Correct by category, least first', kind: 'general' as const, rows: checked },
  ].filter(({ rows }) => rows.length > 0);
}

export type Category = CategoryResult & { readonly harm: Comparison };

/** The categories that have harm to count: those that got worse first, then those that got better, the most moved first. */
export function sortedCategories(card: Scorecard): {
  worse: Category[];
  better: Category[];
  same: Category[];
} {
  const known = card.categories.filter((each): each is Category => each.harm !== null);
  const by = (sign: number): Category[] =>
    known
      .filter(({ harm }) => Math.sign(moved(harm)) === sign)
      .sort((a, b) => sign * (moved(b.harm) - moved(a.harm)));
  return { worse: by(1), better: by(-1), same: by(0) };
}
