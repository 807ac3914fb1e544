/** Measured arms over the scenarios that all of them have: what is compared, what is not, and what else is unlike about them. */
import { withCorrection } from '../calibration/correct.ts';
import { TemperError } from '../core/errors.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { About, Scorecard, ScorecardInput } from '../metrics/scorecard.ts';
import type { CalibrationRecord } from '../store/store.ts';
import { comparisonTable, type ComparisonTable } from '../report/table.ts';
import { invalidText, scorecardOf } from './scorecard.ts';

export interface Measured {
  readonly name: string;
  readonly judged: readonly Judged[];
  readonly about: About;
  /** Of the folder of an adapter or a run: the adapter upon the target that `about` names. */
  readonly adapter?: string;
}

/** A scenario that is not the same in all arms, and is compared in none. */
export interface Refused {
  readonly key: string;
  /** Names of the arms that have one of this key; where all have, their hashes differ. */
  readonly in: readonly string[];
}

/** What all arms have, by the scenarios' hashes, and what is refused. Errors: `absent` if nothing is left. */
export function shared(arms: readonly Measured[]): { ids: ReadonlySet<string>; refused: Refused[] } {
  // Of each key the scenario of each arm, by the arm's place.
  const byKey = new Map<string, Map<number, string>>();
  for (const [at, { judged }] of arms.entries())
    for (const { scenario } of judged) {
      const key = `${scenario.suite}: ${scenario.key}`;
      byKey.set(key, (byKey.get(key) ?? new Map<number, string>()).set(at, scenario.id));
    }
  const ids = new Set<string>();
  const refused: Refused[] = [];
  for (const [key, found] of byKey) {
    const different = new Set(found.values());
    if (found.size === arms.length && different.size === 1) ids.add([...different][0]!);
    else refused.push({ key, in: [...found.keys()].map((at) => arms[at]!.name) });
  }
  if (ids.size === 0)
    throw new TemperError(
      'absent',
      `${arms.map(({ name }) => name).join(' and ')} have no scenario in common\n${refusedText(refused, arms.length)}`,
      { hint: 'Give all of them the same suites and seed.' },
    );
  return { ids, refused };
}

const MOST_NAMED = 5;

/** `12 scenarios are not the same everywhere and are left out: theft-01 (other content), ...` */
function refusedText(refused: readonly Refused[], arms: number): string {
  const named = refused
    .slice(0, MOST_NAMED)
    .map(({ key, in: names }) =>
      names.length === arms ? `${key} (other content)` : `${key} (only in ${names.join(', ')})`,
    );
  const more = refused.length > named.length ? ', ...' : '';
  return `${refused.length} scenarios are not the same in all of them and are left out: ${named.join(', ')}${more}`;
}

/** From which severity on categories and rows count; left out: as a scorecard has them. */
export type Severities = Pick<ScorecardInput, 'categorySeverity' | 'rowSeverity'>;

export interface Shared {
  readonly arms: readonly Measured[];
  readonly refused: readonly Refused[];
  readonly notes: readonly string[];
}

/** All arms over the scenarios that all of them have. Errors: as `shared`. */
export function overShared(measured: readonly Measured[]): Shared {
  const { ids, refused } = shared(measured);
  const unlike = (['judge', 'simulator'] as const)
    .filter((part) => new Set(measured.map(({ about }) => about[part])).size > 1)
    .map((part) =>
      measured.length === 2
        ? `The two have different ${part}s: not all that differs is the model's doing.`
        : `They have different ${part}s: not all that differs is the models' doing.`,
    );
  const notes = [
    ...measured.flatMap(({ about }) => about.notes ?? []),
    ...unlike,
    ...(refused.length > 0 ? [`${refusedText(refused, measured.length)}.`] : []),
  ];
  return {
    arms: measured.map((arm) => ({
      ...arm,
      judged: arm.judged.filter(({ scenario }) => ids.has(scenario.id)),
    })),
    refused,
    notes: [...new Set(notes)],
  };
}

/** Two arms as one scorecard, paired, without a gate; corrected where they have one judge, which a calibration knows. */
export function pairedCard(
  { arms, notes }: Shared,
  calibrations: readonly CalibrationRecord[],
  severities: Severities = {},
): Scorecard {
  const [a, b] = arms as [Measured, Measured];
  const { about } = a;
  const target = about.target === b.about.target ? about.target : `${about.target} against ${b.about.target}`;
  const card = scorecardOf({
    about: {
      ...about,
      ...(notes.length > 0 ? { notes } : {}),
      target,
      adapter: `${a.name} against ${b.name}`,
    },
    before: a.judged,
    after: b.judged,
    ...severities,
  });
  return { ...(about.judge === b.about.judge ? withCorrection(card, calibrations) : card), gate: null };
}

/** All arms as one table, each paired with the first. */
export function pairedTable({ arms, refused, notes }: Shared, severities: Severities = {}): ComparisonTable {
  const [first, ...others] = arms as [Measured, ...Measured[]];
  const spoilt = arms.map(({ name, judged }) => invalidText(judged, `conversations of ${name}`));
  return comparisonTable({
    about: { ...first.about, notes: [...notes, ...spoilt.filter((text) => text !== null)] },
    models: arms.map(({ name, about, adapter }) => ({
      name,
      target: adapter === undefined ? about.target : `${about.target} + ${adapter}`,
    })),
    cards: others.map(({ judged }) =>
      scorecardOf({ about: first.about, before: first.judged, after: judged, ...severities }),
    ),
    refused,
  });
}
