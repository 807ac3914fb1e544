/** Charts of the HTML report: harm by category as rows of HTML, the frontier of the candidates as inline SVG. */
import { printable } from '../core/limits.ts';
import type { Estimate } from '../metrics/rate.ts';
import type { CategoryResult } from '../metrics/scorecard.ts';
import { estimate, figure, sampleSize } from './format.ts';

/** A point of the frontier. Shares, 0 to 1. */
export interface FrontierFigures {
  readonly harm: number;
  readonly overRefusal: number;
}

export interface FrontierMark extends FrontierFigures {
  readonly label: string;
  readonly chosen: boolean;
  readonly admissible: boolean;
}

export function escapeHtml(text: string): string {
  return printable(text, Infinity).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A button that sets the filters of the conversation list; what it does not name is reset. */
export const filterButton = (filter: Readonly<Record<string, string>>, text: string): string =>
  `<button class="line" data-filter="${escapeHtml(JSON.stringify(filter))}">${escapeHtml(text)}</button>`;

const percent = (share: number): string => `${(share * 100).toFixed(2)}%`;

/** A bar with its interval, in a plot of which the whole width is 100 %. */
function bar(arm: string, of: Estimate | null): string {
  if (!of) return '';
  if (of.value === null) return '<div class="none">nothing scored</div>';
  return `<div class="${arm}"><i class="fill" style="width:max(1px,${percent(of.value)})"></i><i class="whisker" style="left:${percent(of.low)};width:${percent(of.high - of.low)}"></i></div>`;
}

/** The form of Figure 4 of the Phi-3 report. `known`: all categories there are; those without a conversation are named. */
export function categoryChart(categories: readonly CategoryResult[], known: readonly string[]): string {
  const rows = categories.flatMap(({ category, harm }) => {
    if (!harm) return [];
    const figures = [harm.before, harm.after]
      .flatMap((of) => (of ? [`${estimate(of, 'share')}, n ${sampleSize(of)}`] : []))
      .map((text, i) => `<span class="${i === 0 ? 'before' : 'after'}">${text}</span>`);
    return `<li>${filterButton({ kind: 'adversarial', category }, category)}<div class="plot">${bar('before', harm.before)}${bar('after', harm.after)}</div><div class="figures">${figures.join('')}</div></li>`;
  });
  const drawn = new Set(categories.flatMap(({ category, harm }) => (harm ? [category] : [])));
  const missing = [...new Set([...known, ...categories.map(({ category }) => category)])].filter(
    (category) => !drawn.has(category),
  );
  const scale = [0, 25, 50, 75, 100].map((tick) => `<span style="left:${tick}%">${tick} %</span>`);
  const note =
    missing.length > 0
      ? `<p>Not drawn, since no adversarial scenario of this run belongs to them: ${escapeHtml(missing.join(', '))}.</p>`
      : '';
  if (rows.length === 0) return note;
  return `<ul class="bars"><li class="scale" aria-hidden="true"><div class="plot">${scale.join('')}</div></li>${rows.join('')}</ul>${note}`;
}

const SIZE = { width: 440, height: 340, left: 62, right: 20, top: 16, bottom: 52 };

/** An axis from 0 to a round share above all values. */
function axis(values: readonly number[]): { most: number; ticks: number[] } {
  const largest = Math.max(0.1, ...values);
  const step = [0.02, 0.05, 0.1, 0.2].find((each) => largest / each <= 6) ?? 0.2;
  const count = Math.min(Math.ceil((largest * 1.05) / step), Math.round(1 / step));
  return { most: count * step, ticks: Array.from({ length: count + 1 }, (_, i) => i * step) };
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Where a mark's name can stand: beside it, then farther away; the first that covers nothing, else the first. */
function freePlace(mark: Place, taken: readonly Place[]): Place {
  const around = [14, 26, 38].flatMap((far) =>
    [0, 4, 2, 6, 1, 3, 5, 7].map((eighth): Place => ({
      x: mark.x + far * Math.cos((eighth * Math.PI) / 4),
      y: mark.y - far * Math.sin((eighth * Math.PI) / 4),
    })),
  );
  const inside = ({ x, y }: Place): boolean =>
    x > SIZE.left + 6 && x < SIZE.width - 6 && y > 8 && y < SIZE.height - SIZE.bottom - 6;
  const free = (place: Place): boolean =>
    taken.every(({ x, y }) => Math.abs(x - place.x) > 12 || Math.abs(y - place.y) > 13);
  return around.find((place) => inside(place) && free(place)) ?? (around[0] as Place);
}

/** Harm against over-refusal on the held-out dev scenarios, with a table that names the marks: down and left is better. */
export function frontierChart(
  candidates: readonly FrontierMark[],
  base: FrontierFigures | undefined,
  severity: number,
): string {
  const named = [
    ...(base ? [{ ...base, name: 'B', label: 'before the fix', state: 'base', remark: '' }] : []),
    ...candidates.map((candidate, i) => ({
      ...candidate,
      name: String(i + 1),
      state: candidate.chosen ? 'chosen' : candidate.admissible ? 'admissible' : 'outside',
      remark: [...(candidate.chosen ? ['chosen'] : []), candidate.admissible ? 'within' : 'outside'].join(
        ', ',
      ),
    })),
  ];
  const known = named.filter(
    ({ harm, overRefusal }) => Number.isFinite(harm) && Number.isFinite(overRefusal),
  );
  const [across, up] = [axis(known.map((p) => p.overRefusal)), axis(known.map((p) => p.harm))];
  const floor = SIZE.height - SIZE.bottom;
  const x = (share: number): number =>
    SIZE.left + (share / across.most) * (SIZE.width - SIZE.left - SIZE.right);
  const y = (share: number): number => floor - (share / up.most) * (floor - SIZE.top);
  const label = (share: number): string => `${Math.round(share * 100)} %`;
  const grid = [
    ...across.ticks.map(
      (t) =>
        `<line class="grid" x1="${x(t)}" x2="${x(t)}" y1="${SIZE.top}" y2="${floor}"/><text class="tick" x="${x(t)}" y="${floor + 16}" text-anchor="middle">${label(t)}</text>`,
    ),
    ...up.ticks.map(
      (t) =>
        `<line class="grid" x1="${SIZE.left}" x2="${x(across.most)}" y1="${y(t)}" y2="${y(t)}"/><text class="tick" x="${SIZE.left - 6}" y="${y(t) + 4}" text-anchor="end">${label(t)}</text>`,
    ),
  ];
  const taken = known.map(({ harm, overRefusal }): Place => ({ x: x(overRefusal), y: y(harm) }));
  const marks = known.map(({ harm, overRefusal, name, state }) => {
    const mark = { x: x(overRefusal), y: y(harm) };
    const place = freePlace(mark, taken);
    taken.push(place);
    const far = Math.hypot(place.x - mark.x, place.y - mark.y) > 20;
    const leader = far ? `<line x1="${mark.x}" y1="${mark.y}" x2="${place.x}" y2="${place.y}"/>` : '';
    return `<g class="mark ${state}">${leader}<circle cx="${mark.x}" cy="${mark.y}" r="${state === 'chosen' ? 6 : 4.5}"/><text x="${place.x}" y="${place.y + 4}" text-anchor="middle">${name}</text></g>`;
  });
  const titles = `<text class="axis" x="${(SIZE.left + SIZE.width - SIZE.right) / 2}" y="${SIZE.height - 10}" text-anchor="middle">over-refusal: benign requests refused</text><text class="axis" transform="translate(14 ${(SIZE.top + floor) / 2}) rotate(-90)" text-anchor="middle">harm: conversations of severity ${severity} or more</text>`;
  const rows = named.map(
    ({ name, label: text, harm, overRefusal, state, remark }) =>
      `<tr class="${state}"><td data-label=""><b>${name}</b> ${escapeHtml(text)}</td><td data-label="harm">${figure(harm, 'share')}</td><td data-label="over-refusal">${figure(overRefusal, 'share')}</td><td data-label="limits">${remark}</td></tr>`,
  );
  return `<svg viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img" aria-label="Harm against over-refusal of the candidates; the table has the figures">${grid.join('')}${marks.join('')}${titles}</svg>
<div class="scroll"><table class="stack frontier"><thead><tr><th scope="col">mark, candidate</th><th scope="col">harm</th><th scope="col">over-refusal</th><th scope="col">limits</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}
