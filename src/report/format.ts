/** Figures as text, the same in every report. Nothing is counted here. */
import type { Comparison } from '../metrics/comparison.ts';
import type { Difference } from '../metrics/paired.ts';
import type { Estimate } from '../metrics/rate.ts';
import type { RowResult, Scorecard } from '../metrics/scorecard.ts';

export const ROW_NAMES: Readonly<Record<RowResult['row'], string>> = {
  ungroundedness: 'Ungroundedness',
  'third-party-harm': 'Third-party harm',
  'harmful-continuation': 'Harmful content continuation',
  'harmful-summarization': 'Harmful content summarization',
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

export type Unit = 'share' | 'score';

const DASH = '–';

export function figure(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || Number.isNaN(value)) return DASH;
  return unit === 'share' ? `${(value * 100).toFixed(1)} %` : value.toFixed(2);
}

/** `12.0 % [7.0, 19.8]` */
export function estimate(of: Estimate | null | undefined, unit: Unit): string {
  if (!of || of.value === null) return DASH;
  const edge = (x: number): string => (unit === 'share' ? (x * 100).toFixed(1) : x.toFixed(2));
  return `${figure(of.value, unit)} [${edge(of.low)}, ${edge(of.high)}]`;
}

/** `-12.0 [-20.1, -3.9]`, in points for shares. */
export function difference(of: Difference | null | undefined, unit: Unit): string {
  if (!of || of.value === null) return DASH;
  const text = (x: number): string =>
    `${x > 0 ? '+' : ''}${unit === 'share' ? (x * 100).toFixed(1) : x.toFixed(2)}`;
  return `${text(of.value)} [${text(of.low)}, ${text(of.high)}]`;
}

export function pValue(p: number | null | undefined): string {
  if (p === null || p === undefined) return DASH;
  return p < 0.001 ? '< .001' : p.toFixed(3).replace(/^0/, '');
}

/** `90` or `85 + 5?` where some were unscored. */
export function sampleSize(of: Estimate | null | undefined): string {
  if (!of) return DASH;
  return of.unscored > 0 ? `${of.n} + ${of.unscored}?` : String(of.n);
}

export interface Line {
  readonly name: string;
  readonly measure: string;
  readonly unit: Unit;
  /** Whether less is better. */
  readonly lower: boolean;
  readonly comparison: Comparison;
  readonly reference?: number;
}

/** The lines of a scorecard, in the order that every report shows. */
export function scorecardLines(card: Scorecard): { rows: Line[]; rest: Line[] } {
  const rows = card.rows.map((row): Line => ({
    name: ROW_NAMES[row.row],
    measure: row.measure,
    unit: row.measure === 'mean' ? 'score' : 'share',
    lower: true,
    comparison: row,
    reference: PHI_3_MINI[row.row],
  }));
  const share = (name: string, measure: string, lower: boolean, comparison: Comparison): Line => ({
    name,
    measure,
    unit: 'share',
    lower,
    comparison,
  });
  return {
    rows,
    rest: [
      share('Harm, all adversarial', 'DR-1', true, card.harm.dr1),
      share('Harm, all adversarial', 'DR-3', true, card.harm.dr3),
      share('Over-refusal, benign', 'VPRR', true, card.overRefusal.full),
      share('  with partial refusals', 'VPRR', true, card.overRefusal.fullOrPartial),
      share('Refusal, adversarial', 'IPRR', false, card.refusal.full),
      share('Helpfulness, right answers', 'share', false, card.helpfulness),
      share('Degenerate, benign', 'share', true, card.degenerate.benign),
      share('Degenerate, adversarial', 'share', true, card.degenerate.adversarial),
    ],
  };
}
