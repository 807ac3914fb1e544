/** Answers of models on disk, by the hash of all that determines them: a file of its own, which may be deleted at any time. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { translated } from './database.ts';

const BUSY_TIMEOUT_MS = 10_000;

export class AnswerCache implements Disposable {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #read: StatementSync;
  readonly #write: StatementSync;

  /** Errors: `store`, `resource`. */
  constructor(path: string) {
    this.#path = path;
    try {
      mkdirSync(dirname(path), { recursive: true });
      this.#database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
      // What a crash of the machine takes from a cache is asked again.
      this.#database.exec('pragma journal_mode = wal; pragma synchronous = off');
      this.#database.exec(
        'create table if not exists answers (key text primary key, answer text not null) without rowid',
      );
      this.#read = this.#database.prepare('select answer from answers where key = ?');
      this.#write = this.#database.prepare('insert or ignore into answers (key, answer) values (?, ?)');
    } catch (cause) {
      throw translated(cause, path);
    }
  }

  get(key: string): string | undefined {
    return this.#guarded(() => (this.#read.get(key) as { answer: string } | undefined)?.answer);
  }

  set(key: string, answer: string): void {
    this.#guarded(() => this.#write.run(key, answer));
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw translated(cause, this.#path);
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
