/** Who holds a lock or made a temporary file, and whether that process is still there. */
import { hostname } from 'node:os';

export interface Owner {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601. */
  readonly since: string;
}

/** This process, as an owner from now on. */
export const currentOwner = (): Owner => ({
  pid: process.pid,
  host: hostname(),
  since: new Date().toISOString(),
});

export function isAlive(owner: Owner): boolean {
  // Of a process on another machine nothing can be known.
  if (owner.host !== hostname()) return true;
  if (owner.pid === process.pid) {
    // This very process, unless what it owns is older than it: in a restarted container the pid comes again.
    return Date.parse(owner.since) >= Date.now() - process.uptime() * 1000;
  }
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
