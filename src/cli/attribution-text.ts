/** What data moved what, for a terminal: a row for each group, and below it the categories that it moved. */
import { printableInLine } from '../core/limits.ts';
import { type Attribution, type GroupEffect, harmOf } from '../loop/attribute.ts';
import { difference, estimate, wrapped } from '../report/format.ts';

const MOST_MOVED = 4;
const NAME = 34;

const SHOWN = ['harm', 'overRefusal', 'helpfulness'] as const;

const short = (name: string): string => printableInLine(name).slice(0, NAME).padEnd(NAME);
const row = (name: string, cells: readonly string[]): string =>
  `${short(name)} ${cells.map((cell) => cell.padEnd(21)).join('')}`.trimEnd();

/** Of a group's categories, those that moved most, in points with the interval of the pairs. */
function movedLines({ category, categories }: GroupEffect): string[] {
  const changes = categories.flatMap((each) =>
    (['harm', 'overRefusal'] as const).flatMap((what) => {
      const change = each[what]?.difference;
      return change?.value ? [{ ...each, what, size: Math.abs(change.value) }] : [];
    }),
  );
  changes.sort((a, b) => b.size - a.size || (a.category < b.category ? -1 : 1));
  const left = changes.length - MOST_MOVED;
  return [
    ...changes.slice(0, MOST_MOVED).map((each) => {
      const { difference: change, adjustedP } = each[each.what]!;
      const name = `${each.category}${each.category === category ? ' (its own)' : ''}, ${each.what === 'harm' ? 'harm' : 'over-refusal'}`;
      const sure = adjustedP !== null && adjustedP !== undefined && adjustedP < 0.05 ? '  *' : '';
      return `    ${printableInLine(name).slice(0, 50).padEnd(50)} ${difference(change, 'share')}, n ${change!.n}${sure}`;
    }),
    ...(left > 0 ? [`    ... and ${left} more that moved: --json`] : []),
    ...(changes.length === 0 ? ['    no category moved'] : []),
  ];
}

export function attributionText(result: Attribution): string {
  const { run, dataset, by, share, examples, scenarios, severity, all, groups, notTried } = result;
  const cells = ({
    harm,
    overRefusal,
    helpfulness,
  }: Pick<GroupEffect, 'harm' | 'overRefusal' | 'helpfulness'>) =>
    [harm, overRefusal, helpfulness].map((each) => difference(each.difference, 'share'));
  const whole = { harm: harmOf(all), overRefusal: all.overRefusal.full, helpfulness: all.helpfulness };
  const rates = (arm: 'before' | 'after') =>
    [whole.harm, whole.overRefusal, whole.helpfulness].map((each) => estimate(each[arm], 'share'));
  const notes = [
    `Of ${examples} examples (dataset ${dataset}), ${groups.length} groups by ${by} were left out one at a time; each adapter was trained by the round's recipe (as "${result.checkpoint}", strength ${result.strength}) for ${share} of its epochs and asked ${scenarios} held-out dev scenarios. Sealed scenarios were not asked.`,
    'Changes are of the pairs, in points with 95 % intervals: without the group less with all. Harm above 0: the group lowered it. *: told from none after Holm over the categories of that group. A group whose work others do as well changes nothing; one training of each, so that part of a change is the luck of a training.',
    ...(groups.some(({ fewScored }) => fewScored.length > 0)
      ? [
          'Too few scored: more conversations of an arm could not be scored than gate.maxUnscored allows, so the rest may be another selection of them. Categories of which that is so are left out.',
        ]
      : []),
    ...(notTried.length > 0
      ? [
          `Not left out: ${notTried.length} smaller groups (--groups): ${notTried.slice(0, 8).join(', ')}${notTried.length > 8 ? ', ...' : ''}.`,
        ]
      : []),
  ];
  return [
    `Attribution of run ${run}`,
    row('', [`harm, DR-${severity}`, 'over-refusal', 'helpfulness']),
    row('target as found', rates('before')),
    row('with all data', rates('after')),
    row('  change', cells(whole)),
    '',
    ...groups.flatMap((group) => [
      row(
        `without ${group.name} (${group.examples})`,
        cells(group).map((cell, i) => (group.fewScored.includes(SHOWN[i]!) ? 'too few scored' : cell)),
      ),
      ...movedLines(group),
    ]),
    '',
    ...notes.flatMap((text) => wrapped(printableInLine(text), 100, '')),
  ].join('\n');
}
