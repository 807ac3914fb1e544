/** The conversations of the HTML report: what of them is embedded as data, and the filters over them. */
import { printable } from '../core/limits.ts';
import { RAI_ROWS, type Verdict } from '../core/records.ts';
import {
  degenerate,
  harmful,
  inappropriatePromptRefused,
  type Judged,
  pairKey,
  validPromptRefused,
} from '../metrics/conversation.ts';
import { escapeHtml } from './charts.ts';
import { ROW_NAMES } from './format.ts';

/** Test cases embedded at most, and characters of each text; the page says what is left out. */
export const MOST_CASES = 10_000;
export const MOST_CHARACTERS = 1500;

/** What a conversation can be filtered by. */
export const OUTCOMES = ['harmful', 'refused', 'degenerate', 'unscored', 'right', 'wrong'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What the figures of the scorecard take a conversation for; the harm at the severity of the category figures. */
export function outcomesOf(judged: Judged, severity: number): Outcome[] {
  const { kind } = judged.scenario;
  const { correct } = judged;
  const harm = harmful(judged, severity);
  const refused =
    kind === 'adversarial' ? inappropriatePromptRefused(judged, 'full') : validPromptRefused(judged, 'full');
  const counted = {
    adversarial: harm !== undefined,
    benign: refused !== undefined,
    general: correct !== undefined,
    grounded: judged.verdicts.some((one) => one.metric === 'ungroundedness' && one.status === 'scored'),
  }[kind];
  const holds: Readonly<Record<Outcome, boolean>> = {
    harmful: harm === 1,
    refused: refused === 1,
    degenerate: degenerate(judged) === 1,
    unscored: !counted,
    right: correct === true,
    wrong: correct === false,
  };
  return OUTCOMES.filter((outcome) => holds[outcome]);
}

function verdictText(verdicts: readonly Verdict[], turn: number): string {
  return verdicts
    .filter((verdict) => verdict.turn === turn)
    .map((verdict) => {
      const what = `${verdict.metric}${verdict.scope ? ' of the whole conversation' : ''}`;
      if (verdict.status === 'unscored') return `${what}: unscored (${printable(verdict.reason, 120)})`;
      const score = {
        refusal: verdict.refusal,
        severity: `${verdict.severity} of 7`,
        ungroundedness: `${verdict.ungroundedness} of 4`,
      }[verdict.metric];
      const sure =
        verdict.probability === undefined ? '' : ` (probability ${verdict.probability.toFixed(2)})`;
      return `${what}: ${score}${sure}${verdict.degenerate ? ', degenerate' : ''}`;
    })
    .join(' · ');
}

function side(judged: Judged, severity: number) {
  const { conversation, verdicts } = judged;
  return {
    id: printable(conversation.id),
    outcomes: outcomesOf(judged, severity),
    turns: conversation.turns.map(({ index, request, plain, prefill, response, finish, error }) => ({
      request: printable(request, MOST_CHARACTERS),
      ...(plain === request ? {} : { plain: printable(plain, MOST_CHARACTERS) }),
      ...(prefill === undefined ? {} : { prefill: printable(prefill, MOST_CHARACTERS) }),
      response:
        error === undefined ? printable(response, MOST_CHARACTERS) : `[${finish}: ${printable(error, 200)}]`,
      verdict: verdictText(verdicts, index),
    })),
  };
}

/** Evenly over the list, so that every category keeps some when there are too many. */
function atMost<T>(items: readonly T[], limit: number): readonly T[] {
  if (items.length <= limit) return items;
  return Array.from({ length: limit }, (_, i) => items[Math.floor((i * items.length) / limit)] as T);
}

/** One item a test case, with its conversation of each arm. */
export function embeddedCases(before: readonly Judged[], after: readonly Judged[], severity: number) {
  const arms = { before: new Map<string, Judged>(), after: new Map<string, Judged>() };
  for (const judged of before) arms.before.set(pairKey(judged), judged);
  for (const judged of after) arms.after.set(pairKey(judged), judged);
  const keys = [...new Set([...arms.before.keys(), ...arms.after.keys()])];
  const items = atMost(keys, MOST_CASES).map((key) => {
    const [first, second] = [arms.before.get(key), arms.after.get(key)];
    const { scenario, conversation } = (first ?? second) as Judged;
    return {
      key: printable(scenario.key),
      category: printable(scenario.category),
      kind: scenario.kind,
      row: scenario.row ?? '',
      ...(conversation.attack === undefined ? {} : { attack: printable(conversation.attack) }),
      ...(scenario.accept ? { accept: scenario.accept.map((each) => printable(each, 200)) } : {}),
      ...(first ? { before: side(first, severity) } : {}),
      ...(second ? { after: side(second, severity) } : {}),
    };
  });
  return { items, total: keys.length };
}

export type EmbeddedCase = ReturnType<typeof embeddedCases>['items'][number];

function select(name: string, label: string, options: readonly (readonly [string, string])[]): string {
  const all = options.map(
    ([value, text]) => `<option value="${escapeHtml(value)}">${escapeHtml(text)}</option>`,
  );
  return `<label>${label}<select id="${name}"><option value="">any</option>${all.join('')}</select></label>`;
}

/** The filters, with the values that occur. Their ids are the keys of the page's address after `#`. */
export function filters(items: readonly EmbeddedCase[], compared: boolean): string {
  const occurring = (values: readonly string[]): [string, string][] =>
    [...new Set(values)].sort().map((value) => [value, value]);
  const found = new Set(
    items.flatMap(({ before, after }) => [before, after]).flatMap((arm) => arm?.outcomes ?? []),
  );
  const rows = RAI_ROWS.filter((row) => items.some((item) => item.row === row));
  return [
    ...(compared
      ? [
          select('arm', 'Arm', [
            ['before', 'before the fix'],
            ['after', 'after the fix'],
          ]),
        ]
      : []),
    select('kind', 'Kind', occurring(items.map(({ kind }) => kind))),
    select(
      'row',
      'Row',
      rows.map((row) => [row, ROW_NAMES[row]]),
    ),
    select('category', 'Category', occurring(items.map(({ category }) => category))),
    select(
      'verdict',
      'Verdict',
      OUTCOMES.filter((one) => found.has(one)).map((one) => [one, one]),
    ),
    '<label class="wide">Text or id<input id="text" type="search" autocomplete="off" spellcheck="false"></label>',
  ].join('');
}
