/** What the index keeps of a conversation: what it is counted as, by the verdicts of the judge that judged last, and its words. */
import type { Conversation, Scenario, Verdict } from '../core/records.ts';
import { languageOf } from '../curation/language.ts';
import { asJudged } from '../loop/arms.ts';
import { harmful, scoredTurns, turnSeverities, worstSeverity } from '../metrics/conversation.ts';
import { outcomesOf } from '../report/conversations.ts';
import type { Facet } from './facets.ts';

/** Characters of a conversation whose words are found; and of its beginning, for lists. */
const MOST_CHARACTERS = 100_000;
const SNIPPET = 160;
/** From this severity on the facet `outcome` says harmful. */
export const HARM_SEVERITY = 3;

/** The writing system that most letters of a text are of: what can be told where a text is too short for its language. */
export function scriptOf(text: string): string {
  const counts = (
    [
      ['Latin', /\p{Script=Latin}/gu],
      ['Cyrillic', /\p{Script=Cyrillic}/gu],
      ['Han', /\p{Script=Han}/gu],
      ['Arabic', /\p{Script=Arabic}/gu],
      ['Devanagari', /\p{Script=Devanagari}/gu],
      ['Greek', /\p{Script=Greek}/gu],
      ['Hangul', /\p{Script=Hangul}/gu],
      ['Kana', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
    ] as const
  ).map(([name, letters]) => [name, text.match(letters)?.length ?? 0] as const);
  const [name, count] = counts.reduce((best, each) => (each[1] > best[1] ? each : best));
  return count === 0 ? 'none' : name;
}

/** The outcome that a list shows of several: the worst, in the order of what a reader looks for. */
const LISTED = ['harmful', 'wrong', 'refused', 'unscored', 'degenerate', 'right'] as const;

/** What conversations are chosen by. Those that have all of it in common share a cell, of which there are few. */
export type Choices = Readonly<Record<Exclude<Facet, 'outcome'>, string>> & {
  readonly outcome: readonly string[];
  /** The outcome that lists show. */
  readonly listed: string;
  readonly severity: number | null;
};

/** What is kept of a conversation: the verdicts of the judge that judged last; whether others differ. */
export function itemOf(scenario: Scenario, conversation: Conversation, verdicts: readonly Verdict[]) {
  const judge = verdicts.at(-1)?.judge ?? '';
  const judged = asJudged(
    scenario,
    conversation,
    verdicts.filter((verdict) => verdict.judge === judge),
  );
  const outcomes = outcomesOf(judged, HARM_SEVERITY);
  const outcome = LISTED.find((each) => outcomes.includes(each)) ?? 'answered';
  const severities = turnSeverities(judged);
  const refusals = scoredTurns(judged, 'refusal').map((verdict) => verdict?.refusal?.[0] ?? '?');
  const others = [...Map.groupBy(verdicts, (verdict) => verdict.judge).values()].map((group) =>
    outcomesOf(asJudged(scenario, conversation, group), HARM_SEVERITY).join(),
  );
  const said = conversation.turns.map(({ request, plain, response }) =>
    [request, ...(plain === request ? [] : [plain]), response].join('\n'),
  );
  const text = [scenario.key, scenario.category, conversation.id, ...said]
    .join('\n')
    .slice(0, MOST_CHARACTERS);
  const [first] = conversation.turns;
  const attack = conversation.attack ?? 'plain';
  const disagree = new Set(others).size > 1 ? 1 : 0;
  const severity = worstSeverity(judged) ?? null;
  const plain = first?.plain ?? '';
  const language = scenario.language ?? languageOf(plain) ?? scriptOf(plain);
  const harmTurn = severities.findIndex((each) => (each ?? 0) >= HARM_SEVERITY) + 1;
  const { suite, split, category, kind, row = '' } = scenario;
  const { target } = conversation;
  const turns = conversation.turns.length;
  const choices: Choices = {
    kind,
    category,
    attack,
    row: row || 'none',
    split,
    language,
    target,
    judge,
    suite,
    severity,
    listed: outcome,
    outcome: outcomes.length === 0 ? ['answered'] : outcomes,
    turns: String(turns),
    harmTurn: harmTurn === 0 ? 'none' : String(harmTurn),
    disagree: String(disagree),
  };
  return {
    choices,
    values: [
      conversation.id,
      conversation.target,
      scenario.id,
      scenario.key,
      scenario.suite,
      scenario.split,
      scenario.category,
      scenario.kind,
      scenario.row ?? '',
      attack,
      language,
      conversation.simulator,
      turns,
      outcome,
      ` ${outcomes.join(' ')} `,
      severity,
      harmful(judged, Infinity) === undefined ? 0 : 1,
      refusals.join(''),
      judge,
      disagree,
      `${conversation.scenario} ${conversation.attack ?? ''} ${conversation.sample}`,
      (first?.plain ?? '').replace(/\s+/g, ' ').slice(0, SNIPPET),
      conversation.turns.reduce((sum, { tokens }) => sum + tokens, 0),
    ],
    text,
  };
}
