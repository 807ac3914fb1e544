/** A record of the store as text to read. Everything that a model or a file said goes through `printable`. */
import { placeOfInvalid } from '../core/invalid.ts';
import { printable } from '../core/limits.ts';
import { countsText } from '../loop/counts.ts';
import type {
  Conversation,
  Finding,
  Message,
  PreferenceExample,
  Scenario,
  SearchRecord,
  Verdict,
} from '../core/records.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { estimate, figure, wrapped } from '../report/format.ts';
import type { RunRecord } from '../store/store.ts';
import type { Manifest } from '../loop/manifest.ts';
import { gateText, ratesText } from './run-text.ts';

/** What `Store.find` gives, one kind of record at a time. */
interface Found {
  readonly run?: RunRecord;
  /** Of a run that has one. */
  readonly manifest?: Manifest | null;
  /** What a run learnt from. */
  readonly data?: Parameters<typeof countsText>[0] | null;
  /** For people: of the target of what is shown; null where it was measured before names were kept. */
  readonly targetName?: string | null;
  readonly finding?: Finding;
  readonly example?: PreferenceExample;
  readonly dataset?: string;
  /** Of a dataset. */
  readonly examples?: readonly PreferenceExample[];
  readonly details?: {
    readonly counts?: Readonly<Record<string, number>>;
    readonly removed?: readonly unknown[];
  };
  readonly verdict?: Verdict;
  readonly target?: string;
  readonly adapter?: { readonly id: string; readonly directory: string; readonly runs: readonly string[] };
  /** Ids of those of a scenario or target. */
  readonly conversations?: readonly string[];
  readonly scenario?: Scenario;
  readonly conversation?: Conversation;
  readonly verdicts?: readonly Verdict[];
}

const MOST_LISTED = 10;

const field = (name: string, value: unknown): string[] =>
  value === undefined || value === null ? [] : [`${name.padEnd(13)} ${printable(String(value))}`];

/** A field whose text may need several lines. */
const texts = (name: string, text: string): string[] =>
  wrapped(text, 85).flatMap((line, i) => field(i === 0 ? name : '', line));

/** Text of several lines, indented under who said it. */
const said = (who: string, text: string): string[] => [
  '',
  `${who}:`,
  ...printable(text)
    .split('\n')
    .map((line) => `  ${line}`),
];

function score(verdict: Verdict): string {
  const whole = verdict.scope ? ', of the whole conversation' : '';
  if (verdict.status === 'unscored')
    return `${verdict.metric} unscored${whole} (${printable(verdict.reason, 200)})`;
  const value = verdict.refusal ?? verdict.severity ?? verdict.ungroundedness;
  const sure = verdict.probability === undefined ? '' : `, p ${verdict.probability.toFixed(2)}`;
  return `${verdict.metric} ${value}${sure}${verdict.degenerate ? ', degenerate' : ''}${whole}`;
}

/** The score, and whose: below it where a line does not hold both. */
function scoreLines(verdict: Verdict): string[] {
  const [given, whose] = [`  -> ${score(verdict)}`, `[${printable(verdict.judge)}, ${verdict.id}]`];
  return `${given}  ${whose}`.length <= 100 ? [`${given}  ${whose}`] : [given, `     ${whose}`];
}

/** What a judge that writes reasons wrote; figures are in the JSON. */
const reasons = (verdict: Verdict): string[] =>
  verdict.status === 'scored' && verdict.rationale && /^rubric(?:-conversation)?:/.test(verdict.judge)
    ? wrapped(printable(verdict.rationale), 93, '').map((line) => `     ${line}`)
    : [];

const spoilt = ({ invalid }: Conversation): string | undefined =>
  invalid && `simulator ${placeOfInvalid(invalid)}: ${printable(invalid.reason, 200)}`;

const searched = ({ queries, backtracks, unscored }: SearchRecord): string =>
  `${queries} ${queries === 1 ? 'query' : 'queries'}${backtracks > 0 ? `, ${backtracks} taken back` : ''}${unscored > 0 ? `, ${unscored} unscored` : ''}; this line went furthest`;

const named = (target: string, name: string | null | undefined): string[] => [
  ...field('target', name ?? target),
  ...(name ? field('', target) : []),
];

function conversation({ scenario, conversation: spoken, verdicts = [], targetName }: Found): string[] {
  if (!spoken) return [];
  const turns = spoken.turns.flatMap((turn) => [
    ...said(`user (turn ${turn.index + 1}, ${turn.move})`, turn.request),
    ...(turn.prefill === undefined ? [] : said('put into its mouth', turn.prefill)),
    ...said(`target (${turn.finish}, ${turn.tokens} tokens)`, turn.error ?? turn.response),
    ...verdicts.flatMap((verdict) =>
      verdict.turn === turn.index ? [...scoreLines(verdict), ...reasons(verdict)] : [],
    ),
  ]);
  return [
    ...field('conversation', spoken.id),
    ...field(
      'scenario',
      scenario &&
        `${scenario.key} (${scenario.kind}, ${scenario.category}, ${scenario.split}) ${scenario.id}`,
    ),
    ...field('attack', spoken.attack),
    ...named(spoken.target, targetName),
    ...field('search', spoken.search && searched(spoken.search)),
    ...field('invalid', spoilt(spoken)),
    ...(spoken.madeUp ?? []).flatMap(({ role, content }) => said(`made up, ${role}`, content)),
    ...turns,
  ];
}

