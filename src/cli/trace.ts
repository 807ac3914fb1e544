import { Command } from 'commander';
import { printable } from '../core/limits.ts';
import { CHANGES } from '../loop/changed-verdicts.ts';
import { trace, type Trace, type TracedConversation } from '../loop/trace.ts';
import { wrapped } from '../report/format.ts';
import { type CommonOptions, configOf, existingStore, withCommon } from './context.ts';
import { printJson, say } from './output.ts';

/** Lines of each kind that a terminal gets. */
const MOST = 10;

const name = (text: string): string => text.padEnd(13);

const scores = ({ severity, refusal }: TracedConversation): string =>
  [
    severity === undefined ? '' : `severity ${severity}`,
    refusal === undefined ? '' : `first answer refused: ${refusal}`,
  ]
    .filter((part) => part !== '')
    .join(', ') || 'unscored';

const targetOf = ({ target, targetName }: TracedConversation): string =>
  targetName === undefined ? target : `${targetName}  (${target})`;

/** A heading with its first lines, and how many are left. */
const list = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0
    ? []
    : [
        '',
        `${title} (${lines.length}):`,
        ...lines.slice(0, MOST).map((line) => `  ${printable(line)}`),
        ...(lines.length > MOST ? [`  ... and ${lines.length - MOST} more: --json`] : []),
      ];

function origin({ of, examples, conversation, scenario, verdict, findings }: Trace): string[] {
  const lineage = of.kind === 'example' ? examples[0]?.lineage : undefined;
  return [
    ...(lineage
      ? [
          `${name('source')} ${lineage.source}`,
          ...(lineage.file === undefined ? [] : [`${name('file')} ${lineage.file}, row ${lineage.row}`]),
          `${name('chosen by')} ${lineage.chosenBy}`,
          `${name('rejected by')} ${lineage.rejectedBy}`,
        ]
      : []),
    ...(of.kind === 'finding' ? findings.filter(({ id }) => id !== of.id) : findings).map(
      ({ id, kind, status }) => `${name('finding')} ${id}  ${kind}, ${status}`,
    ),
    ...(verdict === undefined ? [] : [`${name('verdict')} ${verdict}`]),
    ...(conversation ? [`${name('conversation')} ${conversation.id}  ${scores(conversation)}`] : []),
    ...(conversation?.attack === undefined ? [] : [`${name('attack')} ${conversation.attack}`]),
    ...(conversation ? [`${name('target')} ${targetOf(conversation)}`] : []),
    ...(scenario
      ? wrapped(`${scenario.id}  ${scenario.key}`, 80).map(
          (line, i) => `${name(i === 0 ? 'scenario' : '')} ${line}`,
        )
      : []),
  ].map((line) => printable(line));
}

/** Why nothing came of it, where a reader may ask. */
function nothing({ of, examples, reasons }: Trace): string[] {
  if (examples.length > 0) return [];
  const none = `No example in this store came from this ${of.kind}`;
  return reasons.length === 0
    ? ['', `${none}.`]
    : [
        '',
        `${none}:`,
        ...reasons.flatMap((reason) =>
          wrapped(printable(`- ${reason}`), 98, '  ').map((line) => `  ${line}`),
        ),
      ];
}

const COLUMN = 28;

/** What the adapter of a run changed; no example alone is known to have done it. */
function changedText({ changed }: Trace, run: string): string[] {
  const own = changed.filter((one) => one.run === run);
  if (own.length === 0) return [];
  const counts = CHANGES.map((change) => [own.filter((one) => one.change === change).length, change] as const)
    .filter(([count]) => count > 0)
    .map((pair) => pair.join(' '));
  return [
    ...list(
      `sealed verdicts that the adapter of run ${run} changed as a whole`,
      own.map(({ change, scenario: { category, key }, after }) =>
        `${after}  ${change.padEnd(COLUMN)} ${category}, ${key}`.slice(0, 98),
      ),
    ),
    '',
    ...wrapped(`In all ${counts.join(', ')}.`, 100),
    `With intervals: temper report ${run}`,
    'Which data moved which category: temper attribute',
  ];
}

export function traceText(traced: Trace): string {
  const { of, examples, datasets, runs, adapters, again, answeredBy } = traced;
  const learnt = ({ learnt: parts }: Trace['adapters'][number]): string =>
    parts.map(({ training, examples: n }) => `${n} in ${training.toUpperCase()}`).join(', ');
  return [
    `${name(of.kind)} ${printable(of.id)}`,
    ...origin(traced),
    ...answeredBy.map(({ run, adapter }) => printable(`${name('answered by')} ${adapter}  (run ${run})`)),
    ...(of.kind === 'example'
      ? []
      : list(
          answeredBy.length > 0 ? 'examples that it learnt, those of the category first' : 'examples',
          examples.map(
            ({ id, purpose, category, lineage }) => `${id}  ${purpose}, ${category}, ${lineage.source}`,
          ),
        )),
    ...nothing(traced),
    ...list(
      'datasets',
      datasets.map(({ id, examples: n }) => `${id}  ${n} of these examples`),
    ),
    ...list(
      examples.length === 1 ? 'runs that trained on it' : 'runs that trained on them',
      runs.map(({ id, status, created }) => `${id}  ${status}, ${created.slice(0, 16).replace('T', ' ')}`),
    ),
    ...list(
      examples.length === 1 ? 'adapters that learnt it' : 'adapters that learnt them',
      adapters.map(
        (adapter) =>
          `${adapter.id}  ${adapter.name}: ${learnt(adapter)}${adapter.chosen ? '  (chosen)' : ''}`,
      ),
    ),
    ...list(
      of.kind === 'scenario' ? 'conversations on it' : 'the same scenario with other targets',
      again.map((one) => `${one.id}  ${scores(one)}  [${one.targetName ?? `target ${one.target}`}]`),
    ),
    ...runs.flatMap(({ id }) => changedText(traced, id)),
  ].join('\n');
}

export function traceCommand(): Command {
  return withCommon(new Command('trace'))
    .description('Follow lineage both ways: what a record came from, and what learnt from it')
    .argument(
      '<id>',
      'id, or its beginning, of a training example, finding, conversation, verdict, scenario, dataset, run, target or adapter',
    )
    .addHelpText('after', '\nExamples:\n  temper trace 2f1c\n  temper trace 58605e98e68a9794a7f3-176 --json')
    .action(async (id: string, options: CommonOptions) => {
      await using store = existingStore(configOf(options));
      const traced = await trace(store, id);
      if (options.json) printJson(traced);
      else say(`${traceText(traced)}\n`);
    });
}
