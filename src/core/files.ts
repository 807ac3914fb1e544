/** Files that are written: folders made, whole files put in place at once, and the system's errors as temper's. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { TemperError } from './errors.ts';
import { placeOf, replace, temporaryIn } from './replace.ts';

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
  return new TemperError('resource', `cannot ${what}: ${reason}`, {
    hint: HINTS[code] ?? 'Choose a place that may be written, with --out, or --set directory=...',
    cause,
  });
}

/** `work` with the file system's errors as temper's. */
export function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw fileError(cause, what) ?? cause;
  }
}

/** Makes a folder and those above it. Errors: `resource`. (Node's own `recursive` never ends below /proc.) */
export function ensureFolder(path: string): void {
  attempt(`make the folder ${path}`, () => {
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
  attempt(`write in the folder ${path}`, () => rmdirSync(temporaryIn(path)));
}

/** Finds out, before work is done for it, whether a file can be written; what is there stays. Errors: `resource`. */
export function ensureWritableFile(path: string): void {
  const place = attempt(`write ${path}`, () => placeOf(path));
  if (!existsSync(place)) {
    ensureWritableFolder(dirname(place));
    return;
  }
  // That is enough: where its folder lets no other file take its place, it is written in place.
  attempt(`write ${path}`, () => {
    if (statSync(place).isDirectory()) throw Object.assign(new Error(path), { code: 'EISDIR' });
    accessSync(place, constants.W_OK);
  });
}

/** What a system says where a file may be written and none may take its place: in the folder, or as it is mounted. */
const IN_PLACE = new Set(['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV']);

/**
 * Writes a file so that it is there whole or as it was before; links are followed, the mode stays, and a device or pipe
 * is written to as it is. The folder is made. A file that no other may take the place of (its folder may not be written,
 * or it is mounted by itself) is written in place: whole only if nothing stops that. Errors: `resource`.
 */
export function writeWhole(path: string, data: string | Uint8Array): void {
  const place = attempt(`write ${path}`, () => placeOf(path));
  ensureFolder(dirname(place));
  attempt(`write ${path}`, () => {
    const before = existsSync(place) ? statSync(place) : null;
    if (before && !before.isFile()) {
      writeFileSync(place, data);
      return;
    }
    try {
      replace(place, (fresh) => writeFileSync(fresh, data), before ? before.mode & 0o777 : undefined);
    } catch (error) {
      if (!before || !IN_PLACE.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      overwrite(place, data);
    }
  });
}

function overwrite(path: string, data: string | Uint8Array): void {
  // Without the flag to make it, which some systems refuse for another's file in a shared folder.
  const file = openSync(path, 'r+');
  try {
    ftruncateSync(file);
    writeFileSync(file, data);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Whether two paths, or open files by number, are the same file on disk: links of either kind included. */
export function isSameFile(a: string | number, b: string | number): boolean {
  const [one, other] = [a, b].map(fileAt);
  return one != null && other != null && one.isFile() && one.dev === other.dev && one.ino === other.ino;
}

function fileAt(file: string | number) {
  try {
    return typeof file === 'number' ? fstatSync(file, { bigint: true }) : statSync(file, { bigint: true });
  } catch {
    return null;
  }
}
