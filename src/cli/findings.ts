import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { TemperError } from '../core/errors.ts';
import { writeWhole } from '../core/files.ts';
import { findingsCsv, findingsSarif } from '../findings/export.ts';
import { frameworkLabels } from '../findings/frameworks.ts';
import { IMPORT_FORMATS } from '../findings/imports/formats.ts';
import { triage } from '../findings/triage.ts';
import { confirmFindings, evidence, findingById, importFindings, setStatus } from '../loop/findings.ts';
import { organise } from '../loop/register.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';
import { FINDING_STATUSES, type FindingFilter, type FindingStatus } from '../store/store.ts';
import { bounded, type CommonOptions, configOf, existingStore, withCommon, withProgress } from './context.ts';
import { describe } from './describe.ts';
import { entryText, importedText, listText, replayedText } from './findings-text.ts';
import { checkOutput, print, printJson, refuseSharedStdout, say } from './output.ts';
import { targetConfig, type TargetOptions, withTarget } from './target.ts';

const whole = (most: number) => bounded(z.int().min(1).max(most));

interface FilterOptions extends CommonOptions {
  readonly status?: FindingStatus;
  readonly category?: string;
}

const withFilter = (command: Command): Command =>
  withCommon(command)
    .addOption(new Option('--status <status>', 'only those').choices([...FINDING_STATUSES]))
    .option('--category <category>', 'only those of a category');

const filterOf = ({ status, category }: FilterOptions): FindingFilter => ({
  ...(status === undefined ? {} : { status }),
  ...(category === undefined ? {} : { category }),
});

const list = (): Command =>
  withFilter(new Command('list'))
    .description('The findings in clusters, the most urgent first')
    .option('--most <n>', 'clusters, and findings of each, at most', whole(100_000), 20)
    .addHelpText('after', '\nExamples:\n  temper findings list\n  temper findings list --status new --json')
    .action(async (options: FilterOptions & { most: number }) => {
      const config = configOf(options);
      await using store = existingStore(config);
      const by = await withProgress((tools) => organise(store, config, tools));
      const entries = await Array.fromAsync(store.register(filterOf(options)));
      const clusters = triage(entries, options.status === 'dismissed');
      if (options.json) printJson(clusters);
      else say(listText(clusters, options.most, by));
    });

const show = (): Command =>
  withCommon(new Command('show'))
    .description('A finding with its conversation, verdicts and what the register says of it')
    .argument('<id>', 'its id, or the beginning of it')
    .addHelpText('after', '\nExample:\n  temper findings show 7287fc7b')
    .action(async (id: string, options: CommonOptions) => {
      await using store = existingStore(configOf(options));
      const entry = await findingById(store, id);
      const record = (await store.find(entry.finding.id))!;
      const frameworks = frameworkLabels(entry.finding);
      if (options.json) printJson({ ...record, register: entry, frameworks });
      else say(`${entryText(entry, frameworks)}\n${describe(record)}\n`);
    });

interface ConfirmOptions extends TargetOptions {
  readonly replays: number;
  readonly need: number;
  readonly byHand?: boolean;
  readonly note?: string;
}

const confirm = (): Command =>
  withTarget(withCommon(new Command('confirm')))
    .description(
      'Ask the target again what broke it; k of n confirm a finding, none of n fixes a confirmed one',
    )
    .argument('[ids...]', 'which findings; without any: all that are new')
    .option('--replays <n>', 'times that each is asked', whole(100), 5)
    .option('--need <k>', 'of those, so many must break again', whole(100), 3)
    .option('--by-hand', 'a person has looked: confirmed, without replays')
    .option('--note <text>', 'with --by-hand: why')
    .addHelpText(
      'after',
      '\nExamples:\n  temper findings confirm\n  temper findings confirm 7287fc7b --replays 10 --need 5\n  temper findings confirm 7287fc7b --adapter adapters/dpo    # is it fixed?\n  temper findings confirm 7287fc7b --by-hand --note "read by two of us"',
    )
    .action(async (ids: readonly string[], options: ConfirmOptions) => {
      const { replays, need, byHand, note } = options;
      if (byHand) {
        if (ids.length === 0)
          throw new TemperError('usage', '--by-hand needs the ids of findings', {
            hint: 'Name those that were looked at.',
          });
        await using store = existingStore(configOf(options));
        const entries = await setStatus(store, ids, 'confirmed', note);
        if (options.json) printJson(entries);
        else say(entries.map(({ finding }) => `${finding.id}  confirmed\n`).join(''));
        return;
      }
      if (need > replays)
        throw new TemperError('usage', `--need ${need} of --replays ${replays}`, {
          hint: 'Need no more than are made.',
        });
      const config = targetConfig(options);
      await existingStore(config)[Symbol.asyncDispose]();
      const results = await withProgress((tools) =>
        confirmFindings(config, ids.length === 0 ? 'new' : [...new Set(ids)], { replays, need }, tools),
      );
      if (options.json) printJson(results);
      else say(replayedText(results, replays, need));
    });

