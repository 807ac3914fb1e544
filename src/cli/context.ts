/** What the commands share: common options, configuration, progress. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { z } from 'zod';
import { type Config, loadConfig, type TargetConfig } from '../config/config.ts';
import { EXIT_CODES, TemperError } from '../core/errors.ts';
import { storePath } from '../loop/run.ts';
import { adapterPath } from '../loop/trainer.ts';
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

export const configOf = (options: CommonOptions, decoding?: Partial<TargetConfig>): Config =>
  loadConfig(options.config, options.set, decoding);

/** Absolute path of a run's adapter, wherever the command was started when it ran. */
export const adapterDirectory = (config: Config, adapter: string): string =>
  resolve(adapterPath(config.directory, adapter));

/** The store of a configuration, to read from: looking makes none. Errors: `absent` if there is none. */
export function existingStore(config: Config): Store {
  const path = storePath(config);
  if (existsSync(path)) return openSqlite(path);
  throw new TemperError('absent', `there is no store at ${path}`, {
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

/** An option's number within the bounds that the configuration has for it. */
export const bounded =
  (schema: z.ZodType<number>) =>
  (value: string): number => {
    const result = schema.safeParse(real(value));
    if (result.success) return result.data;
    throw new InvalidArgumentError(result.error.issues.map(({ message }) => message).join('; '));
  };

/** As `bounded`, for a share between 0 and 1; says so where per cent were given. */
export const boundedShare =
  (schema: z.ZodType<number>) =>
  (value: string): number => {
    const percent = Number(value.replace(/\s*%$/, ''));
    if (value.trim().endsWith('%') || Math.abs(percent) > 1)
      if (Math.abs(percent) <= 100)
        throw new InvalidArgumentError(
          `Give a share between 0 and 1: ${percent} % is ${Number((percent / 100).toPrecision(12))}.`,
        );
    return bounded(schema)(value);
  };

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
    if (stoppedAt === 0)
      emit({
        type: 'note',
        level: 'info',
        message: 'stopping after the current step; Ctrl-C again ends at once',
      });
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

/** What no later call gets past: those under way may end, as they are paid for. */
const STANDS = new Set<unknown>(['budget', 'provider']);

/**
 * Results in the order of the inputs, with at most `width` under way: bounded memory, whatever the length. When the
 * consumer stops or a job fails, those under way are aborted; when it ends, none is under way.
 */
export async function* inOrder<I, O>(
  inputs: AsyncIterable<I>,
  width: number,
  work: (input: I, signal: AbortSignal) => Promise<O>,
): AsyncGenerator<O> {
  const waiting: Promise<O>[] = [];
  const stop = new AbortController();
  let stands = false;
  try {
    for await (const input of inputs) {
      const job = work(input, stop.signal);
      job.catch(() => {}); // seen when its turn comes
      waiting.push(job);
      if (waiting.length >= width) yield (await waiting.shift()) as O;
    }
    while (waiting.length > 0) yield (await waiting.shift()) as O;
  } catch (error) {
    stands = error instanceof TemperError && STANDS.has(error.code);
    throw error;
  } finally {
    if (!stands) stop.abort(new TemperError('interrupted', 'stopped'));
    await Promise.allSettled(waiting);
  }
}
