/** Parts of large model files. */
import { closeSync, openSync, readSync } from 'node:fs';
import { errorMessage, TemperError } from '../core/errors.ts';

/** One read of Node takes at most this many bytes. */
const MOST_AT_ONCE = 1 << 30;

/** Opens a file, hands over its descriptor, and closes it. Errors: `model` if it cannot be opened. */
export function withFile<T>(path: string, use: (fd: number) => T): T {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw new TemperError('model', `cannot open the model file ${path}: ${errorMessage(cause)}`, {
      hint: 'Check the path, or run `temper models fetch` for the default model.',
      cause,
    });
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** `length` bytes from `offset`; the caller has checked that the file is that long. */
export function readBytes(path: string, fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let got = 0;
  while (got < length) {
    const n = readSync(fd, bytes, got, Math.min(length - got, MOST_AT_ONCE), offset + got);
    if (n === 0) throw new TemperError('model', `${path}: the file ends before its data does`);
    got += n;
  }
  return bytes;
}
