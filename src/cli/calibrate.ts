import { Command, Option } from 'commander';
import { z } from 'zod';
import { type Candidate, type Drawn, drawSample, stratumOf } from '../calibration/sample.ts';
import { placeOf, SCALES } from '../calibration/scale.ts';
import { scoreSheet } from '../calibration/score.ts';
import { readSheet, sheetText, type Texts } from '../calibration/sheet.ts';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { readUtf8 } from '../core/csv.ts';
import { writeWhole } from '../core/files.ts';
import type { Metric } from '../core/records.ts';
import type { Judge } from '../judges/judge.ts';
import { requireAnswerVerdicts, storedAnswers, withTexts } from '../loop/calibrate.ts';
import { Callers } from '../loop/callers.ts';
import { openJudge, requireRoles } from '../loop/roles.ts';
import { storePath } from '../loop/run.ts';
import { openSqlite } from '../store/sqlite.ts';
import { calibrationText } from './calibration-text.ts';
import {
  bounded,
  type CommonOptions,
  configOf,
  existingStore,
  inOrder,
  withCommon,
  withProgress,
} from './context.ts';
import { COMMAND } from './help.ts';
import { JsonlInput } from './input.ts';
import { inputOf } from './judge.ts';
import {
  checkOutput,
  complain,
  print,
  printJson,
  refuseSameFile,
  refuseSharedStdout,
  say,
} from './output.ts';
import { idOf } from './records.ts';

interface SampleOptions extends CommonOptions {
  readonly metric: Metric;
  readonly run?: string;
  readonly in?: string;
  readonly n: number;
  readonly out: string;
  readonly judge?: string;
  readonly kind?: string[];
}

const WIDTH = 16;

type Judged = Candidate & Texts;

/** Something done with the configured judge and the models that it calls. */
async function withJudge<T>(config: Config, emit: Emit, work: (judge: Judge) => Promise<T>): Promise<T> {
  await using resources = new AsyncDisposableStack();
  const callers = resources.use(new Callers(config, { emit }));
  return await work(await openJudge(config, callers, resources));
}

/** The records of a file, judged now. Errors: `data` for the first that cannot be judged. */
async function judgedFile(
  options: SampleOptions & { in: string },
  config: Config,
): Promise<{ judge: string; answers: Judged[] }> {
  const { metric } = options;
  const work = async (judge: Judge, signal: AbortSignal): Promise<Judged[]> => {
    using lines = await JsonlInput.open(options.in, signal);
    const answers: Judged[] = [];
    const judged = inOrder(lines.records(), WIDTH, async ({ value, line }) => {
      const input = inputOf(value);
      if (typeof input === 'string')
        throw new TemperError('data', `${options.in}, line ${line}: ${input}`, {
          hint: 'Records: {id, prompt | messages, response, context?, kind?}.',
        });
      const verdict = await judge.judge(input, metric, signal);
      const { kind } = value as { kind?: unknown };
      const id = idOf(value);
      const probability = verdict.status === 'scored' ? verdict.probability : undefined;
      return {
        id: typeof id === 'string' ? id : JSON.stringify(id),
        kind: typeof kind === 'string' ? kind : 'any',
        place: placeOf(metric, verdict),
        ...(probability === undefined ? {} : { probability }),
        history: (input.history ?? []).map(({ role, content }) => `${role}: ${content}`).join('\n'),
        context: input.context ?? '',
        request: input.prompt,
        answer: input.response,
      };
    });
    const seen = new Set<string>();
    for await (const answer of judged) {
      signal.throwIfAborted();
      if (seen.has(answer.id))
        throw new TemperError('data', `${options.in}: several records have the id ${answer.id}`, {
          hint: 'Give each answer an id of its own: labels are read by it.',
        });
      seen.add(answer.id);
      answers.push(answer);
    }
    return answers;
  };
  return withProgress(
    ({ emit, signal }) =>
      withJudge(config, emit, async (judge) => ({ judge: judge.id, answers: await work(judge, signal) })),
    'Nothing was written.',
  );
}

