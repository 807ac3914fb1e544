import { Command } from 'commander';
import { compareArms } from '../loop/compare.ts';
import { renderTerminal } from '../report/terminal.ts';
import { type CommonOptions, configOf, withCommon, withProgress } from './context.ts';
import { print, printJson, say } from './output.ts';
import { colourWanted } from './progress.ts';

export function compareCommand(): Command {
  return withCommon(new Command('compare'))
    .description('Compare two runs, adapters or models on the same sealed scenarios, paired')
    .argument(
      '<a>',
      'id of a run, adapter directory, GGUF file or model folder, provider:model[@address], a name under `targets`, `embedded`, or `base` (the configured target)',
    )
    .argument('<b>', 'the same')
    .addHelpText(
      'after',
      '\nExamples:\n  temper compare base RUN\n  temper compare adapters/one adapters/two --json\n  temper compare RUN_A RUN_B',
    )
    .action(async (a: string, b: string, options: CommonOptions) => {
      const config = configOf(options);
      const scorecard = await withProgress((tools) => compareArms(config, a, b, tools));
      if (options.json) {
        printJson(scorecard);
        return;
      }
      say(`\nbefore = ${a}, after = ${b}\n`);
      print(renderTerminal(scorecard, { colour: colourWanted(process.stdout) }));
    });
}
