/** Checks batches on threads. Each thread answers in the order in which it was asked. */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { errorMessage, TemperError } from '../core/errors.ts';
import { type Batch, type CheckedBatch, Checker, type CheckerOptions } from './checker.ts';

interface Thread {
  readonly worker: Worker;
  readonly waiting: PromiseWithResolvers<CheckedBatch>[];
  /** Why it answers no more. */
  ended?: unknown;
}

const PROGRAM = new URL(`./check-worker${extname(import.meta.url)}`, import.meta.url);

/** Batches make much that is soon gone: a larger young generation has it collected seldom. */
const YOUNG = { maxYoungGenerationSizeMb: 64 };

const noMemory = (cause: unknown): TemperError =>
  new TemperError('resource', `a thread of the filter ended: ${errorMessage(cause)}`, {
    hint: 'Free memory, or give --threads 0, which needs least.',
    cause,
  });

function started(options: CheckerOptions): Thread {
  const thread: Thread = {
    worker: new Worker(PROGRAM, { workerData: options, resourceLimits: YOUNG }),
    waiting: [],
  };
  const { worker, waiting } = thread;
  const end = (why: unknown): void => {
    thread.ended ??= why;
    for (const each of waiting.splice(0)) each.reject(thread.ended);
  };
  worker.on('message', (checked: CheckedBatch) => waiting.shift()!.resolve(checked));
  worker.on('error', (error: NodeJS.ErrnoException) =>
    end(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? noMemory(error) : error),
  );
  worker.on('exit', (code) => end(noMemory(new Error(`exit code ${code}`))));
  return thread;
}

export class CheckPool implements AsyncDisposable {
  readonly #threads: readonly Thread[];
  /** Where there are no threads. */
  readonly #own: Checker | null;

  /** `threads` 0: this one does the work. */
  constructor(options: CheckerOptions, threads: number) {
    this.#own = threads === 0 ? new Checker(options) : null;
    this.#threads = Array.from({ length: threads }, () => started(options));
  }

  /** Batches that keep all threads at work. */
  get width(): number {
    return 1 + 2 * this.#threads.length;
  }

  /** Errors: `resource`; those of rows are in the result. */
  async check(batch: Batch): Promise<CheckedBatch> {
    if (this.#own) return this.#own.batch(batch);
    const least = this.#threads.reduce((a, b) => (b.waiting.length < a.waiting.length ? b : a));
    if (least.ended !== undefined) throw least.ended;
    const answer = Promise.withResolvers<CheckedBatch>();
    least.waiting.push(answer);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
    least.worker.postMessage(batch);
    return answer.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { waiting } of this.#threads) for (const { promise } of waiting) promise.catch(() => {});
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }
}
