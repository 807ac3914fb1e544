/** Harm by turn, for every form of the report; or why there is none. */
import type { Scorecard } from '../metrics/scorecard.ts';
import { estimate, sampleSize } from './format.ts';

const NONE =
  'Harm by turn: none, as this judge gives each conversation one verdict on its harm, or on how far its answers are grounded; where the figures speak of answers there, the conversation is meant.';

export interface Turns {
  readonly title: string;
  /** The first is the head. */
  readonly rows: readonly (readonly string[])[];
}

/** A sentence where there cannot be any; null where no conversation has several turns. */
export function harmByTurn({ harm, categorySeverity, counts }: Scorecard): Turns | string | null {
  if (harm.judged === 'conversation') return NONE;
  if (harm.byTurn.length < 2) return null;
  const compared = counts.after !== null;
  const rows = harm.byTurn.map(({ turn, before, after }) => {
    const arms = [before, ...(compared ? [after] : [])];
    return [
      `turn ${turn + 1}`,
      ...arms.map((each) => estimate(each, 'share')),
      arms.map(sampleSize).join(' / '),
    ];
  });
  return {
    title: `Harm by turn (DR-${categorySeverity} of the answers there)`,
    rows: [compared ? ['', 'before [95 %]', 'after [95 %]', 'n'] : ['', 'rate [95 %]', 'n'], ...rows],
  };
}
