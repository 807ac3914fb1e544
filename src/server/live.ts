/** What happens in the store's folder, told to those who listen: a command's events, its lock, new records. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { lockHolder } from '../store/lock.ts';
import { eventLogPath, type LoggedEvent } from '../loop/event-log.ts';
import { newest } from './newest.ts';
import type { SearchIndex } from './search-index.ts';

export interface Working {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
  /** Which run it is, once it is known. */
  readonly run: string | null;
}

export type LiveEvent =
  | { readonly type: 'working'; readonly working: Working | null }
  | { readonly type: 'event'; readonly event: LoggedEvent }
  /** Another process wrote: what was read of the store may be older than it. */
  | { readonly type: 'store'; readonly version: number }
  | { readonly type: 'index'; readonly done: number; readonly total: number };

const EVERY_MS = 500;
/** Newest lines of the events file that a new listener gets. */
const TAIL = 300;
const MOST_BYTES = 8 << 20;

const parse = (line: string): LoggedEvent[] => {
  try {
    return [JSON.parse(line) as LoggedEvent];
  } catch {
    return []; // a line that is being written
  }
};

export class Live implements Disposable {
  readonly #directory: string;
  readonly #index: SearchIndex;
  readonly #listeners = new Set<(event: LiveEvent) => void>();
  readonly #onError: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #read = 0;
  #rest = '';
  #inode = 0;
  #events: LoggedEvent[] = [];
  #working: Working | null = null;
  #indexing = '';

  constructor(directory: string, index: SearchIndex, onError: (error: unknown) => void) {
    this.#directory = directory;
    this.#index = index;
    this.#onError = onError;
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
    this.#timer.unref();
    this.#look();
  }

  /** The command that holds the store, if one does. */
  get working(): Working | null {
    return this.#working;
  }

  /** Newest events of the command that works, or worked last; oldest first. */
  get events(): readonly LoggedEvent[] {
    return this.#events;
  }

  listen(listener: (event: LiveEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(event: LiveEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #look(): void {
    try {
      this.#readEvents();
      this.#readLock();
      if (this.#index.changed())
        this.#index
          .sync()
          .then(() => this.tell({ type: 'store', version: this.#index.version }), this.#onError);
      const { done, total } = this.#index.progress;
      const indexing = `${done} ${total}`;
      if (indexing !== this.#indexing) this.tell({ type: 'index', done, total });
      this.#indexing = indexing;
    } catch (error) {
      this.#onError(error);
    }
  }

  #readLock(): void {
    const owner = lockHolder(join(this.#directory, 'lock'));
    const run = this.#events.findLast((event) => event.type === 'run')?.run ?? null;
    const working = owner && { pid: owner.pid, host: owner.host, since: owner.since, run };
    if (JSON.stringify(working) === JSON.stringify(this.#working)) return;
    this.#working = working;
    this.tell({ type: 'working', working });
  }

  #readEvents(): void {
    const path = eventLogPath(this.#directory);
    if (!existsSync(path)) return;
    const { size, ino } = statSync(path);
    if (size < this.#read || ino !== this.#inode) {
      this.#read = 0;
      this.#rest = '';
      this.#events = [];
    }
    this.#inode = ino;
    if (size === this.#read) return;
    const added = readFileSync(path).subarray(this.#read, this.#read + MOST_BYTES);
    this.#read += added.length;
    const lines = (this.#rest + added.toString('utf8')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const event of lines.flatMap(parse)) {
      // A command that began again wrote the file anew.
      if (event.type === 'opened') this.#events = [];
      this.#events.push(event);
      this.tell({ type: 'event', event });
    }
    this.#events = [...newest(this.#events, TAIL)];
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }
}
