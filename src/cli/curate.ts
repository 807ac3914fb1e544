import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { TemperError } from '../core/errors.ts';
import { writeWhole } from '../core/files.ts';
import { fileHash } from '../core/ids.ts';
import type { PreferenceExample } from '../core/records.ts';
import { datasetCard, reasonsOf } from '../curation/card.ts';
import type { CuratedDataset } from '../curation/curate.ts';
import { PREFERENCE_FORMATS } from '../curation/formats.ts';
import { KindCounts } from '../curation/kinds.ts';
import { ended, isPair, TRAINER_FORMATS } from '../curation/trainer-formats.ts';
import type { Config } from '../config/config.ts';
import { curateDev } from '../loop/run.ts';
import { withCommon, withProgress } from './context.ts';
import { exampleFile } from './example-files.ts';
import { checkOutput, JsonlWriter, printJson, refuseSameFile, refuseSharedStdout, say } from './output.ts';
import { targetConfig, type TargetOptions, withTarget } from './target.ts';

/** As temper reads it itself. */
const OWN = 'jsonl';

interface Options extends TargetOptions {
  readonly out: string;
  readonly format: string;
}

/** `pairs.jsonl` with another ending: `pairs.sft.jsonl`, `pairs.card.md`. */
const beside = (out: string, ending: string): string => `${out.replace(/\.jsonl?$/, '')}.${ending}`;

function write(path: string, records: Iterable<unknown>): void {
  using out = new JsonlWriter(path);
  for (const record of records) out.write(record);
}

function writeOwn(path: string, examples: Iterable<PreferenceExample>): void {
  const file = exampleFile(path);
  for (const example of examples) file.write(example);
  file.end();
}

/** Pairs, answers for SFT, and the card, beside each other. */
async function writeFor(
  name: string,
  out: string,
  dataset: CuratedDataset,
  config: Config,
): Promise<string[]> {
  const format = TRAINER_FORMATS[name]!;
  const { examples } = dataset;
  const pairs = examples.filter(isPair);
  const [answers, card] = [beside(out, 'sft.jsonl'), beside(out, 'card.md')];
  write(
    out,
    pairs.map((example) => format.pair(ended(example))),
  );
  write(
    answers,
    examples.map((example) => format.answer(ended(example))),
  );
  const written = [
    { path: out, records: pairs.length },
    { path: answers, records: examples.length },
  ];
  const files = await Promise.all(
    written.map(async ({ path, records }) => ({
      name: basename(path),
      records,
      sha256: await fileHash(path),
    })),
  );
  const licences = new Map(
    config.curation.imports.map(({ path, format: kind }) => [
      path,
      { format: kind, licence: PREFERENCE_FORMATS[kind]?.licence ?? 'unknown' },
    ]),
  );
  const usage = format.usage(basename(out), basename(answers));
  const { id, removed } = dataset;
  const about = `Preference data that temper curated, in the format ${name}. The id is the hash of the examples and of what they were chosen by.`;
  const counts = { id, about, kinds: KindCounts.of(examples), removed: reasonsOf(removed) };
  writeWhole(card, datasetCard({ ...counts, files, licences, usage }));
  return [out, answers, card];
}

export function curateCommand(): Command {
  return withTarget(withCommon(new Command('curate')))
    .description(
      'Curate preference data from a dev pass (run where it is missing) and write it as JSON Lines',
    )
    .requiredOption(
      '--out <data.jsonl>',
      'where to write: .jsonl, or .parquet for the format jsonl; - is stdout',
    )
    .addOption(
      new Option(
        '--format <format>',
        `whose format: ${OWN} is TRL's preference format with lineage, as temper train reads it, in one file; the others write pairs, answers for SFT (.sft.jsonl) and a dataset card (.card.md)`,
      )
        .choices([OWN, ...Object.keys(TRAINER_FORMATS)])
        .default(OWN),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  temper curate --out pairs.jsonl\n  temper curate --format axolotl --out data/pairs.jsonl',
    )
    .action(async (options: Options) => {
      const { out, format } = options;
      refuseSharedStdout(options.json, out);
      const own = format === OWN;
      if (!own && out === '-')
        throw new TemperError('usage', `--format ${format} writes several files`, {
          hint: 'Name a file with --out; the others go beside it.',
        });
      if (!own && out.endsWith('.parquet'))
        throw new TemperError('usage', `--format ${format} writes JSON Lines`, {
          hint: 'Name a .jsonl file, or leave --format out for Parquet.',
        });
      const config = targetConfig(options);
      const paths = own ? [out] : [out, beside(out, 'sft.jsonl'), beside(out, 'card.md')];
      for (const path of paths) {
        checkOutput(path);
        for (const imported of config.curation.imports) refuseSameFile(imported.path, path);
      }
      const dataset = await withProgress((tools) => curateDev(config, tools));
      const { id, examples, counts, removed } = dataset;
      if (own) writeOwn(out, examples);
      else await writeFor(format, out, dataset, config);
      if (out === '-') return;
      const more = own ? {} : { files: paths };
      if (options.json) printJson({ dataset: id, examples: examples.length, counts, removed, ...more });
      else say(`dataset ${id}: ${examples.length} examples in ${paths.join(', ')}\n`);
    });
}
