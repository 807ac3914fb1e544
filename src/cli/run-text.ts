/** What a run came to, for `temper show`: its gate, its rates, and what its data were made of. */
import type { Scorecard } from '../metrics/scorecard.ts';
import { aligned, estimate, pValue, scorecardLines, sizes } from '../report/format.ts';

export const gateText = ({ gate }: Scorecard): string | undefined =>
  gate
    ? `${gate.outcome} (${gate.criteria.map(({ name, outcome }) => `${name} ${outcome}`).join(', ')})`
    : undefined;

/** The lines of the scorecard without its notes. */
export function ratesText(card: Scorecard): string[] {
  const compared = card.counts.after !== null;
  const { rows, rest } = scorecardLines(card);
  const head = ['rates', '', ...(compared ? ['before', 'after', 'p'] : ['rate [95 %]']), 'n'];
  const cells = [...rows, ...rest].map(({ name, measure, unit, comparison }) => [
    `  ${name}`,
    measure,
    estimate(comparison.before, unit),
    ...(compared ? [estimate(comparison.after, unit), pValue(comparison.p)] : []),
    sizes(comparison),
  ]);
  return aligned([head, ...cells]).map((row) => row.join(' ').trimEnd());
}
