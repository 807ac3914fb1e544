import { Command, Option } from 'commander';
import { endsWork, errorMessage, TemperError } from '../core/errors.ts';
import type { Metric } from '../core/records.ts';
import type { Judge, JudgeInput } from '../judges/judge.ts';
import { CALL_FAILED } from '../judges/judge.ts';
import { Callers } from '../loop/callers.ts';
import { openJudge, requireRoles } from '../loop/roles.ts';
import { type CommonOptions, configOf, inOrder, withCommon, withProgress } from './context.ts';
import { JsonlInput } from './input.ts';
import { checkOutput, JsonlWriter, printJson, refuseSameFile, refuseSharedStdout } from './output.ts';
import { conversationIn, idOf } from './records.ts';

const WIDTH = 64;
const BAD_RECORD = 'bad record';

interface JudgeOptions extends CommonOptions {
  readonly metric: Metric;
  readonly judge?: string;
  readonly out?: string;
}

/** What a record asks to have judged; a text says what is wrong with it. */
export function inputOf(record: unknown): JudgeInput | string {
  const conversation = conversationIn(record);
  if (typeof conversation === 'string') return conversation;
  const { response, context } = record as { response?: unknown; context?: unknown };
  if (typeof response !== 'string') return "'response' is missing or not a text";
  const { messages } = conversation;
  const input = { prompt: messages.at(-1)!.content, history: messages.slice(0, -1), response };
  if (context === undefined || context === null) return input;
  return typeof context === 'string' ? { ...input, context } : "'context' is not a text";
}

/** Errors: those that end the work. */
async function verdict(
  judge: Judge,
  metric: Metric,
  record: unknown,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const id = idOf(record);
  const input = inputOf(record);
  if (typeof input === 'string') return { id, status: 'unscored', reason: `${BAD_RECORD}: ${input}` };
  try {
    return { id, ...(await judge.judge(input, metric, signal)) };
  } catch (error) {
    signal.throwIfAborted();
    if (endsWork(error)) throw error;
    return { id, status: 'unscored', reason: `${CALL_FAILED}: ${errorMessage(error)}` };
  }
}

export function judgeCommand(): Command {
  return withCommon(new Command('judge'))
    .description('Judge answers: one verdict for each record, in order')
    .argument('<in.jsonl>', 'records {id, prompt | messages, response, context?}; - for stdin')
    .addOption(
      new Option('--metric <metric>', 'what to judge')
        .choices(['refusal', 'severity', 'ungroundedness'])
        .makeOptionMandatory(),
    )
    .option(
      '--judge <judge>',
      '`embedded`, rubric:MODEL, guard:FORMAT:MODEL, ensemble:NAME of `judges`, human:SHEET; MODEL: provider:model[@address] or a name under `targets` (default: as configured)',
    )
    .option('--out <out.jsonl>', 'where to write (default: stdout)')
    .addHelpText(
      'after',
      '\nExamples:\n  temper judge answers.jsonl --metric refusal --out verdicts.jsonl\n  temper judge answers.jsonl --metric severity --judge rubric:ollama:qwen3',
    )
    .action(async (input: string, options: JudgeOptions) => {
      const { metric, out: output } = options;
      refuseSharedStdout(options.json, output);
      refuseSameFile(input, output);
      checkOutput(output);
      const configured = configOf(options);
      const config = { ...configured, judge: options.judge ?? configured.judge };
      requireRoles(config, ['judge']);
      const work = async (
        emit: Parameters<Parameters<typeof withProgress>[0]>[0]['emit'],
        signal: AbortSignal,
      ) => {
        using lines = await JsonlInput.open(input, signal);
        await using resources = new AsyncDisposableStack();
        const callers = resources.use(new Callers(config, { emit }));
        const judge = await openJudge(config, callers, resources);
        if (!judge.metrics.includes(metric))
          throw new TemperError('usage', `${judge.id} does not judge ${metric}`, {
            hint: `It judges: ${judge.metrics.join(', ')}.`,
          });
        const counts = { judge: judge.id, metric, records: lines.count, scored: 0, unscored: 0, bad: 0 };
        let why = '';
        using out = new JsonlWriter(output);
        const width = Math.max(WIDTH, (judge.concurrency ?? 0) * 2);
        const job = ({ value }: { value: unknown }, stopped: AbortSignal) =>
          verdict(judge, metric, value, AbortSignal.any([signal, stopped]));
        for await (const record of inOrder(lines.records(), width, job)) {
          signal.throwIfAborted();
          out.write(record);
          counts[record['status'] === 'scored' ? 'scored' : 'unscored']++;
          const reason = record['reason'];
          if (typeof reason === 'string' && reason.startsWith(BAD_RECORD)) {
            if (counts.bad++ === 0) why = reason.slice(BAD_RECORD.length + 2);
          }
          const done = counts.scored + counts.unscored;
          emit({ type: 'progress', stage: 'judge', done, total: counts.records, unit: 'records' });
        }
        const bad = counts.bad === 0 ? null : badText(counts, why);
        if (bad !== null && counts.bad < counts.records)
          emit({ type: 'note', level: 'warning', message: bad });
        return {
          bad,
          counts: judge.concurrency === undefined ? counts : { ...counts, usage: callers.usage },
        };
      };
      const { bad, counts } = await withProgress(
        ({ emit, signal }) => work(emit, signal),
        'The output so far is kept.',
      );
      if (options.json) printJson(counts);
      // The verdicts, all unscored, are written.
      if (bad !== null && counts.bad === counts.records)
        throw new TemperError('data', `${input}: ${bad}`, {
          hint: 'A record needs id, prompt or messages, and response: `temper generate --keep` writes such records.',
        });
    });
}

const badText = ({ bad, records }: { bad: number; records: number }, why: string): string =>
  `${bad} of ${records} records have no answer that can be judged (the first: ${why})`;
