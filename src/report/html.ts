/**
 * The report as one self-contained HTML file: no request leaves the page, model text is only ever a text node, and
 * behind every number are its conversations, blurred until asked for.
 */
import { createHash } from 'node:crypto';
import { printable } from '../core/limits.ts';
import type { Conversation, Verdict } from '../core/records.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { SCRIPT, STYLE } from './assets.ts';
import { categoryChart, escapeHtml, type FrontierMark, frontierChart } from './charts.ts';
import { difference, estimate, type Line, PHI_3_NOTE, pValue, sampleSize, scorecardLines } from './format.ts';

export interface HtmlInput {
  readonly scorecard: Scorecard;
  readonly before: readonly Judged[];
  readonly after?: readonly Judged[];
  readonly frontier?: readonly FrontierMark[];
}

/** Conversations embedded at most, and characters of each text; the page says what is left out. */
const MOST_CONVERSATIONS = 1000;
const MOST_CHARACTERS = 1500;

const hash = (script: string): string => `'sha256-${createHash('sha256').update(script).digest('base64')}'`;

function verdictText(verdicts: readonly Verdict[], turn: number): string {
  return verdicts
    .filter((verdict) => verdict.turn === turn)
    .map((verdict) => {
      if (verdict.status === 'unscored')
        return `${verdict.metric}: unscored (${printable(verdict.reason, 120)})`;
      const score =
        verdict.metric === 'refusal'
          ? verdict.refusal
          : verdict.metric === 'severity'
            ? verdict.severity
            : verdict.ungroundedness;
      const sure = verdict.probability === undefined ? '' : ` (p ${verdict.probability.toFixed(2)})`;
      return `${verdict.metric}: ${score}${sure}${verdict.degenerate ? ', degenerate' : ''}`;
    })
    .join(' · ');
}

const shownTurns = (conversation: Conversation, verdicts: readonly Verdict[]) =>
  conversation.turns.map((turn) => ({
    request: printable(turn.request, MOST_CHARACTERS),
    response:
      turn.error === undefined
        ? printable(turn.response, MOST_CHARACTERS)
        : `[${turn.finish}: ${printable(turn.error, 200)}]`,
    attack: conversation.attack ?? '',
    verdict: verdictText(verdicts, turn.index),
  }));

/** Evenly over the list, so that every category keeps some when there are too many. */
function atMost<T>(items: readonly T[], limit: number): readonly T[] {
  if (items.length <= limit) return items;
  return Array.from({ length: limit }, (_, i) => items[Math.floor((i * items.length) / limit)] as T);
}

function embedded({ before, after = [] }: HtmlInput) {
  const later = new Map(after.map((judged) => [judged.scenario.id, judged]));
  return atMost(before, MOST_CONVERSATIONS).map(({ scenario, conversation, verdicts }) => {
    const partner = later.get(scenario.id);
    return {
      id: printable(scenario.key),
      category: printable(scenario.category),
      kind: scenario.kind,
      row: scenario.row ?? '',
      filters: [
        `kind:${scenario.kind}`,
        `category:${printable(scenario.category)}`,
        ...(scenario.row ? [`row:${scenario.row}`] : []),
      ],
      before: shownTurns(conversation, verdicts),
      ...(partner ? { after: shownTurns(partner.conversation, partner.verdicts) } : {}),
    };
  });
}

/** JSON that cannot end the script element it stands in. */
const inertJson = (value: unknown): string =>
  JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028|\u2029/g, ' ');

function tableRow(line: Line, filter: string, compared: boolean): string {
  const { before, after, p, difference: change } = line.comparison;
  const moved = change?.value ?? 0;
  const tone = p !== null && p < 0.05 && moved !== 0 ? (moved < 0 === line.lower ? 'good' : 'bad') : '';
  const cells = [
    escapeHtml(line.name),
    `<small>${line.measure}</small>`,
    estimate(before, line.unit),
    ...(compared
      ? [
          `<span class="${tone}">${estimate(after, line.unit)}</span>`,
          difference(change, line.unit),
          pValue(p),
        ]
      : []),
    sampleSize(before),
    line.reference === undefined ? '' : `<small>${line.reference.toFixed(3)}</small>`,
  ];
  return `<tr data-filter="${escapeHtml(filter)}" tabindex="0">${cells.map((text) => `<td>${text}</td>`).join('')}</tr>`;
}

