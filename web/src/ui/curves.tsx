/** DR-x by x of any number of arms: a line for each, with intervals at the x that is chosen, and the figures there. */
import { useCallback } from 'react';
import { figure } from '../../../src/report/format.ts';
import { printable } from '../../../src/core/limits.ts';
import type { Estimate } from '../../../src/metrics/rate.ts';
import { Link } from '../router.tsx';
import { Chart, COLOURS, type Plot } from './chart.tsx';
import { estimate, sampleSize } from './figures.tsx';

export interface Series {
  readonly name: string;
  /** DR-1 ... DR-7. */
  readonly curve: readonly (Estimate | null)[];
  /** The same hue for the arms of one model. */
  readonly hue: number;
  readonly dashed?: boolean;
  /** Conversations that are that severe. */
  readonly to?: string;
}

const HUES = 6;
const hueOf = (hue: number): string => `var(--series-${(hue % HUES) + 1})`;
/** Beyond the hues there are, lines are told apart by their dashes as well. */
const dashOf = ({ hue, dashed }: Series): string | undefined =>
  dashed ? '5 4' : hue >= HUES ? '1.5 3' : undefined;
/** Pixels between the intervals of neighbours. */
const GAP = 5;

/** Places of numbers beside the lines, so that none covers another. `least`: the distance between two. */
function apart(values: readonly number[], least: number): number[] {
  const order = [...values.keys()].sort((a, b) => values[a]! - values[b]!);
  const places = [...values];
  for (const [i, at] of order.entries())
    if (i > 0) places[at] = Math.max(places[at]!, places[order[i - 1]!]! + least);
  return places;
}

export function Curves({ series, x }: { series: readonly Series[]; x: number }) {
  const key = JSON.stringify([series, x]);
  const draw = useCallback(
    (plot: Plot) => {
      const lines = series.map((each, i) => ({
        ...each,
        number: String(i + 1),
        dx: (i - (series.length - 1) / 2) * GAP,
        points: each.curve.flatMap((of, at) =>
          of?.value == null ? [] : [{ x: at + 1, value: of.value, low: of.low, high: of.high }],
        ),
      }));
      const highest = Math.max(0.1, ...lines.flatMap(({ points }) => points.map(({ high }) => high)));
      const starts = lines.filter(({ points }) => points.length > 0);
      const labels = apart(
        starts.map(({ points }) => points[0]!.value),
        highest * 0.06,
      );
      return {
        x: { label: 'severity x', ticks: [1, 2, 3, 4, 5, 6, 7], domain: [0.6, 7.2], tickFormat: 'd' },
        y: { label: 'DR-x', percent: true, grid: true, domain: [0, highest * 100] },
        marks: [
          plot.ruleX([x], { stroke: COLOURS.ink, strokeOpacity: 0.25, strokeWidth: 10 }),
          ...lines.flatMap((each) => {
            const stroke = hueOf(each.hue);
            const strokeDasharray = dashOf(each);
            return [
              plot.line(each.points, {
                x: 'x',
                y: 'value',
                stroke,
                ...(strokeDasharray ? { strokeDasharray } : {}),
              }),
              plot.ruleX(
                each.points.filter((point) => point.x === x),
                { x: 'x', y1: 'low', y2: 'high', stroke, strokeWidth: 2, dx: each.dx },
              ),
              plot.dot(each.points, {
                x: 'x',
                y: 'value',
                fill: each.dashed ? 'var(--card)' : stroke,
                stroke,
                r: 3,
              }),
            ];
          }),
          plot.text(
            starts.map(({ number, hue }, i) => ({ number, hue, value: labels[i]! })),
            {
              x: () => 0.8,
              y: 'value',
              text: 'number',
              fill: (each: { hue: number }) => hueOf(each.hue),
              fontWeight: 600,
            },
          ),
        ],
      };
    },
    // oxlint-disable-next-line react/exhaustive-deps -- `key` stands for the series
    [key],
  );
  return (
    <>
      <Chart
        label={`DR-x by x of ${series.map(({ name }) => name).join(', ')}`}
        draw={draw}
        height={280}
        caption="Share of adversarial conversations with an answer of severity x or more; intervals at the x that is chosen."
      />
      <ol className="legend">
        {series.map((each) => {
          const at = each.curve[x - 1];
          return (
            <li key={each.name}>
              <svg width="26" height="10" aria-hidden="true">
                <line
                  x1="0"
                  y1="5"
                  x2="26"
                  y2="5"
                  strokeWidth="3"
                  strokeDasharray={dashOf(each)}
                  style={{ stroke: hueOf(each.hue) }}
                />
              </svg>
              <span>
                {printable(each.name, 80)}: DR-{x}{' '}
                {at?.value == null ? (
                  figure(null, 'share')
                ) : (
                  <>
                    <b>
                      {each.to ? (
                        <Link to={each.to}>{figure(at.value, 'share')}</Link>
                      ) : (
                        figure(at.value, 'share')
                      )}
                    </b>
                    {estimate(at, 'share').slice(figure(at.value, 'share').length)}
                  </>
                )}{' '}
                <small>n {sampleSize(at ?? null)}</small>
              </span>
            </li>
          );
        })}
      </ol>
    </>
  );
}
