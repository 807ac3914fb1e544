/** Commands that the app starts, runs and replays: each a process of its own, with the configuration in a file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { TemperError } from '../core/errors.ts';
import { writeWhole } from '../core/files.ts';
import { contentHash } from '../core/ids.ts';
import type { Config } from '../config/config.ts';

export interface Job {
  readonly what: 'run' | 'replay';
  readonly pid: number;
  readonly started: string;
  readonly author: string;
  /** null: it works. */
  readonly exitCode: number | null;
  /** The last that it said on stderr. */
  readonly said: string;
  readonly stopping: boolean;
}

const MOST_SAID = 4000;

export class Jobs implements AsyncDisposable {
  /** Program and arguments that run a command of temper. */
  readonly #command: readonly string[];
  readonly #onEnd: () => void;
  #child: ChildProcess | null = null;
  #job: Job | null = null;

  constructor(command: readonly string[], onEnd: () => void) {
    this.#command = command;
    this.#onEnd = onEnd;
  }

  /** What was started last. */
  get job(): Job | null {
    return this.#job;
  }

  /** Starts a command, `run` by default. Errors: `store` while one that was started here works. */
  start(config: Config, author: string, what: Job['what'] = 'run', args: readonly string[] = ['run']): Job {
    if (this.#child)
      throw new TemperError('store', `a ${this.#job!.what} that was started here is still at work`, {
        hint: 'Stop it first, or wait for it.',
      });
    const file = join(config.directory, 'started', `${contentHash(config)}.json`);
    writeWhole(file, `${JSON.stringify(config, null, 2)}\n`);
    const [program, ...begin] = this.#command;
    // Not in this process's group: Ctrl-C reaches it through `stop` alone, which waits for it.
    const child = spawn(program as string, [...begin, ...args, '--config', file, '--json'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    this.#child = child;
    const started = new Date().toISOString();
    this.#job = { what, pid: child.pid ?? 0, started, author, exitCode: null, said: '', stopping: false };
    const update = (part: Partial<Job>): void => {
      this.#job = { ...(this.#job as Job), ...part };
    };
    child.stderr?.setEncoding('utf8').on('data', (said: string) => {
      update({ said: (this.#job!.said + said).slice(-MOST_SAID) });
    });
    const end = (exitCode: number, said = ''): void => {
      update({ exitCode, said: this.#job!.said + said, stopping: false });
      this.#child = null;
      this.#onEnd();
    };
    child.on('error', (error) => end(1, error.message));
    child.on('exit', (code) => end(code ?? 1));
    return this.#job;
  }

  /** Asks it to stop; it keeps what is finished. Errors: `absent` if none works. */
  stop(): Job {
    if (!this.#child || !this.#job)
      throw new TemperError('absent', 'nothing that was started here is at work', {
        hint: 'One that was started in a terminal is stopped there, with Ctrl-C.',
      });
    this.#job = { ...this.#job, stopping: true };
    this.#child.kill('SIGINT');
    return this.#job;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    await ended;
  }
}
