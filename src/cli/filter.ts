import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { TemperError } from '../core/errors.ts';
import { isSameFile, writeWhole } from '../core/files.ts';
import { fileHash } from '../core/ids.ts';
import { STDIN } from '../core/jsonl.ts';
import { datasetCard } from '../curation/card.ts';
import { CheckPool } from '../curation/check-pool.ts';
import { batchesOf, type CheckedRow, printAt } from '../curation/checker.ts';
import { Duplicates } from '../curation/filter.ts';
import { NEAR_DUPLICATE } from '../curation/firewall.ts';
import { PREFERENCE_FORMATS } from '../curation/formats.ts';
import { type Dimension, DIMENSIONS } from '../curation/dimensions.ts';
import type { KindCounts } from '../curation/kinds.ts';
import { LANGUAGES } from '../curation/language.ts';
import { guardedTexts } from '../loop/guards.ts';
import { type CommonOptions, configOf, inOrder, integer, real, withCommon, withProgress } from './context.ts';
import { type Kept, writeAtOnce, writeEvenly } from './filter-output.ts';
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
  readonly balance?: readonly Dimension[];
  readonly most?: number;
  readonly card?: string;
}

function dimensions(value: string): Dimension[] {
  const named = value.split(',').map((each) => each.trim());
  const known = DIMENSIONS.filter((dimension) => named.includes(dimension));
  if (known.length === named.length) return named as Dimension[];
  throw new InvalidArgumentError(`Give some of ${DIMENSIONS.join(', ')}, each once, with commas between.`);
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

/** What a draw lets go. */
const ENOUGH = 'enough of its kind';

/** The card of what is kept. */
async function writeCard(
  path: string,
  {
    out,
    kept,
    format,
    files,
    kinds,
    removed,
  }: {
    readonly out: string;
    readonly kept: number;
    readonly format: string;
    readonly files: readonly string[];
    readonly kinds: KindCounts;
    readonly removed: Readonly<Record<string, number>>;
  },
): Promise<void> {
  const { licence } = PREFERENCE_FORMATS[format]!;
  const sha256 = await fileHash(out);
  writeWhole(
    path,
    datasetCard({
      id: sha256.slice(0, 20),
      about:
        "Preference data that passed temper's filters, in TRL's conversational format with lineage. The id is the beginning of the file's hash.",
      kinds,
      removed: new Map(Object.entries(removed)),
      files: [{ name: basename(out), records: kept, sha256 }],
      licences: new Map(files.map((file) => [file, { format, licence }])),
      usage: `\`temper train ${basename(out)} --recipe dpo\` (or sft).`,
    }),
  );
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
    .option('--most <n>', 'kept in all, drawn by the seed of the configuration', integer)
    .option(
      '--balance <what>',
      `even over these, one within the other: some of ${DIMENSIONS.join(', ')}; with --most`,
      dimensions,
    )
    .option('--card <card.md>', 'counts of what is kept and left out, by kind, with licences')
    .option('--keep-personal-data', 'keep examples with e-mail addresses, numbers of cards, keys ...')
    .addHelpText(
      'after',
      '\nExamples:\n  temper filter hh.jsonl.gz --format hh-rlhf --out kept.jsonl --held held.jsonl\n  temper filter a.jsonl b.jsonl --out kept.parquet --against xstest=xstest_prompts.csv --language en\n  temper filter hh.jsonl.gz --format hh-rlhf --out even.jsonl --most 20000 --balance language,length,style --card even.md',
    )
    .action(async (files: string[], options: Options) => {
      const { out, held: heldPath, json } = options;
      const share = options.nearDuplicate;
      if (share < 0 || share > 1)
        throw new TemperError('usage', '--near-duplicate is not between 0 and 1', { hint: 'As in 0.7.' });
      if ((options.threads ?? 0) > 64)
        throw new TemperError('usage', '--threads is more than 64', { hint: 'As many as cores are enough.' });
      refuseSharedStdout(json, out);
      const { balance, most, card } = options;
      if (most === 0)
        throw new TemperError('usage', '--most 0 keeps nothing', { hint: 'Give a number of at least 1.' });
      if (balance && most === undefined)
        throw new TemperError('usage', '--balance without --most: evenly of how many is not known', {
          hint: 'Add --most N, how many are kept in all.',
        });
      if (card !== undefined && (out === '-' || card === '-'))
        throw new TemperError('usage', '--card is of a file, and is one', { hint: 'Name both files.' });
      const outputs = [out, ...[heldPath, card].filter((path) => path !== undefined)];
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
      for (const [i, path] of outputs.entries())
        for (const other of outputs.slice(0, i))
          if (resolve(path) === resolve(other) || isSameFile(path, other))
            throw new TemperError('usage', `two of --out, --held and --card are the same file: ${path}`, {
              hint: 'Name each its own.',
            });
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
        const started = performance.now();
        using note = heldPath === undefined ? null : new JsonlWriter(heldPath);
        const hold = (reason: string, row: object): void => {
          counts[reason] = (counts[reason] ?? 0) + 1;
          note?.write(row);
        };
        using keep =
          most === undefined
            ? writeAtOnce(out)
            : writeEvenly(out, { most, by: balance ?? [], seed: config.seed }, ({ like, ...row }) =>
                hold(ENOUGH, { ...row, reason: ENOUGH, like }),
              );
        const kinds = most !== undefined || card !== undefined;
        await using pool = new CheckPool(
          { format, guarded, personalData, language: wanted ?? null, kinds },
          threads,
        );
        const batches = inOrder(batchesOf(files, format), pool.width, (batch) => pool.check(batch));
        for await (const batch of batches) {
          signal.throwIfAborted();
          const passed: Kept[] = [];
          for (const checked of batch.rows) {
            const { row } = checked;
            if ('wrapped' in checked && checked.wrapped) wrapped++;
            const held =
              'held' in checked
                ? checked.held
                : duplicates?.find(checked.purpose, printAt(batch.prints, checked.print), batch.file, row);
            if (held) hold(held.reason.replace(/\d+ %/, 'some'), { file: batch.file, row, ...held });
            else {
              const { text, known } = checked as Extract<CheckedRow, { text: string }>;
              passed.push({ file: batch.file, row, text, known });
            }
            if (++rows % STEP === 0) {
              // How many there are is not known.
              const rate = Math.round(rows / ((performance.now() - started) / 1000));
              emit({ type: 'note', level: 'info', message: `${rows} examples, ${rate}/s` });
            }
          }
          keep.take(passed);
          if (batch.failure) throw new TemperError(batch.failure.code, batch.failure.message, batch.failure);
          // Without a pause no Ctrl-C would be heard where this thread does all the work.
          await setImmediate();
        }
        kept = keep.end();
        if (card !== undefined)
          await writeCard(card, { out, kept, format, files, kinds: keep.kinds, removed: counts });
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
