import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { TemperError } from '../core/errors.ts';
import { isSameFile } from '../core/files.ts';
import { STDIN } from '../core/jsonl.ts';
import { CheckPool } from '../curation/check-pool.ts';
import { batchesOf, printAt } from '../curation/checker.ts';
import { Duplicates } from '../curation/filter.ts';
import { NEAR_DUPLICATE } from '../curation/firewall.ts';
import { PREFERENCE_FORMATS } from '../curation/formats.ts';
import { LANGUAGES } from '../curation/language.ts';
import { guardedTexts } from '../loop/guards.ts';
import { type CommonOptions, configOf, inOrder, integer, real, withCommon, withProgress } from './context.ts';
import { exampleFile } from './example-files.ts';
import { checkOutput, JsonlWriter, printJson, refuseSameFile, refuseSharedStdout, say } from './output.ts';

interface Options extends CommonOptions {
  readonly out: string;
  readonly format: string;
  readonly held?: string;
  readonly against: string[];
  readonly language?: string;
  readonly nearDuplicate: number;
  readonly keepPersonalData?: boolean;
  readonly threads?: number;
}

const collect = (value: string, all: string[]): string[] => [...all, value];

/** `xstest=prompts.csv` */
function against(values: readonly string[]): Record<string, { path: string }> {
  const named = new Map<string, { path: string }>();
  for (const value of values) {
    const [name = '', ...path] = value.split('=');
    if (path.join('=') === '')
      throw new TemperError('usage', `--against ${value} names no file`, {
        hint: 'Write NAME=PATH, as in --against xstest=xstest_prompts.csv.',
      });
    if (named.has(name))
      throw new TemperError('usage', `--against names ${name} twice`, {
        hint: 'A benchmark in several files: name their folder.',
      });
    named.set(name, { path: path.join('=') });
  }
  return Object.fromEntries(named);
}

/** Rows between two signs of progress. */
const STEP = 100_000;
/** Bytes below which threads would take longer to start than to work. */
const FEW_BYTES = 4 << 20;
const MOST_THREADS = 8;

function threadsFor(files: readonly string[]): number {
  const bytes = files.reduce((sum, file) => {
    const size = file === STDIN ? Infinity : (statSync(file, { throwIfNoEntry: false })?.size ?? 0);
    return sum + (file.endsWith('.gz') ? 4 * size : size);
  }, 0);
  return bytes < FEW_BYTES ? 0 : Math.min(availableParallelism(), MOST_THREADS);
}