const dismiss = (): Command =>
  withCommon(new Command('dismiss'))
    .description('Mark findings as no weakness; they stay in the store, and count for nothing')
    .argument('<ids...>', 'which findings')
    .option('--note <text>', 'why')
    .addHelpText(
      'after',
      '\nExample:\n  temper findings dismiss 7287fc7b --note "the answer declines in its second sentence"',
    )
    .action(async (ids: readonly string[], options: CommonOptions & { note?: string }) => {
      await using store = existingStore(configOf(options));
      const entries = await setStatus(store, ids, 'dismissed', options.note);
      if (options.json) printJson(entries);
      else say(entries.map(({ finding }) => `${finding.id}  dismissed\n`).join(''));
    });

interface ImportOptions extends CommonOptions {
  readonly format?: string;
  readonly category?: string;
  readonly limit: number;
  readonly judge?: boolean;
}

const bring = (): Command =>
  withCommon(new Command('import'))
    .description('Findings of another tool, from its file of results')
    .argument('<file>', '.json, .jsonl or .csv')
    .addOption(
      new Option('--format <format>', 'of which tool (default: found out)').choices(
        Object.keys(IMPORT_FORMATS),
      ),
    )
    .option('--category <leaf>', 'category of what the file names otherwise or not at all')
    .option('--limit <n>', 'answers at most', whole(1_000_000), 10_000)
    .option('--judge', 'the configured judge decides what is a finding, and not what the file says')
    .addHelpText(
      'after',
      '\nExamples:\n  temper findings import garak.report.jsonl\n  temper findings import promptfoo.json --judge --set judge=rubric:ollama:qwen3:8b\n  temper findings import notes.csv --category fraud',
    )
    .action(async (path: string, options: ImportOptions) => {
      const config = configOf(options);
      const { format, category, limit, judge = false } = options;
      if (category !== undefined && !leavesById(loadTaxonomy(BUILT_IN.taxonomy)).has(category))
        throw new TemperError('usage', `--category ${category}: no leaf of the taxonomy`, {
          hint: `Leaves: ${[...leavesById(loadTaxonomy(BUILT_IN.taxonomy)).keys()].join(', ')}.`,
        });
      const result = await withProgress((tools) =>
        importFindings(config, { path, format, category, limit, judge }, tools),
      );
      if (options.json) printJson(result);
      else say(importedText(result, path));
    });

interface ExportOptions extends FilterOptions {
  readonly format: 'jsonl' | 'csv' | 'sarif';
  readonly out?: string;
}

const give = (): Command =>
  withFilter(new Command('export'))
    .description('The register for other programs, with requests, answers and framework labels')
    .addOption(new Option('--format <format>', 'as what').choices(['jsonl', 'csv', 'sarif']).default('jsonl'))
    .option('--out <file>', 'where (default: stdout)')
    .addHelpText(
      'after',
      '\nExamples:\n  temper findings export --status confirmed --format sarif --out findings.sarif\n  temper findings export --format csv --out findings.csv',
    )
    .action(async (options: ExportOptions) => {
      const { format, out, json } = options;
      refuseSharedStdout(json, out);
      checkOutput(out);
      const config = configOf(options);
      await using store = existingStore(config);
      await withProgress((tools) => organise(store, config, tools));
      const findings = await Array.fromAsync(evidence(store, filterOf(options)));
      const text =
        format === 'csv'
          ? findingsCsv(findings)
          : format === 'sarif'
            ? `${JSON.stringify(findingsSarif(findings, version()), null, 1)}\n`
            : findings.map((finding) => `${JSON.stringify(finding)}\n`).join('');
      if (out === undefined || out === '-') print(text);
      else {
        writeWhole(out, text);
        if (json) printJson({ out, findings: findings.length });
        else say(`${findings.length} findings in ${out}\n`);
      }
    });

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version;

export function findingsCommand(): Command {
  const findings = new Command('findings')
    .description('The register of what broke: list, show, confirm, dismiss, import, export')
    .showSuggestionAfterError()
    .addHelpText('after', '\nExamples:\n  temper findings list\n  temper findings confirm');
  for (const make of [list, show, confirm, dismiss, bring, give])
    findings.addCommand(make().showSuggestionAfterError().exitOverride());
  return findings;
}
