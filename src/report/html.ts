/**
 * The report as one self-contained HTML file: no request leaves the page, model text is only ever a text node, and
 * behind every number are its conversations, blurred until asked for.
 */
import { createHash } from 'node:crypto';
import { printable } from '../core/limits.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { loadTaxonomy } from '../scenarios/taxonomy.ts';
import { SCRIPT, STYLE } from './assets.ts';
import {
  categoryChart,
  escapeHtml,
  filterButton,
  type FrontierFigures,
  type FrontierMark,
  frontierChart,
} from './charts.ts';
import { embeddedCases, filters, MOST_CHARACTERS } from './conversations.ts';
import {
  clearChange,
  correctionText,
  criterionText,
  difference,
  estimate,
  figure,
  type Line,
  marginsText,
  otherCategories,
  PHI_3_NOTE,
  pValue,
  sampleSize,
  scorecardLines,
  sizes,
  UNCORRECTED,
} from './format.ts';
import {
  regressionCells,
  regressionDifference,
  regressionFoot,
  regressionLines,
  regressionTitle,
  type RoundLine,
  ROUNDS_NOTE,
  roundsTable,
} from './rounds.ts';
import { harmByTurn } from './turns.ts';

export interface HtmlInput {
  readonly scorecard: Scorecard;
  readonly before: readonly Judged[];
  readonly after?: readonly Judged[];
  readonly frontier?: readonly FrontierMark[];
  /** The model before the fix on the scenarios of the frontier. */
  readonly base?: FrontierFigures;
  /** Of several rounds, this the last. */
  readonly rounds?: readonly RoundLine[];
}

const hash = (script: string): string => `'sha256-${createHash('sha256').update(script).digest('base64')}'`;

/** JSON that cannot end the script element it stands in. */
const inertJson = (value: unknown): string =>
  JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028|\u2029/g, ' ');

/** A figure with its interval below it, or beside it on a narrow page. */
const stacked = (text: string): string => text.replace(/ (\[.*\])$/, ' <small class="interval">$1</small>');

function tableRow(line: Line, compared: boolean): string {
  const { before, after, p, difference: change } = line.comparison;
  const tone = { better: 'good', worse: 'bad', none: '' }[clearChange(line) ?? 'none'];
  const cells: [string, string][] = [
    [
      '',
      `${filterButton(line.cases, line.name.replace(/^ +/, 'Over-refusal, '))} <small>${line.measure}</small>`,
    ],
    [compared ? 'before [95 %]' : 'rate [95 %]', stacked(estimate(before, line.unit))],
    ...(compared
      ? ([
          ['after [95 %]', `<span class="${tone}">${stacked(estimate(after, line.unit))}</span>`],
          ['paired difference', stacked(difference(change, line.unit))],
          ['p', pValue(p)],
        ] satisfies [string, string][])
      : []),
    [compared ? 'n before' : 'n', sampleSize(before)],
    ...(compared
      ? ([
          ['n after', sampleSize(after)],
          ['pairs', String(change?.n ?? 0)],
        ] satisfies [string, string][])
      : []),
    [
      'phi-3-mini*',
      line.reference === undefined ? '' : `<small>${figure(line.reference, line.unit)}</small>`,
    ],
  ];
  return `<tr>${cells.map(([name, text]) => `<td data-label="${name}">${text}</td>`).join('')}</tr>`;
}

function scorecardTable(card: Scorecard, compared: boolean): string {
  const { rows, rest } = scorecardLines(card);
  const header = [
    '',
    compared ? 'before [95 %]' : 'rate [95 %]',
    ...(compared ? ['after [95 %]', 'paired difference', 'p', 'n before', 'n after', 'pairs'] : ['n']),
    'phi-3-mini*',
  ];
  const body = [...rows, ...rest].map((line) => tableRow(line, compared));
  const paired =
    'Before is the model as it was, after the same with the adapter. The paired difference (in points for shares) takes only the pairs scored in both arms; before and after each count all that their own arm scored, so their difference need not be the same; p is of the pairs. Green: better, red: worse, with p below .05. ';
  return `<div class="scroll"><table class="stack"><thead><tr>${header.map((text) => `<th scope="col">${text}</th>`).join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>
<p>Choose a line for its conversations. ${compared ? `${paired}${UNCORRECTED} ` : ''}n + m?: m are unscored and counted as neither harmful nor safe. n of ungroundedness counts answers, all others conversations. DR-x: share of conversations whose worst answer has severity x or more; VPRR: benign requests refused; IPRR: adversarial requests refused. *${escapeHtml(PHI_3_NOTE)}.</p>`;
}

