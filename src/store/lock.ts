/** One run writes to a store at a time. The lock is a file with the owner's pid; that of a dead owner is taken over. */
import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TemperError } from '../core/errors.ts';
import { ensureFolder, writeWhole } from '../core/files.ts';
import { currentOwner, isAlive, type Owner } from '../core/owner.ts';
import { databaseError } from './database.ts';

const GUARD_TIMEOUT_MS = 10_000;

function readOwner(path: string): Owner | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch {
    return null; // Gone, or no lock that temper wrote: nobody holds it.
  }
}

/**
 * Runs `work` while no other process does, for this path. "Look, remove, write" is three steps, so two processes that
 * find the same dead owner would both take over; SQLite's file lock makes it one, and dies with its process.
 */
function guarded<T>(path: string, work: () => T): T {
  const guard = new DatabaseSync(`${path}.guard`, { timeout: GUARD_TIMEOUT_MS });
  try {
    guard.exec('begin exclusive');
    return work();
  } finally {
    guard.close();
  }
}

/** Who writes to the store whose lock this is; null: nobody. */
export function lockHolder(path: string): Owner | null {
  const owner = readOwner(path);
  return owner !== null && isAlive(owner) ? owner : null;
}

/** Takes the lock; dispose to let go. Errors: `store` while another run holds it, `resource`. */
export function lockStore(path: string): Disposable {
  const owner = currentOwner();
  const text = JSON.stringify(owner);
  const take = (): void => {
    const other = lockHolder(path);
    if (other !== null) {
      throw new TemperError(
        'store',
        `another run (pid ${other.pid} on ${other.host}, since ${other.since}) is using this store`,
        {
          hint: `Wait for it, use another --set directory=..., or delete ${path} if that process is gone.`,
        },
      );
    }
    writeWhole(path, text);
  };
  try {
    ensureFolder(dirname(path));
    guarded(path, take);
  } catch (cause) {
    throw databaseError(cause, path);
  }
  return {
    [Symbol.dispose]: () => {
      const held = readOwner(path);
      // Someone may have deleted the file, as the hint allows, and taken the lock.
      if (held?.pid === owner.pid && held.since === owner.since) rmSync(path, { force: true });
    },
  };
}
