/** JSON Lines, read as a stream with bounded lines and errors that name file and line. */
import { createReadStream } from 'node:fs';
import { TemperError } from './errors.ts';
import { MAX_LINE_CHARACTERS } from './limits.ts';

export interface JsonlLine<T> {
  readonly value: T;
  /** 1-based. */
  readonly line: number;
}

/**
 * Yields the parsed lines of a file (or of `from`, its unpacked bytes). Blank lines are passed over. A line that is not JSON, or is longer than
 * `MAX_LINE_CHARACTERS`, throws a `data` error naming file and line.
 */
export async function* readJsonl<T = unknown>(
  path: string,
  from?: NodeJS.ReadableStream,
): AsyncGenerator<JsonlLine<T>> {
  let line = 0;
  for await (const text of readLines(path, from)) {
    line++;
    if (text.trim() === '') continue;
    let value: T;
    try {
      value = JSON.parse(text) as T;
    } catch (cause) {
      throw new TemperError('data', `${path}, line ${line}: not valid JSON (${(cause as Error).message})`, {
        hint: 'Each line of a .jsonl file must be one complete JSON object; mend or remove that line.',
        cause,
      });
    }
    yield { value, line };
  }
}

/** Lines of a UTF-8 file (or of `from`, its unpacked bytes) without their terminators; a BOM is dropped. */
export async function* readLines(path: string, from?: NodeJS.ReadableStream): AsyncGenerator<string> {
  let rest = '';
  let first = true;
  let line = 1;
  const stream =
    from?.setEncoding('utf8') ?? createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 18 });
  try {
    for await (const chunk of stream as AsyncIterable<string>) {
      rest += first ? chunk.replace(/^\uFEFF/, '') : chunk;
      first = false;
      let start = 0;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
        yield rest.slice(start, rest[end - 1] === '\r' && end > start ? end - 1 : end);
        line++;
        start = end + 1;
      }
      rest = rest.slice(start);
      if (rest.length > MAX_LINE_CHARACTERS) {
        throw new TemperError(
          'data',
          `${path}, line ${line}: longer than ${MAX_LINE_CHARACTERS} characters`,
          {
            hint: 'Split the record or remove it; is this really a JSON Lines file?',
          },
        );
      }
    }
  } catch (cause) {
    if (cause instanceof TemperError) throw cause;
    throw new TemperError('data', `cannot read ${path}: ${(cause as Error).message}`, {
      hint: 'Check that the file exists and may be read.',
      cause,
    });
  }
  if (rest !== '') yield rest.endsWith('\r') ? rest.slice(0, -1) : rest;
}
