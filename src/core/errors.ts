/**
 * Every failure that temper expects is a TemperError: what went wrong (`message`), where and how to mend it
 * (`hint`), and a stable `code` that decides the exit status. Anything else that reaches the edge is a bug.
 */

/** Exit codes of the command line, one per family of errors (documented in docs/exit-codes.md). */
export const EXIT_CODES = {
  /** An unexpected error: a bug in temper. */
  internal: 1,
  /** Unknown command, unknown flag, missing argument. */
  usage: 2,
  /** temper.yaml or `--set` does not validate. */
  config: 3,
  /** A data file (JSONL, suite, taxonomy, preference set) cannot be read as what it should be. */
  data: 4,
  /** A model or adapter file is missing, truncated, corrupt or of an unsupported kind. */
  model: 5,
  /** The store is locked by another run, written by a newer temper, or damaged. */
  store: 6,
  /** The machine lacks something: disk space, memory, a writable folder. */
  resource: 7,
  /** Something that had to be fetched could not be. */
  network: 8,
  /** The provider of a model refuses every call (key, quota, name of the model), or cannot be reached. */
  provider: 9,
  /** The run finished and its gate failed (only with `--gate`). */
  gate: 10,
  /** The run finished and its gate is inconclusive (only with `--gate`). */
  inconclusive: 11,
  /** A budget is spent; what is finished is kept. */
  budget: 12,
  /** What was named is not in the store, or cannot be used by this version: no store, run, record or common scenario. */
  absent: 13,
  /** Interrupted by the user; the same command continues. */
  interrupted: 130,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

export class TemperError extends Error {
  readonly code: ErrorCode;
  /** How to mend it, as one imperative sentence. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'TemperError';
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/** Whether an error is not of one record alone, so that nothing is gained by going on: a spent budget, a stop. */
export const endsWork = (thrown: unknown): boolean => thrown instanceof TemperError && thrown.code !== 'data';

/** The file system's `ENOENT: no such file or directory, open 'a'`: code and path are told where it is caught. */
const SYSTEM = /^E[A-Z0-9]+: ([^,]+), \w+(?: '.*')?$/s;

/** The text of anything that was thrown. */
export function errorMessage(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const ofSystem = (thrown as NodeJS.ErrnoException).syscall !== undefined;
  return (ofSystem ? SYSTEM.exec(thrown.message)?.[1] : undefined) ?? thrown.message;
}
