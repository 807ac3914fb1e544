/** Answers of models on disk, by the hash of all that determines them: a file of its own, which may be deleted at any time. */
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { ensureFolder } from '../core/files.ts';
import { databaseError } from './database.ts';

const BUSY_TIMEOUT_MS = 10_000;

export class AnswerCache implements Disposable {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #read: StatementSync;
  readonly #write: StatementSync;
  /** Answers that came since the last write: those of one turn of the event loop go into one transaction. */
  readonly #pending = new Map<string, string>();
  #scheduled: NodeJS.Immediate | null = null;
  #failure: Error | null = null;

  /** Errors: `store`, `resource`. */
  constructor(path: string) {
    this.#path = path;
    try {
      ensureFolder(dirname(path));
      this.#database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
      // What a crash of the machine takes from a cache is asked again.
      this.#database.exec('pragma journal_mode = wal; pragma synchronous = off');
      this.#database.exec(
        'create table if not exists answers (key text primary key, answer text not null) without rowid',
      );
      this.#read = this.#database.prepare('select answer from answers where key = ?');
      this.#write = this.#database.prepare('insert or ignore into answers (key, answer) values (?, ?)');
    } catch (cause) {
      throw databaseError(cause, path);
    }
  }

  /** Errors: `store`, `resource`; also for what could not be written before. */
  get(key: string): string | undefined {
    if (this.#failure) throw this.#failure;
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    try {
      return (this.#read.get(key) as { answer: string } | undefined)?.answer;
    } catch (cause) {
      throw databaseError(cause, this.#path);
    }
  }

  set(key: string, answer: string): void {
    this.#pending.set(key, answer);
    this.#scheduled ??= setImmediate(() => {
      try {
        this.#flush();
      } catch (error) {
        this.#failure = error as Error;
      }
    });
  }

  #flush(): void {
    this.#scheduled = null;
    try {
      this.#database.exec('begin immediate');
      for (const [key, answer] of this.#pending) this.#write.run(key, answer);
      this.#database.exec('commit');
      this.#pending.clear();
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('rollback');
      throw databaseError(cause, this.#path);
    }
  }

  [Symbol.dispose](): void {
    if (this.#scheduled) clearImmediate(this.#scheduled);
    try {
      if (this.#pending.size > 0 && !this.#failure) this.#flush();
    } finally {
      this.#database.close();
    }
  }
}
