/**
 * Everything that the commands write: stdout, stderr, and JSON Lines into a file. A write that fails is an error once,
 * of the code `resource`; a reader that closes the pipe early (`| head`) is none, and ends the command at once: one that
 * sets an exit code does so before it prints.
 */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { errorMessage, TemperError } from '../core/errors.ts';
import { ensureWritableFile, fileError, isSameFile } from '../core/files.ts';
import { STDIN } from '../core/jsonl.ts';
import { printable } from '../core/limits.ts';

/** The path that means standard output. */
const STDOUT = '-';
const STDOUT_FD = 1;

/** Writes all of it, or throws. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}

const writeFailed = (cause: unknown, what: string): TemperError =>
  fileError(cause, `write ${what}`) ??
  new TemperError('resource', `cannot write ${what}: ${errorMessage(cause)}`, {
    hint: 'Write to a file with --out, or to another place.',
    cause,
  });

/** Ends the process where the reader has left: with the exit code that the command has set by now, else 0. */
function writeEnded(error: unknown, what: string): never {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit();
  throw writeFailed(error, what);
}

/** Node's stream for files forgets what did not fit in one write, so these are written to without it. */
function isPlain(fd: number): boolean {
  try {
    const kind = fstatSync(fd);
    return kind.isFile() || (kind.isCharacterDevice() && !isatty(fd));
  } catch {
    return false;
  }
}

/** Raw text on stdout, for machines or made printable already. Errors: `resource`, at the latest by `onLostOutput`. */
export function print(text: string): void {
  if (!isPlain(STDOUT_FD)) {
    process.stdout.write(text);
    return;
  }
  try {
    writeAll(STDOUT_FD, text);
  } catch (error) {
    writeEnded(error, 'to stdout');
  }
}

/** Text for people on stdout: whatever names and arguments are in it cannot steer the terminal. */
export const say = (text: string): void => print(printable(text, Infinity));

/** One JSON value on stdout. */
export const printJson = (value: unknown): void => print(`${JSON.stringify(value)}\n`);

/** Text for people on stderr. Where even that is full or closed, the exit code still tells. */
export function complain(text: string): void {
  try {
    process.stderr.write(printable(text, Infinity));
  } catch {
    // Nowhere to say it.
  }
}

/** Failures of the streams that come when nobody waits for them; `end` reports the error and ends the process. */
export function onLostOutput(end: (error: unknown) => never): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error) => {
    try {
      writeEnded(error, 'to stdout');
    } catch (known) {
      end(known);
    }
  });
}

/** Errors: `usage` if the output is the input, which would be gone before it is read, or grow while it is. */
export function refuseSameFile(input: string, output: string | undefined): void {
  const to = output === undefined || output === STDOUT ? STDOUT_FD : output;
  if (isSameFile(input === STDIN ? 0 : input, to))
    throw new TemperError('usage', `${to === STDOUT_FD ? 'stdout' : `--out ${output}`} is the input`, {
      hint: 'Name another file.',
    });
}

/** Errors: `usage` if a summary and the records would share stdout. */
export function refuseSharedStdout(json: boolean | undefined, output: string | undefined): void {
  if (json && (output === undefined || output === STDOUT))
    throw new TemperError('usage', '--json needs --out: the records themselves go to stdout', {
      hint: 'Add --out FILE.jsonl, or leave --json out.',
    });
}

/** Finds out before the work whether its output can be written. Errors: `usage`, `resource`. */
export function checkOutput(output: string | undefined): void {
  if (output === '') throw new TemperError('usage', '--out is empty', { hint: 'Name a file.' });
  if (output !== undefined && output !== STDOUT) ensureWritableFile(output);
}

/** Writes JSON Lines to a file, or to stdout for `-`; each record is on the way to the disk when `write` returns. */
export class JsonlWriter implements Disposable {
  readonly #name: string;
  #file: number | null = null;

  /** Errors: `usage`, `resource`. */
  constructor(path: string | undefined) {
    this.#name = path === undefined || path === STDOUT ? STDOUT : path;
    if (this.#name === STDOUT) return;
    checkOutput(path);
    this.#guarded(() => {
      this.#file = openSync(this.#name, 'w');
    });
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (cause) {
      writeEnded(cause, this.#name);
    }
  }

  /** Errors: `resource`. */
  write(record: unknown): void {
    this.writeLine(JSON.stringify(record));
  }

  /** A record, or several with line breaks between them, that is JSON already. Errors: `resource`. */
  writeLine(json: string): void {
    const text = `${json}\n`;
    const file = this.#file;
    if (file === null) print(text);
    else this.#guarded(() => writeAll(file, text));
  }

  /** Errors: `resource`, as some file systems tell only now what they could not keep. */
  [Symbol.dispose](): void {
    const file = this.#file;
    this.#file = null;
    if (file !== null) this.#guarded(() => closeSync(file));
  }
}
