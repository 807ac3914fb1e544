/**
 * The one way to put a whole file or folder where there may be an older one: made in a hidden folder beside it, on the
 * disk, then renamed. The hidden folder's name says whose it is, so that what a killed run left is known from all else.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { isAlive } from './owner.ts';

/** `.temper-HOST-PID-` and mkdtemp's six characters. */
const TEMPORARY = /^\.temper-(.+)-(\d+)-[A-Za-z0-9]{6}$/;
/** Of a temporary folder: what is made, and what it takes the place of. */
const [FRESH, OLD] = ['new', 'old'];
const MOST_LINKS = 40;

/** A hidden folder of this process in `folder`. Errors: the system's. */
export const temporaryIn = (folder: string): string =>
  mkdtempSync(join(folder, `.temper-${hostname()}-${process.pid}-`));

/** Where a path leads: links are followed, also one whose file is still to be made. Errors: the system's. */
export function placeOf(path: string): string {
  let place = resolve(path);
  for (let links = 0; links < MOST_LINKS; links++) {
    const found = statSync(place, { throwIfNoEntry: false });
    // What is neither, as a pipe under /dev/fd, has no other name.
    if (found) return found.isFile() || found.isDirectory() ? realpathSync(place) : place;
    if (!lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) return place;
    place = resolve(realpathSync(dirname(place)), readlinkSync(place));
  }
  throw Object.assign(new Error(path), { code: 'ELOOP' });
}

/** Removes a temporary folder. An old folder that nothing took the place of goes back to it first. */
function removeTemporary(own: string): void {
  const old = join(own, OLD);
  for (const name of existsSync(old) ? readdirSync(old) : []) {
    const place = join(dirname(own), name);
    if (!existsSync(place)) renameSync(join(old, name), place);
  }
  rmSync(own, { recursive: true, force: true });
}

/** As `removeTemporary`; what cannot be removed stays: it is hidden, and in nobody's way. */
function tidy(own: string): void {
  try {
    removeTemporary(own);
  } catch {
    // Another process may have been faster, or it is another user's.
  }
}

/** Removes what killed runs left in a folder. */
export function removeLeftovers(folder: string): void {
  for (const { name, parentPath } of foldersIn(folder)) {
    const [, host, pid] = TEMPORARY.exec(name) ?? [];
    if (host === undefined) continue;
    const own = join(parentPath, name);
    const since = statSync(own, { throwIfNoEntry: false })?.mtime.toISOString();
    if (since !== undefined && !isAlive({ host, pid: Number(pid), since })) tidy(own);
  }
}

function foldersIn(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  } catch {
    return []; // a folder may be written and not read
  }
}

/** Has the system write a file, or a folder with all that is in it, to the disk. */
function flush(path: string): void {
  if (!statSync(path).isDirectory()) {
    flushOpen(path, 'r+');
    return;
  }
  for (const name of readdirSync(path)) flush(join(path, name));
  flushFolder(path);
}

function flushOpen(path: string, flags: string): void {
  const file = openSync(path, flags);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The names in a folder. Not every system has it. */
function flushFolder(path: string): void {
  try {
    flushOpen(path, 'r');
  } catch {
    // Then it writes them in its own time.
  }
}

/**
 * Lets `write` make a file or folder at the path it is given, which then takes the place of `place`, a path without
 * links (`placeOf`) in a folder that exists. Errors: the system's and those of `write`, after which all is as it was.
 */
export function replace(place: string, write: (fresh: string) => void, mode?: number): void {
  const folder = dirname(place);
  removeLeftovers(folder);
  const own = temporaryIn(folder);
  try {
    const fresh = join(own, FRESH);
    write(fresh);
    flush(fresh);
    // Not in the call that makes it: there the umask would take from it.
    if (mode !== undefined) chmodSync(fresh, mode);
    if (existsSync(place) && statSync(place).isDirectory() && statSync(fresh).isDirectory()) {
      mkdirSync(join(own, OLD));
      renameSync(place, join(own, OLD, basename(place)));
    }
    renameSync(fresh, place);
  } catch (error) {
    removeTemporary(own);
    throw error;
  }
  flushFolder(folder);
  tidy(own);
}
