/** JSON Lines that a command reads twice: to find a broken line before the work starts, and for the work. */
import {
  closeSync,
  createReadStream,
  createWriteStream,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errorMessage, TemperError } from '../core/errors.ts';
import { fileError } from '../core/files.ts';
import { type JsonlLine, readJsonl, STDIN } from '../core/jsonl.ts';

export class JsonlInput implements Disposable {
  readonly #path: string;
  /** An open file without a name that holds what can be read only once. */
  readonly #copy: number | null;
  #count = 0;

  private constructor(path: string, copy: number | null) {
    this.#path = path;
    this.#copy = copy;
  }

  /** Opens and checks a file, a pipe, or stdin (`-`). Errors: `data`; `resource` if there is no room to keep a pipe's. */
  static async open(path: string, signal: AbortSignal): Promise<JsonlInput> {
    using stack = new DisposableStack();
    const input = stack.use(new JsonlInput(path, isFile(path) ? null : await copied(path, signal)));
    for await (const _ of input.records()) input.#count++;
    stack.move();
    return input;
  }

  get count(): number {
    return this.#count;
  }

  records(): AsyncGenerator<JsonlLine<unknown>> {
    if (this.#copy === null) return readJsonl(this.#path);
    return readJsonl(this.#path, createReadStream('', { fd: this.#copy, start: 0, autoClose: false }));
  }

  [Symbol.dispose](): void {
    if (this.#copy !== null) closeSync(this.#copy);
  }
}

/** Whether it can be read again. What is not there is left to the reader to say. */
function isFile(path: string): boolean {
  if (path === STDIN) return false;
  const kind = statSync(path, { throwIfNoEntry: false });
  return kind === undefined || kind.isFile() || kind.isDirectory();
}

async function copied(path: string, signal: AbortSignal): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'temper-input-'));
  let file: number | null = null;
  try {
    file = openSync(join(folder, 'input'), 'wx+', 0o600);
    // Without its name, nothing is left of it whatever ends this process.
    rmSync(folder, { recursive: true });
    const source = path === STDIN ? process.stdin : createReadStream(path);
    await pipeline(source, createWriteStream('', { fd: file, autoClose: false }), { signal });
    return file;
  } catch (cause) {
    if (file !== null) closeSync(file);
    rmSync(folder, { recursive: true, force: true });
    signal.throwIfAborted();
    throw (
      fileError(cause, `keep the input in ${tmpdir()}`) ??
      new TemperError('data', `cannot read ${path}: ${errorMessage(cause)}`, { cause })
    );
  }
}
