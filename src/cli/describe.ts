/** A record of the store as text to read. Everything that a model or a file said goes through `printable`. */
import { printable } from '../core/limits.ts';
import type {
  Conversation,
  Finding,
  Message,
  PreferenceExample,
  Scenario,
  Verdict,
} from '../core/records.ts';
import type { RunRecord } from '../store/store.ts';

/** What `Store.find` gives, one kind of record at a time. */
interface Found {
  readonly run?: RunRecord;
  readonly finding?: Finding;
  readonly example?: PreferenceExample;
  readonly dataset?: string;
  readonly scenario?: Scenario;
  readonly conversation?: Conversation;
  readonly verdicts?: readonly Verdict[];
}

const field = (name: string, value: unknown): string[] =>
  value === undefined || value === null ? [] : [`${name.padEnd(13)} ${printable(String(value))}`];

/** Text of several lines, indented under who said it. */
const said = (who: string, text: string): string[] => [
  '',
  `${who}:`,
  ...printable(text)
    .split('\n')
    .map((line) => `  ${line}`),
];

function score(verdict: Verdict): string {
  if (verdict.status === 'unscored') return `${verdict.metric} unscored (${printable(verdict.reason, 200)})`;
  const value = verdict.refusal ?? verdict.severity ?? verdict.ungroundedness;
  const sure = verdict.probability === undefined ? '' : `, p ${verdict.probability.toFixed(2)}`;
  return `${verdict.metric} ${value}${sure}${verdict.degenerate ? ', degenerate' : ''}`;
}

function conversation({ scenario, conversation: spoken, verdicts = [] }: Found): string[] {
  if (!spoken) return [];
  const turns = spoken.turns.flatMap((turn) => [
    ...said(`user (turn ${turn.index + 1}, ${turn.move})`, turn.request),
    ...said(`target (${turn.finish}, ${turn.tokens} tokens)`, turn.error ?? turn.response),
    ...verdicts
      .filter((verdict) => verdict.turn === turn.index)
      .map((verdict) => `  -> ${score(verdict)}  [${verdict.judge}]`),
  ]);
  return [
    ...field('conversation', spoken.id),
    ...field(
      'scenario',
      scenario &&
        `${scenario.key} (${scenario.kind}, ${scenario.category}, ${scenario.split}) ${scenario.id}`,
    ),
    ...field('attack', spoken.attack),
    ...field('target', spoken.target),
    ...turns,
  ];
}

const messages = (title: string, list: readonly Message[]): string[] =>
  list.flatMap(({ role, content }) => said(`${title}, ${role}`, content));

function example({ example: pair, dataset }: Found): string[] {
  if (!pair) return [];
  const { lineage } = pair;
  return [
    ...field('example', pair.id),
    ...field('purpose', `${pair.purpose}, ${pair.category}`),
    ...field('dataset', dataset),
    ...field('source', lineage.source),
    ...field('finding', lineage.finding),
    ...field('conversation', lineage.conversation),
    ...field('verdict', lineage.verdict),
    ...field('file', lineage.file && `${lineage.file}, row ${lineage.row}`),
    ...field('chosen by', lineage.chosenBy),
    ...field('rejected by', lineage.rejectedBy),
    ...messages('prompt', pair.prompt),
    ...messages('chosen', pair.chosen),
    ...messages('rejected', pair.rejected),
  ];
}

export function describe(record: Record<string, unknown>): string {
  const found = record as Found;
  const { run, finding } = found;
  const lines = [
    ...(run
      ? [
          ...field('run', run.id),
          ...field('status', run.status),
          ...field('created', run.created),
          ...field('finished', run.finished),
          ...field('adapter', run.adapter),
          ...said('configuration', JSON.stringify(run.config, null, 2)),
          '',
          ...(run.scorecard ? [`Its scorecard: temper report ${run.id}`] : []),
        ]
      : []),
    ...(finding
      ? [
          ...field('finding', finding.id),
          ...field(
            'kind',
            `${finding.kind}${finding.severity === undefined ? '' : `, severity ${finding.severity}`}, turn ${finding.turn + 1}`,
          ),
          ...field('category', finding.category),
          ...field('verdict', finding.verdict),
        ]
      : []),
    ...conversation(found),
    ...example(found),
  ];
  return lines.join('\n');
}
