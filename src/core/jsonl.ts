/** JSON Lines, read as a stream with bounded lines and errors that name file and line. */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { errorMessage, TemperError } from './errors.ts';
import { MAX_LINE_CHARACTERS } from './limits.ts';

export interface JsonlLine<T> {
  readonly value: T;
  /** 1-based. */
  readonly line: number;
}

/** The path that means standard input. */
export const STDIN = '-';

/** Bytes of one UTF-16 unit in UTF-8 at most. */
const MOST_BYTES = 3;

/**
 * Yields the parsed lines of a file, of stdin (`-`), or of `from` (the bytes that `path` then only names). Blank lines are
 * passed over. A line that is not UTF-8 or not JSON, or is longer than `MAX_LINE_CHARACTERS`, throws a `data` error
 * naming file and line.
 */
export async function* readJsonl<T = unknown>(
  path: string,
  from?: NodeJS.ReadableStream,
): AsyncGenerator<JsonlLine<T>> {
  let line = 0;
  for await (const text of readLines(path, from)) {
    line++;
    if (text.trim() !== '') yield { value: parseLine<T>(text, path, line), line };
  }
}

/** The value of a line. Errors: `data`, naming file and line. */
export function parseLine<T>(text: string, path: string, line: number): T {
  try {
    return parseExactly(text) as T;
  } catch (cause) {
    throw new TemperError('data', `${nameOf(path)}, line ${line}: not valid JSON (${errorMessage(cause)})`, {
      hint: 'Each line of a .jsonl file must be one complete JSON object; mend or remove that line.',
      cause,
    });
  }
}

/** Lines of a UTF-8 file (or of `from`, its unpacked bytes) without their terminators; a BOM is dropped. */
export async function* readLines(path: string, from?: NodeJS.ReadableStream): AsyncGenerator<string> {
  const stream =
    from ?? (path === STDIN ? process.stdin : createReadStream(path, { highWaterMark: 1 << 18 }));
  const name = nameOf(path);
  let line = 1;
  let rest: Uint8Array[] = [];
  let length = 0;
  const fail = (what: string, hint: string): TemperError =>
    new TemperError('data', `${name}, line ${line}: ${what}`, { hint });
  const tooLong = (): TemperError =>
    fail(
      `longer than ${MAX_LINE_CHARACTERS} characters`,
      'Split the record or remove it; is this really a JSON Lines file?',
    );
  const decoded = (last: Uint8Array): string => {
    const bytes =
      rest.length === 0
        ? Buffer.from(last.buffer, last.byteOffset, last.length)
        : Buffer.concat([...rest, last]);
    if (!isUtf8(bytes)) throw fail('not valid UTF-8', 'Save the file as UTF-8, or mend or remove that line.');
    const start = line === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    const end = bytes.at(-1) === 0x0d ? bytes.length - 1 : bytes.length;
    const text = bytes.toString('utf8', start, Math.max(start, end));
    if (text.length > MAX_LINE_CHARACTERS) throw tooLong();
    return text;
  };
  try {
    for await (const piece of stream) {
      const chunk = piece as Uint8Array;
      let start = 0;
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
        yield decoded(chunk.subarray(start, end));
        line++;
        start = end + 1;
        [rest, length] = [[], 0];
      }
      if (start < chunk.length) rest.push(chunk.subarray(start));
      length += chunk.length - start;
      if (length > MAX_LINE_CHARACTERS * MOST_BYTES) throw tooLong();
    }
  } catch (cause) {
    if (cause instanceof TemperError) throw cause;
    throw new TemperError('data', `cannot read ${name}: ${errorMessage(cause)}`, {
      hint: 'Check that the file exists and may be read.',
      cause,
    });
  }
  if (length > 0) yield decoded(new Uint8Array(0));
}

const nameOf = (path: string): string => (path === STDIN ? 'stdin' : path);

/** `JSON.parse` with the text of each number, and numbers that are written as they were (ECMAScript 2026). */
const json = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
};

/** A number that a double may not hold: 16 digits or more, or an exponent of three. */
const LARGE_NUMBER = /\d{16}|\.\d{15}|\d[eE][+-]?\d{3}/;

/** JSON whose large numbers (ids of 64 bits, 1e400) keep their digits when they are written again. */
function parseExactly(text: string): unknown {
  if (!LARGE_NUMBER.test(text)) return JSON.parse(text) as unknown;
  return json.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && LARGE_NUMBER.test(source) && String(value) !== source
      ? json.rawJSON(source)
      : value,
  );
}
