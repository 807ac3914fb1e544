import { Command } from 'commander';
import { TemperError } from '../core/errors.ts';
import { writeWhole } from '../core/files.ts';
import { compareArms, compareTable } from '../loop/compare.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { renderMarkdown } from '../report/markdown.ts';
import { type ComparisonTable, renderTable, renderTableHtml, renderTableMarkdown } from '../report/table.ts';
import { renderTerminal } from '../report/terminal.ts';
import { type CommonOptions, configOf, withCommon, withProgress } from './context.ts';
import { decodingFor, type WantedOptions, wantedOf, withWanted } from './eval.ts';
import { checkOutput, print, printJson, say } from './output.ts';
import { colourWanted } from './progress.ts';
import { formatOf } from './report.ts';

interface CompareOptions extends CommonOptions, WantedOptions {
  readonly table?: boolean;
  readonly out?: string;
}

export function compareCommand(): Command {
  return withWanted(withCommon(new Command('compare')))
    .description(
      'Compare runs, adapters or models on the same scenarios, paired: two as a scorecard, more as a table',
    )
    .argument(
      '<names...>',
      'two or more: id of a run, adapter directory, GGUF file or model folder, provider:model[@address], a name under `targets`, `embedded`, or `base` (the configured target)',
    )
    .option('--table', 'two as a table, too')
    .option('--out <file>', 'write it, too: .md, .json; a table also as .html')
    .addHelpText(
      'after',
      '\nExamples:\n  temper compare base RUN\n  temper compare adapters/one adapters/two --json\n  temper compare mini small medium --out table.html\n  temper compare base RUN --benchmark xstest --data xstest_prompts.csv',
    )
    .action(async (names: string[], options: CompareOptions) => {
      const { out } = options;
      const twice = names.find((name, at) => names.indexOf(name) !== at);
      if (names.length < 2 || twice !== undefined)
        throw new TemperError(
          'usage',
          twice === undefined ? 'one name cannot be compared' : `${twice} is named twice`,
          {
            hint: 'Give two or more that differ.',
          },
        );
      checkOutput(out);
      const wanted = wantedOf(options);
      const config = configOf(options, decodingFor(wanted));
      if (names.length > 2 || options.table) {
        const table = await withProgress((tools) => compareTable(config, names, wanted, tools));
        if (out !== undefined) writeWhole(out, TABLES[formatOf(out)](table));
        if (options.json) printJson(table);
        else print(`\n${renderTable(table)}`);
        return;
      }
      const [a, b] = names as [string, string];
      const form = out === undefined ? 'terminal' : formatOf(out);
      if (form === 'html')
        throw new TemperError('usage', `--out ${out}: a scorecard of two is written as .md or .json`, {
          hint: 'Add --table for a page.',
        });
      const scorecard = await withProgress((tools) => compareArms(config, [a, b], wanted, tools));
      if (out !== undefined) writeWhole(out, SCORECARDS[form](scorecard));
      if (options.json) {
        printJson(scorecard);
        return;
      }
      say(`\nbefore = ${a}, after = ${b}\n`);
      print(renderTerminal(scorecard, { colour: colourWanted(process.stdout) }));
    });
}

const TABLES: Readonly<Record<ReturnType<typeof formatOf>, (table: ComparisonTable) => string>> = {
  html: renderTableHtml,
  markdown: renderTableMarkdown,
  json: (table) => `${JSON.stringify(table)}\n`,
  terminal: renderTable,
};

const SCORECARDS = {
  markdown: renderMarkdown,
  json: (card: Scorecard) => `${JSON.stringify(card)}\n`,
  terminal: (card: Scorecard) => renderTerminal(card, { colour: false }),
};