/** Over-refusal and checked answers by the categories of a benchmark. */
function otherTables(card: Scorecard, compared: boolean): string {
  const head = ['', compared ? 'before [95 %]' : 'rate [95 %]', ...(compared ? ['after [95 %]'] : []), 'n'];
  return otherCategories(card)
    .map(({ title, kind, rows }) => {
      const body = rows.map(({ category, comparison }) => {
        const cells = [
          filterButton({ kind, category }, category),
          estimate(comparison.before, 'share'),
          ...(compared ? [estimate(comparison.after, 'share')] : []),
          sizes(comparison),
        ];
        return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
      });
      return `<h2>${title}</h2><div class="scroll"><table><thead><tr>${head.map((text) => `<th scope="col">${text}</th>`).join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
    })
    .join('\n');
}

function gateTable({ gate }: Scorecard): string {
  if (!gate) return '';
  const rows = gate.criteria.map((criterion) => {
    const { name, outcome } = criterion;
    return `<tr><td data-label="">${name}</td><td data-label="" class="${outcome}">${outcome}</td><td data-label="" class="sentence">${escapeHtml(criterionText(criterion))}</td></tr>`;
  });
  return `<h2>Gate <span class="gate ${gate.outcome}">${gate.outcome}</span></h2>
<p>May this adapter ship? It fails if one criterion fails, and passes if all pass; inconclusive: the intervals are too wide to tell.</p>
<table class="stack">${rows.join('')}</table>
<p>${escapeHtml(marginsText(gate))}</p>`;
}

function frontierSection({ frontier = [], base }: HtmlInput, { gate, categorySeverity }: Scorecard): string {
  if (frontier.length === 0) return '';
  return `<h2>Frontier of the candidates</h2>
<p>Each checkpoint of the training times each strength of its adapter (1: as trained), on dev scenarios kept from training, so these figures must not be compared with those above. Down and left is better. Filled and large: chosen, most likely to keep all limits (on harm, over-refusal, helpfulness and degenerate answers) among those within the limits on usefulness, or among all where none is within them; where the best ones met more held-out scenarios or were attacked (notes above), by that. Hollow: outside the limits.${base ? ' B: before the fix.' : ''}</p>
${frontierChart(frontier, base, gate?.options.harmSeverity ?? categorySeverity)}`;
}

const plainTable = ([head = [], ...rows]: readonly (readonly string[])[]): string => {
  const cells = (row: readonly string[]): string =>
    row.map((text, i) => `<td data-label="${escapeHtml(head[i] ?? '')}">${escapeHtml(text)}</td>`).join('');
  return `<div class="scroll"><table class="stack"><thead><tr>${head.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join('')}</tr></thead><tbody>${rows.map((row) => `<tr>${cells(row)}</tr>`).join('')}</tbody></table></div>`;
};

function regressionSection({ regression }: Scorecard): string {
  if (!regression) return '';
  const rows = regressionLines(regression).map((line) => [
    ...regressionCells(line).slice(0, 3),
    regressionDifference(line),
    ...regressionCells(line).slice(3),
  ]);
  return `<h2>${escapeHtml(regressionTitle(regression))}</h2>
${plainTable([['', 'before [95 %]', 'after [95 %]', 'paired difference', 'p', 'n'], ...rows])}
<p>${escapeHtml(regressionFoot(regression))}</p>`;
}

function turnsSection(card: Scorecard): string {
  const turns = harmByTurn(card);
  if (turns === null) return '';
  if (typeof turns === 'string') return `<p>${escapeHtml(turns)}</p>`;
  return `<h2>${escapeHtml(turns.title)}</h2>${plainTable(turns.rows)}`;
}

const roundsSection = ({ rounds = [] }: HtmlInput): string =>
  rounds.length === 0
    ? ''
    : `<h2>Rounds</h2>${plainTable(roundsTable(rounds))}<p>${escapeHtml(ROUNDS_NOTE)}</p>`;

function facts({ about }: Scorecard): string {
  const { target, adapter, suite, split, simulator, judge, seed, created } = about;
  return [
    ['target', target],
    ['adapter', adapter],
    ['scenarios', `${suite}${split === undefined ? '' : `, ${split} split`}`],
    ['user', simulator],
    ['judge', judge],
    ['seed', seed === undefined ? undefined : String(seed)],
    ['started', created.replace(/^(\S+)T(\d+:\d+).*Z$/, '$1 $2 UTC')],
  ]
    .flatMap(([name, value]) => (value ? [`<dt>${name}</dt><dd>${escapeHtml(printable(value))}</dd>`] : []))
    .join('');
}

export function renderHtml(input: HtmlInput): string {
  const { scorecard: card, before, after = [] } = input;
  const compared = card.counts.after !== null;
  const arms = compared ? ', before and after' : '';
  const leaves = loadTaxonomy(BUILT_IN.taxonomy).leaves.map(({ id }) => id);
  // A benchmark has categories of its own.
  const foreign =
    card.categories.length > 0 || card.checked
      ? !card.categories.some(({ category }) => leaves.includes(category))
      : false;
  const known = foreign ? [] : leaves;
  const { items, total } = embeddedCases(before, after, card.categorySeverity);
  const left =
    total > items.length
      ? ` ${total - items.length} of ${total} test cases are left out of this file, evenly over the list.`
      : '';
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src ${hash(SCRIPT)}; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}"><title>temper scorecard</title><style>${STYLE}</style></head>
<body><main>
<h1>Scorecard</h1><dl>${facts(card)}</dl>
${(card.about.notes ?? []).map((note) => `<p><b>${escapeHtml(note)}</b></p>`).join('\n')}
${scorecardTable(card, compared)}
${correctionText(card)
  .map((text) => `<p>${escapeHtml(printable(text))}</p>`)
  .join('')}
${gateTable(card)}
${turnsSection(card)}
${roundsSection(input)}
${regressionSection(card)}
<h2>Harm by category${arms}</h2>
<p>Share of adversarial conversations whose worst answer has severity ${card.categorySeverity} or more; the thin line is the 95 % interval. The prompts are adversarial, so the shares are far above what ordinary use would show.</p>
${compared ? '<p class="key"><span class="before"></span>before<span class="after"></span>after</p>' : ''}
${categoryChart(card.categories, known)}
${foreign ? otherTables(card, compared) : ''}
${frontierSection(input, card)}
<h2>Method and limits</h2>
<p>A simulated user talks to the target; the judge reads every answer. Severity runs from 0 (none) to 7, ungroundedness from 0 (all of it is in the source) to 4. Intervals are exact (Clopper and Pearson) where at most ten of the rarer outcome were seen, else Wilson's, and widened where several samples share a scenario; before and after are compared on the same scenarios, with McNemar's exact test or sign flips by scenario.</p>
<p>The scenarios are synthetic and adversarial and say nothing about how often harm occurs in use. The judge errs: its agreement with people is stated above and in its card. A rate near zero is not proof of safety; read the interval, then the conversations.</p>
<section id="conversations"><h2>Conversations</h2>
<p>A verdict is of the whole conversation: <b>harmful</b>, an answer of severity ${card.categorySeverity} or more; <b>refused</b>, every answer to an adversarial user, or any to another; <b>degenerate</b>, an answer that is empty, loops, copies the request or is off topic; <b>unscored</b>, no score where its kind is counted (severity, refusal, groundedness, right or wrong); <b>right</b>, the answer holds one of those accepted. Texts are cut at ${MOST_CHARACTERS} characters.${left}</p>
<div class="bar" role="search" aria-label="Filter the conversations"><div class="filters">${filters(items, compared)}</div>
<div class="state"><span id="count" role="status" tabindex="-1"></span><button id="reset">Reset filters</button><button id="blur" aria-pressed="false">Show texts</button></div></div>
<div id="list" class="blurred"></div><noscript><p>The conversations are shown by a script, which this browser does not run.</p></noscript></section>
</main><script type="application/json" id="data">${inertJson({ items })}</script><script>${SCRIPT}</script></body></html>
`;
}
