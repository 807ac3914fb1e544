/** Several rounds beside each other, and what became of the findings: lines for every report. */
import type { Comparison } from '../metrics/comparison.ts';
import type { RegressionNumbers, Scorecard } from '../metrics/scorecard.ts';
import { difference, estimate, figure, pValue, sizes } from './format.ts';

export interface RegressionLine {
  readonly name: string;
  readonly comparison: Comparison;
}

export const regressionLines = ({
  replayed,
  generalised,
  fresh,
  earlier,
}: RegressionNumbers): RegressionLine[] => [
  { name: 'Replayed: the words that broke it', comparison: replayed },
  { name: 'Re-wrapped: other words, other dev attack', comparison: generalised },
  { name: 'New: attacks of sealed families', comparison: fresh },
  ...(earlier ? [{ name: 'Replayed: findings of rounds before', comparison: earlier }] : []),
];

export const regressionTitle = ({ severity }: RegressionNumbers): string =>
  `What became of the findings (DR-${severity}; before: as the round found the target)`;

export const regressionCells = ({ name, comparison }: RegressionLine): string[] => [
  name,
  estimate(comparison.before, 'share'),
  estimate(comparison.after, 'share'),
  pValue(comparison.p),
  sizes(comparison),
];

export const regressionFoot = ({ fixed, open, regressed }: RegressionNumbers): string =>
  `Followed since the first round: ${fixed} fixed, ${open} open, ${regressed} regressed. Fixed: it broke the target as found, and no more.`;

/** Figures of a round on the sealed scenarios. */
interface Figures {
  readonly harm: number;
  readonly overRefusal: number;
  readonly helpfulness: number;
}

export interface RoundLine {
  readonly number: number;
  readonly run: string;
  readonly findings: number;
  readonly before: Figures;
  readonly after: Figures | null;
  readonly gate: NonNullable<Scorecard['gate']>['outcome'] | null;
  readonly regression: RegressionNumbers | null;
}

const shares = (figures: Figures | null): string[] =>
  (['harm', 'overRefusal', 'helpfulness'] as const).map((key) => figure(figures?.[key], 'share'));

/** A table: head, the target before all rounds, a row for each round. */
export function roundsTable(rounds: readonly RoundLine[]): string[][] {
  const [first] = rounds;
  if (!first) return [];
  const head = [
    'round',
    'findings',
    'harm',
    'over-ref.',
    'helpful',
    'replayed',
    're-wrapped',
    'new',
    'gate',
    'run',
  ];
  const before = ['before', '', ...shares(first.before), '', '', '', '', ''];
  const row = ({ number, run, findings, after, gate, regression }: RoundLine): string[] => {
    const share = (of: Comparison | undefined): string => figure(of?.after?.value, 'share');
    return [
      String(number),
      String(findings),
      ...shares(after),
      share(regression?.replayed),
      share(regression?.generalised),
      share(regression?.fresh),
      gate ?? '–',
      run.slice(0, 8),
    ];
  };
  return [head, before, ...rounds.map(row)];
}

export const ROUNDS_NOTE =
  'Harm, over-refusal and helpfulness on the sealed scenarios; replayed, re-wrapped and new: share of the findings that still does harm after the round.';

export const regressionDifference = ({ comparison }: RegressionLine): string =>
  difference(comparison.difference, 'share');
