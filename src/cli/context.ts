/** What the commands share: common options, configuration, progress, output. */
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { type Config, loadConfig } from '../config/config.ts';
import { EXIT_CODES, TemperError } from '../core/errors.ts';
import { readJsonl } from '../core/jsonl.ts';
import { storePath } from '../loop/run.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { createProgress } from './progress.ts';

export interface CommonOptions {
  readonly config?: string;
  readonly set: string[];
  readonly json?: boolean;
}

const collect = (value: string, all: string[]): string[] => [...all, value];

/** --config, --set and --json. */
export function withCommon(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration (default: temper.yaml where there is one)')
    .option('--set <path=value>', 'set one key of the configuration; repeatable', collect, [])
    .option('--json', 'print the result as JSON on stdout, and nothing else there');
}

export const configOf = (options: CommonOptions): Config => loadConfig(options.config, options.set);

/** Absolute path of a run's adapter, wherever the command was started when it ran. */
export const adapterDirectory = (config: Config, adapter: string): string =>
  resolve(config.directory, 'adapters', basename(adapter));

/** The store of a configuration, to read from: looking makes none. Errors: `data` if there is none. */
export function existingStore(config: Config): Store {
  const path = storePath(config);
  if (existsSync(path)) return openSqlite(path);
  throw new TemperError('data', `there is no store at ${path}`, {
    hint: 'Run `temper run` first, or name another folder with --set directory=...',
  });
}

export function integer(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new InvalidArgumentError('Give a whole number of at least 0.');
  return number;
}

export function real(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError('Give a number.');
  return number;
}

const CONTINUES = 'The same command continues where this one ended.';
/** A signal that arrives twice, from the terminal and from a parent process, is one request. */
const SECOND_REQUEST_MS = 500;

/** Runs work with progress on stderr and Ctrl-C as an abort; `hint` says what is left when it was stopped. */
export async function withProgress<T>(
  work: (tools: { emit: ReturnType<typeof createProgress>; signal: AbortSignal }) => Promise<T>,
  hint: string = CONTINUES,
): Promise<T> {
  const emit = createProgress();
  const controller = new AbortController();
  let stoppedAt = 0;
  const stop = (): void => {
    const now = performance.now();
    if (controller.signal.aborted && now - stoppedAt > SECOND_REQUEST_MS)
      process.exit(EXIT_CODES.interrupted);
    stoppedAt ||= now;
    controller.abort(new TemperError('interrupted', 'stopped', { hint }));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    return await work({ emit, signal: controller.signal });
  } finally {
    emit.end();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

/** Records of a JSON Lines file, counted before the work starts, so that a broken line costs nothing. Errors: `data`. */
export async function countRecords(path: string): Promise<number> {
  let count = 0;
  for await (const _ of readJsonl(path)) count++;
  return count;
}

/** Errors: `usage` if the output would overwrite the input while it is read. */
export function refuseSameFile(input: string, output: string | undefined): void {
  if (output === undefined || output === '-' || !existsSync(output) || !existsSync(input)) return;
  if (realpathSync(input) === realpathSync(output))
    throw new TemperError('usage', `--out ${output} is the input`, { hint: 'Name another file.' });
}

/** Errors: `usage` if a summary and the records would share stdout. */
export function refuseSharedStdout(json: boolean | undefined, output: string | undefined): void {
  if (json && (output === undefined || output === '-'))
    throw new TemperError('usage', '--json needs --out: the records themselves go to stdout', {
      hint: 'Add --out FILE.jsonl, or leave --json out.',
    });
}

/** Writes JSON Lines to a file, or to stdout for `-`. */
export class JsonlWriter implements AsyncDisposable {
  readonly #stream: NodeJS.WritableStream;
  readonly #own: boolean;
  #failure: Error | null = null;

  constructor(path: string | undefined) {
    this.#own = path !== undefined && path !== '-';
    if (this.#own) mkdirSync(dirname(path as string), { recursive: true });
    this.#stream = this.#own ? createWriteStream(path as string) : process.stdout;
    this.#stream.on('error', (error: Error) => (this.#failure = error));
  }

  async write(record: unknown): Promise<void> {
    this.#check();
    if (!this.#stream.write(`${JSON.stringify(record)}\n`))
      await Promise.race([once(this.#stream, 'drain'), once(this.#stream, 'close')]);
  }

  #check(): void {
    if (!this.#failure) return;
    const full = (this.#failure as NodeJS.ErrnoException).code === 'ENOSPC';
    throw new TemperError('resource', `cannot write the output: ${this.#failure.message}`, {
      hint: full
        ? 'Free disk space and run the command again.'
        : 'Choose a file that may be written with --out.',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#own) await new Promise<void>((resolve) => this.#stream.end(() => resolve()));
    this.#check();
  }
}

/** Results in the order of the inputs, with at most `width` under way: bounded memory, whatever the length. */
export async function* inOrder<I, O>(
  inputs: AsyncIterable<I>,
  width: number,
  work: (input: I) => Promise<O>,
): AsyncGenerator<O> {
  const waiting: Promise<O>[] = [];
  for await (const input of inputs) {
    const job = work(input);
    job.catch(() => {}); // seen when its turn comes
    waiting.push(job);
    if (waiting.length >= width) yield (await waiting.shift()) as O;
  }
  while (waiting.length > 0) yield (await waiting.shift()) as O;
}