export function filterCommand(): Command {
  return withCommon(new Command('filter'))
    .description(
      'Pass preference data of any size through the filters of curation: personal data, language, sealed and public test sets, duplicates',
    )
    .argument('<files...>', '.jsonl, .jsonl.gz, .json, .csv, .tsv or .parquet, in this order')
    .addOption(
      new Option('--format <format>', 'of the files').choices(Object.keys(PREFERENCE_FORMATS)).default('trl'),
    )
    .requiredOption('--out <file>', 'what is kept: .jsonl, .parquet, or - for stdout')
    .option('--held <held.jsonl>', 'what is held back: file, row, reason, and what it is like')
    .option(
      '--against <name=path>',
      'a public benchmark whose prompts must not be learnt, too; repeatable (default: suites.benchmarks of the configuration)',
      collect,
      [],
    )
    .option('--language <code>', 'hold back what is in another language, as in en')
    .option(
      '--near-duplicate <share>',
      'of common word trigrams from which a prompt repeats an earlier one; 0: keep all',
      real,
      NEAR_DUPLICATE,
    )
    .option(
      '--threads <n>',
      `beside the one that finds duplicates and writes; 0: none (default: as many as cores, at most ${MOST_THREADS}; none for little data)`,
      integer,
    )
    .option('--keep-personal-data', 'keep examples with e-mail addresses, numbers of cards, keys ...')
    .addHelpText(
      'after',
      '\nExamples:\n  temper filter hh.jsonl.gz --format hh-rlhf --out kept.jsonl --held held.jsonl\n  temper filter a.jsonl b.jsonl --out kept.parquet --against xstest=xstest_prompts.csv --language en',
    )
    .action(async (files: string[], options: Options) => {
      const { out, held: heldPath, json } = options;
      const share = options.nearDuplicate;
      if (share < 0 || share > 1)
        throw new TemperError('usage', '--near-duplicate is not between 0 and 1', { hint: 'As in 0.7.' });
      if ((options.threads ?? 0) > 64)
        throw new TemperError('usage', '--threads is more than 64', { hint: 'As many as cores are enough.' });
      refuseSharedStdout(json, out);
      const outputs = [out, ...(heldPath === undefined ? [] : [heldPath])];
      const wanted = options.language;
      if (wanted !== undefined && !LANGUAGES.includes(wanted))
        throw new TemperError('usage', `--language ${wanted}: no language that can be told`, {
          hint: `ISO 639-1: ${LANGUAGES.join(', ')}.`,
        });
      const config = configOf(options);
      const guards = options.against.length > 0 ? against(options.against) : config.suites.benchmarks;
      const inputs = [...files, ...Object.values(guards ?? {}).map(({ path }) => path)];
      for (const path of outputs) {
        checkOutput(path);
        for (const file of inputs) refuseSameFile(file, path);
      }
      if (heldPath !== undefined && (resolve(out) === resolve(heldPath) || isSameFile(out, heldPath)))
        throw new TemperError('usage', '--out and --held are the same file', { hint: 'Name two.' });
      if (heldPath === '-')
        throw new TemperError('usage', '--held - : stdout is for what is kept, or the summary', {
          hint: 'Name a file.',
        });
      const counts: Record<string, number> = {};
      let [rows, kept, wrapped] = [0, 0, 0];
      await withProgress(async ({ emit, signal }) => {
        const guarded = await guardedTexts(config, guards, { emit });
        const { format, threads = threadsFor(files) } = options;
        const personalData = options.keepPersonalData !== true;
        const duplicates = share === 0 ? null : new Duplicates(share);
        const keep = exampleFile(out);
        const started = performance.now();
        using note = heldPath === undefined ? null : new JsonlWriter(heldPath);
        await using pool = new CheckPool(
          { format, guarded, personalData, language: wanted ?? null },
          threads,
        );
        const batches = inOrder(batchesOf(files, format), pool.width, (batch) => pool.check(batch));
        for await (const batch of batches) {
          signal.throwIfAborted();
          const passed: string[] = [];
          for (const checked of batch.rows) {
            const { row } = checked;
            if ('wrapped' in checked && checked.wrapped) wrapped++;
            const held =
              'held' in checked
                ? checked.held
                : duplicates?.find(checked.purpose, printAt(batch.prints, checked.print), batch.file, row);
            if (held) {
              const reason = held.reason.replace(/\d+ %/, 'some');
              counts[reason] = (counts[reason] ?? 0) + 1;
              note?.write({ file: batch.file, row, ...held });
            } else passed.push((checked as { text: string }).text);
            if (++rows % STEP === 0) {
              // How many there are is not known.
              const rate = Math.round(rows / ((performance.now() - started) / 1000));
              emit({ type: 'note', level: 'info', message: `${rows} examples, ${rate}/s` });
            }
          }
          keep.writeJson(passed);
          kept += passed.length;
          if (batch.failure) throw new TemperError(batch.failure.code, batch.failure.message, batch.failure);
          // Without a pause no Ctrl-C would be heard where this thread does all the work.
          await setImmediate();
        }
        keep.end();
      }, 'Start again: --out is not whole.');
      if (out === '-') return;
      if (json) printJson({ rows, kept, wrapped, held: counts, out });
      else say(summary(rows, kept, share === 0 ? 0 : wrapped, counts, out));
    });
}

function summary(
  rows: number,
  kept: number,
  wrapped: number,
  counts: Record<string, number>,
  out: string,
): string {
  const held = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const width = String(rows).length;
  return [
    `${rows} examples read, ${kept} kept in ${out}`,
    ...(wrapped > 0
      ? [`  ${String(wrapped).padStart(width)} inside an attack of temper, compared without its words`]
      : []),
    ...held.map(([reason, count]) => `  ${String(count).padStart(width)} held back: ${reason}`),
    '',
  ].join('\n');
}
