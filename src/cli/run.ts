import { join } from 'node:path';
import { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { EXIT_CODES } from '../core/errors.ts';
import { writeWhole } from '../core/files.ts';
import { type RunOutcome, type RunResult, runLoop } from '../loop/run.ts';
import { renderHtml } from '../report/html.ts';
import { renderTerminal } from '../report/terminal.ts';
import { DEFAULT_PORT } from './client.ts';
import { COMMAND } from './help.ts';
import { print, printJson, say } from './output.ts';
import { colourWanted, duration } from './progress.ts';
import { adapterDirectory, type CommonOptions, configOf, withCommon, withProgress } from './context.ts';

/** What `--json` prints of a finished run; where there was nothing to fix, `adapter`, `base` and `chosen` are null. */
export const resultJson = (config: Config, { run, scorecard, frontier, base, chosen }: RunResult) => ({
  ...scorecard,
  run: run.id,
  adapter: run.adapter === undefined ? null : adapterDirectory(config, run.adapter),
  frontier,
  base: base ?? null,
  chosen: chosen ?? null,
});

/** Points of the frontier as the report draws them. */
export const frontierMarks = ({ frontier, chosen }: Pick<RunOutcome, 'frontier' | 'chosen'>) =>
  frontier.map((point) => ({
    label: `${point.checkpoint} × ${point.strength}`,
    harm: point.harm,
    overRefusal: point.overRefusal,
    admissible: point.admissible,
    chosen: point.adapter === chosen?.adapter && point.strength === chosen.strength,
  }));

export function runCommand(): Command {
  return withCommon(new Command('run'))
    .description('Run one break-fix round: break, curate, train, choose, verify; ends with the scorecard')
    .option('--gate', 'let the exit code follow the gate: 10 fail, 11 inconclusive')
    .addHelpText(
      'after',
      '\nExamples:\n  temper run\n  temper run --config temper.yaml --json > scorecard.json\n  temper run --set target.path=model.gguf --gate',
    )
    .action(async (options: CommonOptions & { gate?: boolean }) => {
      const config = configOf(options);
      const started = performance.now();
      const outcome = await withProgress((tools) => runLoop(config, tools));
      const { run, scorecard } = outcome;
      const html = join(config.directory, 'reports', `${run.id}.html`);
      writeWhole(html, renderHtml({ ...outcome, frontier: frontierMarks(outcome) }));
      const codes = { pass: 0, fail: EXIT_CODES.gate, inconclusive: EXIT_CODES.inconclusive };
      if (options.gate && scorecard.gate) process.exitCode = codes[scorecard.gate.outcome];
      if (options.json) {
        printJson(resultJson(config, outcome));
        return;
      }
      print(`\n${renderTerminal(scorecard, { colour: colourWanted(process.stdout) })}\n`);
      say(`report   ${html}  (open it in a browser: the conversations behind every number)\n`);
      if (run.adapter !== undefined)
        say(`adapter  ${adapterDirectory(config, run.adapter)}  (PEFT format)\n`);
      say(
        `time     ${duration((performance.now() - started) / 1000)}${outcome.known ? ' (finished before)' : ''}\n`,
      );
      say(
        `next     \`${COMMAND} init\` sets your own model, suites and limits\n` +
          `app      ${COMMAND} serve  opens the web app at http://127.0.0.1:${DEFAULT_PORT}: read, attack, label, decide\n`,
      );
    });
}
