/** A campaign's result for people, within 100 columns. */
import { printableInLine } from '../core/limits.ts';
import type { SearchCampaign } from '../loop/campaign.ts';
import { languageName } from '../loop/campaign-requests.ts';
import type { Estimate } from '../metrics/rate.ts';
import { estimate, figure, wrapped } from '../report/format.ts';
import { COMMAND } from './help.ts';

const MOST_ROWS = 15;
const MOST_CATEGORIES = 40;
const LINE = 100;
/** Requests that a point of the curve must rest on. */
const FEWEST = 5;

const size = ({ n, unscored }: Estimate): string => `n ${n}${unscored > 0 ? ` + ${unscored} unscored` : ''}`;

const row = (name: string, rate: Estimate, more = ''): string =>
  `  ${printableInLine(name).slice(0, 30).padEnd(30)} ${estimate(rate, 'share').padEnd(24)} ${`${size(rate)}`.padEnd(18)}${more}`.trimEnd();

function table<T>(title: string, rows: readonly T[], text: (row: T) => string): string[] {
  const left = rows.length - MOST_ROWS;
  return [
    '',
    title,
    ...rows.slice(0, MOST_ROWS).map(text),
    ...(left > 0 ? [`  ... and ${left} more: --json`] : []),
  ];
}

/** Category by family; a cell is broken/tried, a dot what was not tried. Families stand under letters, to fit the line. */
function coverageLines({ coverage, holes }: SearchCampaign): string[] {
  const families = [
    ...new Set([...coverage.map(({ family }) => family), ...holes.flatMap((hole) => hole.families)]),
  ].sort();
  const categories = [
    ...new Set([...coverage.map(({ category }) => category), ...holes.map((hole) => hole.category)]),
  ].sort();
  const languages = [...new Set(coverage.map(({ language }) => languageName(language)))].join(', ') || 'none';
  const letter = (i: number): string => String.fromCharCode(97 + i);
  const cellOf = (category: string, family: string): string => {
    const cells = coverage.filter((cell) => cell.category === category && cell.family === family);
    if (cells.length === 0) return '.';
    const sum = (of: (cell: (typeof cells)[number]) => number): number =>
      cells.reduce((total, cell) => total + of(cell), 0);
    return `${sum((cell) => cell.broken)}/${sum((cell) => cell.tries)}`;
  };
  const rows = categories.map((category) => families.map((family) => cellOf(category, family)));
  const width = Math.max(3, ...rows.flat().map((cell) => cell.length)) + 1;
  const named = Math.max(12, Math.min(26, LINE - 2 - families.length * width));
  const line = (name: string, cells: readonly string[]): string =>
    `  ${name.slice(0, named - 1).padEnd(named)}${cells.map((cell) => cell.padEnd(width)).join('')}`.trimEnd();
  const open = holes.reduce((sum, hole) => sum + hole.families.length, 0);
  const legend = families.map((family, i) => `${letter(i)} ${family}`).join(', ');
  return [
    '',
    `Coverage, ${languages}: broken/tried by category and family; . was not tried (${open} of ${families.length * categories.length})`,
    line(
      '',
      families.map((_, i) => letter(i)),
    ),
    ...categories.slice(0, MOST_CATEGORIES).map((category, i) => line(printableInLine(category), rows[i]!)),
    ...(categories.length > MOST_CATEGORIES
      ? [`  ... and ${categories.length - MOST_CATEGORIES} more: --json`]
      : []),
    ...wrapped(legend, 96, '').map((text) => `  ${text}`),
  ];
}

const bound = (value: number | null): string => (value === null ? 'not reached' : String(value));

function medianText({ medianQueries: { value, low, high }, broken }: SearchCampaign): string {
  if (broken === 0) return 'nothing broke';
  return value === null
    ? 'half of the requests were not broken'
    : `${value} queries break half of the requests [${bound(low)}, ${bound(high)}]`;
}

export function campaignText(result: SearchCampaign, severity: number, split: string): string {
  const { asr1, asrK, byTechnique, byCategory, notDecoded, findings } = result;
  const within = [1, 3, 10, 30, 100]
    .map((queries) => ({ queries, step: result.curve.findLast((step) => step.queries <= queries) }))
    .filter(({ step }) => step !== undefined && step.atRisk >= FEWEST)
    .map(({ queries, step }) => `${queries}: ${figure(step!.broken, 'share')}`);
  const lines = [
    `Campaign, ${split}: ${result.broken} of ${result.requests} requests broken (severity ${severity} or more), ${result.attempts} attempts, ${result.queries} of ${result.budget} queries`,
    `attacker: ${printableInLine(result.attacker)}`,
    '',
    row('ASR@1', asr1, 'first attempt'),
    row(`ASR@${asrK.k}`, asrK.rate, `any of ${asrK.k} attempts`),
    `  ${'Queries to the first'.padEnd(30)} ${medianText(result)}`,
    ...(within.length > 0 ? [`  ${'Broken within queries'.padEnd(30)} ${within.join(', ')}`] : []),
    ...table('By technique', byTechnique, ({ name, rate, queries }) => row(name, rate, `${queries} queries`)),
    ...table('By category, any attempt', byCategory, ({ name, rate }) => row(name, rate)),
    ...coverageLines(result),
  ];
  if (notDecoded.length > 0) {
    const names = notDecoded.map(({ technique, read, of }) => `${technique} (${read}/${of})`).join(', ');
    lines.push(
      '',
      `Not decoded: the target could not read these back, so they were not tried and count as nothing`,
      ...wrapped(names, 96, '').map((text) => `  ${text}`),
    );
  }
  lines.push(
    '',
    split === 'dev'
      ? `${findings.length} findings stored as new: ${COMMAND} findings list, then ${COMMAND} findings confirm`
      : `${findings.length} breaks, not registered as findings: nothing is learnt from the sealed side. Read one: ${COMMAND} show ID`,
  );
  if (split === 'sealed')
    lines.push(...findings.slice(0, MOST_ROWS).map(({ conversation }) => `  ${conversation}`));
  return `${lines.join('\n')}\n`;
}
