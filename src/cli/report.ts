import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { finishedRun } from '../loop/run.ts';
import { renderHtml } from '../report/html.ts';
import { renderTerminal } from '../report/terminal.ts';
import { type CommonOptions, configOf, withCommon } from './context.ts';
import { frontierMarks } from './run.ts';

export function reportCommand(): Command {
  return withCommon(new Command('report'))
    .description('Write the report of a finished run again')
    .argument('[run]', 'id of the run (default: the last finished one)')
    .addOption(
      new Option('--format <format>', 'which form').choices(['terminal', 'html', 'json']).default('terminal'),
    )
    .option('--out <file>', 'where to write (default: stdout)')
    .addHelpText('after', '\nExample:\n  temper report --format html --out report.html')
    .action(
      async (
        id: string | undefined,
        options: CommonOptions & { format: 'terminal' | 'html' | 'json'; out?: string },
      ) => {
        const outcome = await finishedRun(configOf(options), id);
        const { scorecard } = outcome;
        const text = {
          terminal: () => renderTerminal(scorecard, { colour: false }),
          json: () =>
            `${JSON.stringify({ ...scorecard, run: outcome.run.id, adapter: outcome.run.adapter, frontier: outcome.frontier, chosen: outcome.chosen })}\n`,
          html: () => renderHtml({ ...outcome, frontier: frontierMarks(outcome) }),
        }[options.json ? 'json' : options.format]();
        if (options.out === undefined) process.stdout.write(text);
        else writeFileSync(options.out, text);
      },
    );
}
