/** The command line. The only place that catches: a known error is a message and a way out, an unknown one a stack. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { EXIT_CODES, TemperError } from '../core/errors.ts';
import { printable } from '../core/limits.ts';
import { adapterCommand } from './adapter.ts';
import { attackCommand } from './attack.ts';
import { compareCommand } from './compare.ts';
import { curateCommand } from './curate.ts';
import { doctorCommand } from './doctor.ts';
import { evalCommand } from './eval.ts';
import { generateCommand } from './generate.ts';
import { initCommand } from './init.ts';
import { judgeCommand } from './judge.ts';
import { modelsCommand } from './models.ts';
import { reportCommand } from './report.ts';
import { runCommand } from './run.ts';
import { runsCommand } from './runs.ts';
import { showCommand } from './show.ts';
import { trainCommand } from './train.ts';

const COMMANDS = [
  runCommand,
  evalCommand,
  attackCommand,
  judgeCommand,
  generateCommand,
  curateCommand,
  trainCommand,
  adapterCommand,
  compareCommand,
  reportCommand,
  runsCommand,
  showCommand,
  modelsCommand,
  initCommand,
  doctorCommand,
];

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function program(): Command {
  const root = new Command('temper')
    .description('Hardens a language model without making it brittle: break, fix, verify.')
    .version(version)
    .showSuggestionAfterError()
    .showHelpAfterError('(--help lists what there is)')
    .addHelpText('after', '\nExit codes: docs/exit-codes.md');
  for (const make of COMMANDS) root.addCommand(make().showSuggestionAfterError().exitOverride());
  return root.exitOverride();
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CODES.usage;
  const known = error instanceof TemperError ? error : translate(error);
  if (!known) {
    process.stderr.write(
      `${printable(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`,
    );
    process.stderr.write('This is a bug in temper: please report it with the lines above.\n');
    return EXIT_CODES.internal;
  }
  process.stderr.write(`error: ${printable(known.message)}\n`);
  if (known.hint) process.stderr.write(`  ${printable(known.hint)}\n`);
  return known.exitCode;
}

/** Errors of the system that a user can mend. */
function translate(error: unknown): TemperError | null {
  const { code, message, name } = (error ?? {}) as NodeJS.ErrnoException;
  if (name === 'AbortError')
    return new TemperError('interrupted', 'stopped', { hint: 'The same command continues.' });
  if (code === 'ENOSPC')
    return new TemperError('resource', `the disk is full: ${message}`, {
      hint: 'Free space and run the same command again: nothing finished is lost.',
    });
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM')
    return new TemperError('resource', message, {
      hint: 'Choose a folder that may be written: --set directory=...',
    });
  return null;
}

// A reader that closes the pipe early (| head) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
