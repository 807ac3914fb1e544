/** One run writes to a store at a time. The lock is a file with the owner's pid; that of a dead owner is taken over. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { TemperError } from '../core/errors.ts';

interface Owner {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

function isAlive(owner: Owner): boolean {
  // Of a process on another machine nothing can be known.
  if (owner.host !== hostname()) return true;
  if (owner.pid === process.pid) return false;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readOwner(path: string): Owner | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch {
    return null; // Gone, or cut off in the middle of a write: nobody holds it.
  }
}

/** Takes the lock; dispose to let go. Errors: `store` while another run holds it. */
export function lockStore(path: string): Disposable {
  mkdirSync(dirname(path), { recursive: true });
  const owner: Owner = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(owner), { flag: 'wx' });
      return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      const other = readOwner(path);
      if (attempt > 2 || (other && isAlive(other))) {
        throw new TemperError(
          'store',
          `another run (pid ${other?.pid} on ${other?.host}, since ${other?.since}) is using this store`,
          {
            hint: `Wait for it, use another --set directory=..., or delete ${path} if that process is gone.`,
          },
        );
      }
      rmSync(path, { force: true });
    }
  }
}
