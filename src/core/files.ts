/** Files that are written: folders made, whole files put in place at once, and the system's errors as temper's. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { errorMessage, TemperError } from './errors.ts';

/** What a failed call of the file system means. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than is allowed',
  EACCES: 'it may not be written or read',
  EPERM: 'it may not be written or read',
  EROFS: 'the file system is read-only',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is a file and no folder',
  EEXIST: 'a file is where a folder is wanted',
  ENOTEMPTY: 'a folder is in its place',
  ENOENT: 'it does not exist and cannot be made',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its symbolic links go in a circle',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  EBUSY: 'it is in use',
  ENXIO: 'it is a device that is not there',
  EIO: 'the disk reports an error',
};

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'Free disk space, then run the same command again.',
  EDQUOT: 'Free disk space, then run the same command again.',
  EMFILE: 'Raise the limit (ulimit -n), then run the same command again.',
  EIO: 'Check the disk.',
};

/** An error of the file system as temper's: `resource`; null for any other. `what` was tried, as in `cannot WHAT`. */
export function fileError(cause: unknown, what: string): TemperError | null {
  if (cause instanceof TemperError) return cause;
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  const reason = code === undefined || !Object.hasOwn(REASONS, code) ? undefined : REASONS[code];
  if (code === undefined || reason === undefined) return null;
  return new TemperError('resource', `cannot ${what}: ${reason} (${errorMessage(cause)})`, {
    hint: HINTS[code] ?? 'Choose a place that may be written, with --out, or --set directory=...',
    cause,
  });
}

/** `work` with the file system's errors as temper's. */
function translated<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw fileError(cause, what) ?? cause;
  }
}

/** Makes a folder and those above it. Errors: `resource`. (Node's own `recursive` never ends below /proc.) */
export function ensureFolder(path: string): void {
  translated(`make the folder ${path}`, () => {
    const missing: string[] = [];
    let folder = resolve(path);
    for (; !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
    for (const each of missing) {
      try {
        mkdirSync(each);
      } catch (error) {
        // Another process may have been faster.
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !existsSync(each)) throw error;
      }
    }
    if (!statSync(path).isDirectory()) throw Object.assign(new Error(path), { code: 'EEXIST' });
  });
}

/** Makes a folder and finds out whether something can be made in it. Errors: `resource`. */
export function ensureWritableFolder(path: string): void {
  ensureFolder(path);
  translated(`write in the folder ${path}`, () => rmdirSync(mkdtempSync(join(path, '.temper-'))));
}

/** Finds out, before work is done for it, whether a file can be written; what is there stays. Errors: `resource`. */
export function ensureWritableFile(path: string): void {
  if (!existsSync(path)) {
    ensureWritableFolder(dirname(path));
    return;
  }
  translated(`write ${path}`, () => {
    if (statSync(path).isDirectory()) throw Object.assign(new Error(path), { code: 'EISDIR' });
    accessSync(path, constants.W_OK);
  });
}

/**
 * Writes a file so that it is there whole or as it was before; links are followed, and a device or pipe is written to
 * as it is. The folder is made. Errors: `resource`.
 */
export function writeWhole(path: string, data: string | Uint8Array): void {
  ensureFolder(dirname(path));
  translated(`write ${path}`, () => {
    const before = existsSync(path) ? statSync(path) : null;
    if (before && !before.isFile()) {
      writeFileSync(path, data);
      return;
    }
    const place = before ? realpathSync(path) : path;
    const temporary = `${place}.${process.pid}.tmp`;
    try {
      const file = openSync(temporary, 'w', (before?.mode ?? 0o666) & 0o777);
      try {
        writeFileSync(file, data);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, place);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}

/** Whether two paths, or open files by number, are the same file on disk: links of either kind included. */
export function isSameFile(a: string | number, b: string | number): boolean {
  const [one, other] = [a, b].map(fileAt);
  return one != null && other != null && one.isFile() && one.dev === other.dev && one.ino === other.ino;
}

function fileAt(file: string | number) {
  try {
    // A number is an open file; /dev/fd has it on every system that has stdin.
    return statSync(typeof file === 'number' ? `/dev/fd/${file}` : file, { bigint: true });
  } catch {
    return null;
  }
}