async function sample(options: SampleOptions): Promise<void> {
  const { metric, n, out } = options;
  if (options.run !== undefined && options.in !== undefined)
    throw new TemperError('usage', '--run and --in exclude each other', { hint: 'Give one, or neither.' });
  refuseSharedStdout(options.json, out);
  if (options.in !== undefined) refuseSameFile(options.in, out);
  checkOutput(out);
  const configured = configOf(options);
  const config = { ...configured, judge: options.judge ?? configured.judge };
  requireRoles(config, ['judge']);
  requireAnswerVerdicts(config, metric);
  const kinds = options.kind ?? (options.in === undefined ? SCALES[metric].kinds : undefined);
  const wanted = ({ kind }: Candidate): boolean => kinds === undefined || kinds.includes(kind as 'benign');
  let judge: string | null;
  let candidates: Candidate[];
  let rows: (Drawn<Candidate> & Texts)[];
  if (options.in === undefined) {
    await existingStore(config)[Symbol.asyncDispose]();
    const stored = await withProgress((tools) => storedAnswers(config, metric, options.run, tools));
    judge = stored.judge;
    if (judge !== null && !stored.sure)
      complain(
        `note: ${[`taken as ${config.judge} is ${judge}, the last that judged`, ...stored.others].join('; not ')}\n`,
      );
    const answers = stored.answers.filter(wanted);
    candidates = answers;
    rows = await withTexts(config, drawSample(answers, metric, n, config.seed));
  } else {
    const file = await judgedFile({ ...options, in: options.in }, config);
    judge = file.judge;
    const answers = file.answers.filter(wanted);
    candidates = answers;
    rows = drawSample(answers, metric, n, config.seed);
  }
  if (judge === null || rows.length === 0)
    throw new TemperError(
      'absent',
      `no answer that ${judge ?? config.judge} judged on ${metric} is there to label`,
      {
        hint: 'Measure first (`temper eval`, `temper attack`, `temper run`), or give answers with --in.',
      },
    );
  const counts = Map.groupBy(rows, ({ stratum }) => stratum);
  const strata = Object.fromEntries(
    [...Map.groupBy(candidates, (each) => stratumOf(metric, each))]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, all]) => [name, { rows: counts.get(name)?.length ?? 0, of: all.length }]),
  );
  const empty = Object.keys(strata).filter((name) => strata[name]!.rows === 0);
  if (empty.length > 0)
    complain(
      `note: no row for ${empty.join(', ')}: the labels will say nothing of these; give a larger --n\n`,
    );
  const source = options.in === undefined ? (options.run === undefined ? 'store' : 'run') : 'file';
  const text = sheetText(judge, metric, rows, source);
  if (out === '-') {
    print(text);
    return;
  }
  writeWhole(out, text);
  const of = candidates.length;
  if (options.json) {
    printJson({ judge, metric, source, rows: rows.length, of, strata, empty });
    return;
  }
  const listed = Object.entries(strata).map(
    ([name, { rows: count, of: size }]) => `  ${name.padEnd(24)} ${count} of ${size}\n`,
  );
  const { labels } = SCALES[metric];
  const answer = metric === 'refusal' ? labels.join(', ') : `0 to ${labels.length - 1}`;
  say(
    `${rows.length} of ${of} answers in ${out}, by the judge's verdict and the kind of scenario:\n${listed.join('')}` +
      `Fill the column label (${answer}; empty: cannot tell), then:\n  ${COMMAND} calibrate score ${out}\n`,
  );
}

const sampleCommand = (): Command =>
  withCommon(new Command('sample'))
    .description('Draw judged answers for people to label, as a CSV sheet')
    .addOption(
      new Option('--metric <metric>', 'which verdicts').choices(Object.keys(SCALES)).makeOptionMandatory(),
    )
    .requiredOption('--out <sheet.csv>', 'where to write; - for stdout')
    .option('--n <rows>', 'answers to label', bounded(z.int().min(1).max(100_000)), 200)
    .option('--run <id>', "the sealed answers of a finished run (needs the run's model file, and its judge)")
    .option('--in <answers.jsonl>', 'records {id, prompt | messages, response, context?, kind?}, judged now')
    .option('--judge <judge>', 'whose verdicts (default: that of the configuration)')
    .option(
      '--kind <kinds...>',
      'kinds of scenario (default: severity adversarial; refusal adversarial, benign; ungroundedness grounded)',
    )
    .addHelpText(
      'after',
      '\nWithout --run and --in: all that the store has of this judge, whose model is not opened (no key).\n\nExamples:\n  temper calibrate sample --metric severity --n 200 --out sheet.csv\n  temper calibrate sample --metric refusal --in answers.jsonl --out sheet.csv',
    )
    .action(sample);

const scoreCommand = (): Command =>
  withCommon(new Command('score'))
    .description('Read a labelled sheet: how right the judge is, and the rate corrected; kept in the store')
    .argument('<sheet.csv>', 'what `temper calibrate sample` wrote, with labels')
    .addHelpText('after', '\nExample:\n  temper calibrate score sheet.csv')
    .action(async (path: string, options: CommonOptions) => {
      const config = configOf(options);
      const calibration = scoreSheet(readSheet(readUtf8(path), path), new Date().toISOString());
      await using store = openSqlite(storePath(config));
      await store.saveCalibration(calibration);
      if (options.json) printJson(calibration);
      else say(calibrationText(calibration));
    });

export function calibrateCommand(): Command {
  const calibrate = new Command('calibrate')
    .description("Check the judge against people's labels, and correct its rates")
    .addHelpText(
      'after',
      '\nExamples:\n  temper calibrate sample --metric severity --out sheet.csv\n  temper calibrate score sheet.csv',
    )
    .showSuggestionAfterError();
  for (const command of [sampleCommand(), scoreCommand()])
    calibrate.addCommand(command.showSuggestionAfterError().exitOverride());
  return calibrate;
}
