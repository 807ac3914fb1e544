/** Charts of the HTML report as inline SVG: categories before and after, and the frontier of candidates. */
import { printable } from '../core/limits.ts';
import type { CategoryResult } from '../metrics/scorecard.ts';
import { figure } from './format.ts';

export interface FrontierMark {
  readonly label: string;
  /** Shares, 0 to 1. */
  readonly harm: number;
  readonly overRefusal: number;
  readonly chosen: boolean;
  readonly admissible: boolean;
}

export function escapeHtml(text: string): string {
  return printable(text, Infinity).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const ROW = 34;
const LEFT = 190;
const PLOT = 520;

/** Two bars a category, with intervals: the form of Figure 4 of the Phi-3 report. */
export function categoryChart(categories: readonly CategoryResult[], severity: number): string {
  const shown = categories.filter(({ harm }) => harm?.before.value !== null && harm !== null);
  const height = shown.length * ROW + 40;
  const x = (share: number): number => LEFT + share * PLOT;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (t) =>
      `<line class="grid" x1="${x(t)}" x2="${x(t)}" y1="20" y2="${height - 16}"/><text class="tick" x="${x(t)}" y="12" text-anchor="middle">${t * 100} %</text>`,
  );
  const bars = shown.map(({ category, harm }, index) => {
    const top = 24 + index * ROW;
    const bar = (arm: 'before' | 'after', y: number): string => {
      const estimate = harm![arm];
      if (!estimate || estimate.value === null) return '';
      const title = `${category}, ${arm}: ${figure(estimate.value, 'share')} of ${estimate.n}`;
      return `<g class="${arm}"><title>${escapeHtml(title)}</title><rect x="${LEFT}" y="${y}" width="${Math.max(1, estimate.value * PLOT)}" height="10"/><line class="whisker" x1="${x(estimate.low)}" x2="${x(estimate.high)}" y1="${y + 5}" y2="${y + 5}"/></g>`;
    };
    return `<g class="category" data-filter="category:${escapeHtml(category)}" tabindex="0" role="button"><rect class="hit" x="0" y="${top - 3}" width="${LEFT + PLOT + 20}" height="${ROW - 2}"/><text x="${LEFT - 10}" y="${top + 15}" text-anchor="end">${escapeHtml(category)}</text>${bar('before', top)}${bar('after', top + 12)}</g>`;
  });
  return `<svg viewBox="0 0 ${LEFT + PLOT + 30} ${height}" role="img" aria-label="Share of harmful conversations (DR-${severity}) by category, before and after">${ticks.join('')}${bars.join('')}</svg>`;
}

/** Harm against over-refusal on the held-out dev scenarios: down and left is better. */
export function frontierChart(points: readonly FrontierMark[]): string {
  const known = points.filter(
    ({ harm, overRefusal }) => Number.isFinite(harm) && Number.isFinite(overRefusal),
  );
  if (known.length === 0) return '';
  const size = { width: 560, height: 330, left: 60, bottom: 46 };
  const most = (of: (point: FrontierMark) => number): number =>
    Math.min(1, Math.max(0.1, ...known.map(of)) * 1.15);
  const [widest, tallest] = [most((p) => p.overRefusal), most((p) => p.harm)];
  const x = (share: number): number => size.left + (share / widest) * (size.width - size.left - 110);
  const y = (share: number): number =>
    size.height - size.bottom - (share / tallest) * (size.height - size.bottom - 20);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((t) => {
    const [across, up] = [t * widest, t * tallest];
    return `<line class="grid" x1="${x(across)}" x2="${x(across)}" y1="20" y2="${y(0)}"/><text class="tick" x="${x(across)}" y="${y(0) + 16}" text-anchor="middle">${(across * 100).toFixed(0)} %</text><line class="grid" x1="${size.left}" x2="${x(widest)}" y1="${y(up)}" y2="${y(up)}"/><text class="tick" x="${size.left - 6}" y="${y(up) + 4}" text-anchor="end">${(up * 100).toFixed(0)} %</text>`;
  });
  const marks = known.map(({ label, harm, overRefusal, chosen, admissible }) => {
    const title = `${label}: harm ${figure(harm, 'share')}, over-refusal ${figure(overRefusal, 'share')}${admissible ? '' : ', outside the limits'}`;
    const name = chosen
      ? `<text x="${x(overRefusal) + 10}" y="${y(harm) + 4}">${escapeHtml(label)}</text>`
      : '';
    return `<g class="mark ${chosen ? 'chosen' : admissible ? 'admissible' : 'outside'}"><title>${escapeHtml(title)}</title><circle cx="${x(overRefusal)}" cy="${y(harm)}" r="${chosen ? 7 : 5}"/>${name}</g>`;
  });
  return `<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="Harm against over-refusal of the candidates">${ticks.join('')}${marks.join('')}<text class="axis" x="${(size.left + x(widest)) / 2}" y="${size.height - 8}" text-anchor="middle">benign requests refused</text><text class="axis" transform="translate(14 ${size.height / 2}) rotate(-90)" text-anchor="middle">harmful conversations</text></svg>`;
}
