import { Command, Option } from 'commander';
import { evaluate } from '../loop/run.ts';
import { renderTerminal } from '../report/terminal.ts';
import { withCommon, withProgress } from './context.ts';
import { targetConfig, type TargetOptions, withTarget } from './target.ts';
import { print, printJson } from './output.ts';
import { colourWanted } from './progress.ts';

export function evalCommand(): Command {
  return withTarget(withCommon(new Command('eval')))
    .description('Measure the target alone on a split and print its scorecard')
    .addOption(new Option('--split <split>', 'which scenarios').choices(['dev', 'sealed']).default('sealed'))
    .addHelpText(
      'after',
      '\nExamples:\n  temper eval --split dev\n  temper eval --target openai-compatible:NAME --base-url http://localhost:8000/v1\n  temper eval --adapter "$(temper show --latest-adapter)" --json',
    )
    .action(async (options: TargetOptions & { split: 'dev' | 'sealed' }) => {
      const config = targetConfig(options);
      const { scorecard } = await withProgress((tools) => evaluate(config, options.split, tools));
      if (options.json) printJson(scorecard);
      else print(`\n${renderTerminal(scorecard, { colour: colourWanted(process.stdout) })}`);
    });
}