/** The ids of a list, the first ones; each can be shown. */
const listed = (name: string, ids: readonly string[]): string[] => {
  const left = ids.length - MOST_LISTED;
  const more = left > 0 ? [`  ... and ${left} more: --json`] : [];
  return [
    '',
    `${name} (${ids.length}):`,
    ...ids.slice(0, MOST_LISTED).map((id) => `  ${printable(id)}`),
    ...more,
  ];
};

function dataset({ dataset: id, examples = [], details = {} }: Found): string[] {
  const { counts = {}, removed = [] } = details;
  return [
    ...field('dataset', id),
    ...texts('content', countsText({ examples, counts, removed })),
    ...listed(
      'examples',
      examples.map((each) => each.id),
    ),
  ];
}

function testCase({ scenario, conversations = [] }: Found): string[] {
  if (!scenario) return [];
  const { id, key, kind, category, suite, split, persona, attack, objective, context } = scenario;
  return [
    ...field('scenario', id),
    ...field('key', key),
    ...field('kind', `${kind}, ${category}`),
    ...field('suite', `${suite}, ${split} split`),
    ...field('persona', persona),
    ...field('attack', attack),
    ...said('objective', objective),
    ...(context === undefined ? [] : said('document', context)),
    ...listed('conversations', conversations),
  ];
}

/** What a run was made of, by hash; the whole is in its file and with --json. */
function made({
  round,
  seeds,
  model,
  dataset,
  trainings,
  adapter,
  regression,
  ...manifest
}: Manifest): string[] {
  const followed = regression?.followed ?? [];
  const of = (status: string): number => followed.filter((each) => each.status === status).length;
  return [
    ...field(
      'round',
      round &&
        `${round.number} of at most ${round.of}${round.previous ? `, after run ${round.previous}` : ''}`,
    ),
    ...field('model', model.name),
    ...field('', model.id),
    ...field('judge', manifest.judge),
    ...field('seeds', `run ${seeds.run}, break ${seeds.break}`),
    ...field('register', manifest.register),
    ...field(
      'dataset',
      dataset && `${dataset.id}, ${dataset.examples} examples, ${dataset.former} of rounds before`,
    ),
    ...trainings.flatMap(({ id, start, reference }, i) => [
      ...field(i === 0 ? 'training' : '', `${id} from ${start}`),
      ...field('', reference && `reference policy: ${reference.is}`),
      ...field('', reference?.id),
    ]),
    ...(manifest.finals?.frontier ?? []).flatMap(({ checkpoint, strength, harm, overRefusal }, i) =>
      field(
        i === 0 ? 'finals' : '',
        `${checkpoint} × ${strength}: harm ${figure(harm, 'share')}, over-refusal ${figure(overRefusal, 'share')} of ${manifest.finals!.scenarios} held-out scenarios`,
      ),
    ),
    ...(manifest.attacked ?? []).flatMap(({ checkpoint, strength, success, queries }, i) =>
      field(
        i === 0 ? 'attacked' : '',
        `${checkpoint} × ${strength}: broken ${estimate(success, 'share')} of ${success.n}, ${queries} queries`,
      ),
    ),
    ...field('made', adapter?.name),
    ...field('', adapter && `hash ${adapter.hash}`),
    ...field('sealed', `before ${manifest.sealed.before}, after ${manifest.sealed.after ?? 'none'}`),
    ...(followed.length > 0
      ? field('findings', `${of('fixed')} fixed, ${of('open')} open, ${of('regressed')} regressed`)
      : []),
    ...field('scorecard', manifest.scorecard),
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
    ...field('scenario', lineage.scenario),
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
  const { run, finding, verdict } = found;
  const card = run?.scorecard as Scorecard | undefined;
  const lines = [
    ...(run
      ? [
          ...field('run', run.id),
          ...field('status', run.status),
          ...field('created', run.created),
          ...field('finished', run.finished),
          ...field('adapter', run.adapter),
          ...(found.data ? texts('data', countsText(found.data)) : []),
          ...(card ? texts('gate', gateText(card) ?? 'none: nothing was trained') : []),
          ...(found.manifest ? made(found.manifest) : []),
          ...(card ? ['', ...ratesText(card), '', `The whole scorecard: temper report ${run.id}`] : []),
          ...said('configuration', JSON.stringify(run.config, null, 2)),
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
    ...(verdict
      ? [
          ...field('verdict', verdict.id),
          ...field('score', `${score(verdict)}, turn ${verdict.turn + 1}`),
          ...field('judge', verdict.judge),
        ]
      : []),
    ...conversation(found),
    ...example(found),
    ...(found.examples ? dataset(found) : []),
    ...(found.conversation ? [] : testCase(found)),
    ...(found.adapter
      ? [
          ...field('adapter', found.adapter.id),
          ...field('directory', found.adapter.directory),
          ...listed('runs that chose it', found.adapter.runs),
        ]
      : []),
    ...(found.target === undefined
      ? []
      : [...named(found.target, found.targetName), ...listed('conversations', found.conversations ?? [])]),
  ];
  return lines.join('\n');
}
