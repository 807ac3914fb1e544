/** Programs of a job: started without a shell, their output kept in the job's folder. */
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TemperError } from '../../core/errors.ts';
import { JOB } from './job.ts';
import type { TrlSettings } from './settings.ts';

const OUTPUT = 'output.log';
const LAST_CHARACTERS = 400;
const KILL_AFTER_MS = 10_000;

/** The command that runs the script on this machine. */
function local({ python, processes, accelerate }: TrlSettings, folder: string): string[] {
  const script = join(folder, JOB.script);
  if (processes === 1 && accelerate === null) return [python, script];
  // What `accelerate launch` starts, too, but with processors as well as with accelerators.
  const torchrun = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', `${processes}`];
  const launcher =
    accelerate === null ? torchrun : ['-m', 'accelerate.commands.launch', '--config_file', accelerate];
  return [python, ...launcher, script];
}

export const launchCommand = (settings: TrlSettings, folder: string): string[] =>
  settings.launch === null ? local(settings, folder) : [...settings.launch];

/** `{job}` and its like, in one argument each. */
export function filled(command: readonly string[], values: Readonly<Record<string, string>>): string[] {
  return command.map((part) =>
    part.replace(/\{(job|id|python|processes)\}/g, (_, name: string) => values[name] as string),
  );
}

export interface Running {
  /** Settles when the program ended: its status, or the signal's name. */
  readonly ended: Promise<number | string>;
  stop(): void;
}

/** Starts a program. Errors: `resource` if it cannot be started. */
export function start(command: readonly string[], folder: string): Promise<Running> {
  const [program, ...args] = command as [string, ...string[]];
  const log = createWriteStream(join(folder, OUTPUT), { flags: 'a' });
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    const ended = new Promise<number | string>((settle) =>
      child.once('close', (status, signal) => log.end(() => settle(status ?? signal ?? 'unknown'))),
    );
    let killer: NodeJS.Timeout | undefined;
    child.once('error', (cause) => {
      log.end();
      reject(
        new TemperError('resource', `cannot start ${program}: ${cause.message}`, {
          hint: 'Set training.trl.python or training.trl.launch to what is installed; `temper doctor --backend trl` says what is missing.',
          cause,
        }),
      );
    });
    child.once('spawn', () =>
      resolve({
        ended: ended.finally(() => clearTimeout(killer)),
        stop: () => {
          child.kill('SIGTERM');
          killer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
        },
      }),
    );
  });
}

/** The last words of a job's programs. */
export function lastOutput(folder: string): string {
  const path = join(folder, OUTPUT);
  const text = existsSync(path) ? readFileSync(path, 'utf8').trimEnd() : '';
  return text.slice(-LAST_CHARACTERS);
}

/** Runs a program to its end. Errors: `resource` if it cannot be started or ends with another status than 0. */
export async function runToEnd(
  what: string,
  command: readonly string[],
  options: { folder: string; signal?: AbortSignal | undefined },
): Promise<void> {
  const running = await start(command, options.folder);
  const stop = (): void => running.stop();
  options.signal?.addEventListener('abort', stop, { once: true });
  const status = await running.ended;
  options.signal?.removeEventListener('abort', stop);
  options.signal?.throwIfAborted();
  if (status !== 0)
    throw new TemperError('resource', `${what} ended with ${status}: ${lastOutput(options.folder)}`, {
      hint: `The command: ${command.join(' ')}`,
    });
}
