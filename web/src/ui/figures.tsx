/** Figures of the scorecard: the same text as every report, and each a way to its conversations. */
import { difference, estimate, figure, pValue, sampleSize, type Unit } from '../../../src/report/format.ts';
import type { Comparison } from '../../../src/metrics/comparison.ts';
import type { Estimate } from '../../../src/metrics/rate.ts';
import { Link } from '../router.tsx';

export { difference, estimate, figure, pValue, sampleSize };

/** `12.0 %` with its interval below it. */
export function Figure({
  of,
  unit,
  to,
  tone,
}: {
  of: Estimate | null;
  unit: Unit;
  to?: string | undefined;
  tone?: string;
}) {
  const text = estimate(of, unit);
  const [value, interval] = text.split(/ (?=\[)/);
  return (
    <>
      {to && of && of.value !== null ? (
        <Link to={to} className={tone ?? ''}>
          {value}
        </Link>
      ) : (
        <span className={tone}>{value}</span>
      )}
      {interval ? <span className="interval">{interval}</span> : null}
    </>
  );
}

const percent = (share: number): string => `${(share * 100).toFixed(2)}%`;

function Bar({
  arm,
  of,
  to,
  name,
  title,
}: {
  arm: 'before' | 'after';
  of: Estimate | null;
  to: string | undefined;
  name: string;
  /** What the arm is called. */
  title: string;
}) {
  if (!of) return null;
  if (of.value === null) return <span className="none">nothing scored</span>;
  const inside = (
    <>
      <i style={{ width: percent(of.value) }} />
      <b style={{ left: percent(of.low), width: percent(of.high - of.low) }} />
    </>
  );
  const label = `${name}, ${title}: ${estimate(of, 'share')}, n ${sampleSize(of)}`;
  return to ? (
    <Link to={to} className={arm} aria-label={label} title={label}>
      {inside}
    </Link>
  ) : (
    <span className={arm} title={label}>
      {inside}
    </span>
  );
}

/** A line of bars: a name, before and after with their intervals, the figures. */
export function BarLine({
  name,
  title,
  of,
  link,
  names,
}: {
  name: string;
  title?: string;
  of: Comparison;
  names: readonly [string, string];
  link: (arm: 'before' | 'after') => string | undefined;
}) {
  return (
    <div className="line">
      <span className="name" title={title}>
        {name}
      </span>
      <div className="plot">
        <Bar arm="before" of={of.before} to={link('before')} name={name} title={names[0]} />
        <Bar arm="after" of={of.after} to={link('after')} name={name} title={names[1]} />
      </div>
      <span className="figures">
        <span className="before">
          {figure(of.before.value, 'share')} <small>n {sampleSize(of.before)}</small>
        </span>
        {of.after ? (
          <span className="after">
            {figure(of.after.value, 'share')} <small>n {sampleSize(of.after)}</small>
          </span>
        ) : null}
      </span>
    </div>
  );
}
