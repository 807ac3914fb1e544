import { Command } from 'commander';
import { compareAdapters } from '../loop/run.ts';
import { renderTerminal } from '../report/terminal.ts';
import { type CommonOptions, configOf, withCommon, withProgress } from './context.ts';
import { colourWanted } from './progress.ts';

export function compareCommand(): Command {
  return withCommon(new Command('compare'))
    .description('Compare two adapters (or `base`) of the target on the same sealed scenarios, paired')
    .argument('<a>', 'adapter directory, or `base`')
    .argument('<b>', 'adapter directory, or `base`')
    .addHelpText(
      'after',
      '\nExample:\n  temper compare base "$(temper show --latest-adapter)"\n  temper compare adapters/one adapters/two --json',
    )
    .action(async (a: string, b: string, options: CommonOptions) => {
      const config = configOf(options);
      const scorecard = await withProgress((tools) => compareAdapters(config, a, b, tools));
      process.stdout.write(
        options.json
          ? `${JSON.stringify(scorecard)}\n`
          : `\nbefore = ${a}, after = ${b}\n${renderTerminal(scorecard, { colour: colourWanted(process.stdout) })}`,
      );
    });
}
