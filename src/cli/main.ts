/** The command line. The only place that catches: a known error is a message and a way out, an unknown one a stack. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { EXIT_CODES, TemperError } from '../core/errors.ts';
import { fileError } from '../core/files.ts';
import { printable } from '../core/limits.ts';
import { adapterCommand } from './adapter.ts';
import { attackCommand } from './attack.ts';
import { attributeCommand } from './attribute.ts';
import { calibrateCommand } from './calibrate.ts';
import { compareCommand } from './compare.ts';
import { curateCommand } from './curate.ts';
import { doctorCommand } from './doctor.ts';
import { evalCommand } from './eval.ts';
import { filterCommand } from './filter.ts';
import { findingsCommand } from './findings.ts';
import { generateCommand } from './generate.ts';
import { COMMAND, typed, withHelp } from './help.ts';
import { initCommand } from './init.ts';
import { judgeCommand } from './judge.ts';
import { modelsCommand } from './models.ts';
import { complain, onLostOutput, print } from './output.ts';
import { planCommand } from './plan.ts';
import { reportCommand } from './report.ts';
import { runCommand } from './run.ts';
import { runsCommand } from './runs.ts';
import { serveCommand } from './serve.ts';
import { showCommand } from './show.ts';
import { traceCommand } from './trace.ts';
import { trainCommand } from './train.ts';
import { usersCommand } from './users.ts';

const COMMANDS = [
  runCommand,
  evalCommand,
  attackCommand,
  findingsCommand,
  judgeCommand,
  generateCommand,
  curateCommand,
  filterCommand,
  trainCommand,
  adapterCommand,
  compareCommand,
  planCommand,
  calibrateCommand,
  reportCommand,
  runsCommand,
  showCommand,
  serveCommand,
  usersCommand,
  traceCommand,
  attributeCommand,
  modelsCommand,
  initCommand,
  doctorCommand,
];

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function program(): Command {
  const root = new Command(COMMAND)
    .description('Hardens a language model without making it brittle: break, fix, verify.')
    .version(version)
    .showSuggestionAfterError()
    .showHelpAfterError('(--help lists what there is)')
    .addHelpText('after', '\nExit codes: docs/exit-codes.md');
  for (const make of COMMANDS) root.addCommand(make().showSuggestionAfterError().exitOverride());
  withHelp(root, print, complain);
  return root.exitOverride();
}

function report(error: unknown): number {
  // What failed first is told; what failed in the cleaning up after it follows from it.
  if (error instanceof SuppressedError) return report(error.suppressed);
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CODES.usage;
  const known = error instanceof TemperError ? error : translate(error);
  if (!known) {
    complain(
      `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nThis is a bug in temper: please report it with the lines above.\n`,
    );
    return EXIT_CODES.internal;
  }
  complain(
    `error: ${printable(typed(known.message))}\n${known.hint ? `  ${printable(typed(known.hint))}\n` : ''}`,
  );
  return known.exitCode;
}

/** Errors of the system that a user can mend. */
function translate(error: unknown): TemperError | null {
  const { name, path } = (error ?? {}) as NodeJS.ErrnoException;
  if (name === 'AbortError')
    return new TemperError('interrupted', 'stopped', { hint: 'The same command continues.' });
  return fileError(error, `use ${path ?? 'a file'}`);
}

onLostOutput((error) => process.exit(report(error)));

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