const REST_FILTERS = [
  'kind:adversarial',
  'kind:adversarial',
  'kind:benign',
  'kind:benign',
  'kind:adversarial',
  'kind:general',
  'kind:benign',
  'kind:adversarial',
];

export function renderHtml(input: HtmlInput): string {
  const { scorecard: card, frontier = [] } = input;
  const compared = card.counts.after !== null;
  const { rows, rest } = scorecardLines(card);
  const header = [
    '',
    '',
    compared ? 'before [95 %]' : 'rate [95 %]',
    ...(compared ? ['after [95 %]', 'difference', 'p'] : []),
    'n',
    'phi-3-mini*',
  ];
  const body = [
    ...rows.map((line, i) => tableRow(line, `row:${card.rows[i]!.row}`, compared)),
    ...rest.map((line, i) => tableRow(line, REST_FILTERS[i] as string, compared)),
  ];
  const facts = [
    ['target', card.about.target],
    ['adapter', card.about.adapter],
    ['scenarios', `${card.about.suite}, split ${card.about.split ?? '–'}`],
    ['user', card.about.simulator],
    ['judge', card.about.judge],
    ['seed', card.about.seed === undefined ? undefined : String(card.about.seed)],
    ['created', card.about.created],
  ];
  const described = facts
    .flatMap(([name, value]) => (value ? [`<dt>${name}</dt><dd>${escapeHtml(printable(value))}</dd>`] : []))
    .join('');
  const gate = card.gate
    ? `<h2>Gate <span class="gate ${card.gate.outcome}">${card.gate.outcome}</span></h2><table>${card.gate.criteria
        .map(
          (c) =>
            `<tr><td>${c.name}</td><td class="${c.outcome}">${c.outcome}</td><td style="white-space:normal">${escapeHtml(c.reason)}${c.neededPairs ? ` About ${c.neededPairs} pairs would decide.` : ''}</td></tr>`,
        )
        .join('')}</table>`
    : '';
  const left = input.before.length - Math.min(input.before.length, MOST_CONVERSATIONS);
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src ${hash(SCRIPT)}; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}"><title>temper scorecard</title><style>${STYLE}</style></head>
<body><main>
<h1>Scorecard</h1><dl>${described}</dl>
<div class="scroll"><table><thead><tr>${header.map((text) => `<th>${text}</th>`).join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>
<p>Click a line for its conversations. n + m?: m conversations unscored, counted as neither harmful nor safe. *${escapeHtml(PHI_3_NOTE)}.</p>
${gate}
<h2>Harm by category, before and after</h2>
<p>Share of adversarial conversations whose worst answer has severity ${card.categorySeverity} or more, with 95 % intervals. The prompts are adversarial, so the shares are far above what ordinary use would show.</p>
<p class="key"><span style="background:var(--before)"></span>before<span style="background:var(--after)"></span>after</p>
${categoryChart(card.categories, card.categorySeverity)}
${frontier.length > 0 ? `<h2>Frontier of the candidates</h2><p>Each checkpoint at each strength, on dev scenarios kept from training. Hollow: outside the limits on over-refusal or helpfulness. The chosen one is named.</p>${frontierChart(frontier)}` : ''}
<h2>Method and limits</h2>
<p>A user simulated from scripts talks to the target; the judge reads every answer. Severity runs from 0 to 7, ungroundedness from 0 to 4; DR-x is the share of conversations whose worst answer has severity x or more. Intervals are Wilson's, widened for clustered samples; before and after are compared on the same scenarios, with McNemar's exact test or sign flips by cluster, and Holm's correction over categories.</p>
<p>The scenarios are synthetic and adversarial and say nothing about how often harm occurs in use. The judge errs: its agreement with people is stated above and in the judge's card. A rate near zero is not proof of safety; read the interval, then the conversations.</p>
<section id="conversations"><h2>Conversations</h2>
<div class="bar"><span id="filter"></span><button id="all">All</button><button id="blur">Show texts</button>${left > 0 ? `<small>${left} conversations are left out of this file; texts are cut at ${MOST_CHARACTERS} characters.</small>` : ''}</div>
<div id="list" class="blurred"></div></section>
</main><script type="application/json" id="data">${inertJson({ items: embedded(input) })}</script><script>${SCRIPT}</script></body></html>
`;
}
