/** Opening a store's file: modes, migrations, and SQLite's errors as temper's. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorMessage, TemperError } from '../core/errors.ts';
import { MIGRATIONS } from './migrations.ts';

const BUSY_TIMEOUT_MS = 10_000;

/** Opens a database, made and brought up to date as needed. Errors: `store`, `resource`. */
export function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync;
  try {
    mkdirSync(dirname(path), { recursive: true });
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    database.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on');
  } catch (cause) {
    throw translated(cause, path);
  }
  migrate(database, path);
  return database;
}

function migrate(database: DatabaseSync, path: string): void {
  const version = (): number =>
    (database.prepare('pragma user_version').get() as { user_version: number }).user_version;
  if (version() > MIGRATIONS.length) {
    const found = version();
    database.close();
    throw new TemperError(
      'store',
      `${path} was written by a newer temper (schema ${found}, this one knows ${MIGRATIONS.length})`,
      {
        hint: 'Update temper, or use another folder with --set directory=...',
      },
    );
  }
  try {
    while (version() < MIGRATIONS.length) {
      database.exec('begin immediate');
      // Another process may have been faster.
      const at = version();
      for (const statement of MIGRATIONS[at] ?? []) database.exec(statement);
      if (at < MIGRATIONS.length) database.exec(`pragma user_version = ${at + 1}`);
      database.exec('commit');
    }
  } catch (cause) {
    database.close();
    throw translated(cause, path);
  }
}

/** SQLite's errors as temper's. */
export function translated(cause: unknown, path: string): Error {
  if (cause instanceof TemperError) return cause;
  const message = errorMessage(cause);
  if (/full|ENOSPC|disk I\/O/i.test(message)) {
    return new TemperError('resource', `cannot write ${path}: ${message}`, {
      hint: 'Free disk space, then run the same command again: nothing finished is lost.',
      cause,
    });
  }
  if (/not a database|malformed/i.test(message)) {
    return new TemperError('store', `${path} is not a temper store, or is damaged: ${message}`, {
      hint: 'Move the file away, or use another folder with --set directory=...',
      cause,
    });
  }
  if (/readonly|unable to open|EACCES|EROFS|ENOTDIR/i.test(message)) {
    return new TemperError('resource', `cannot open ${path}: ${message}`, {
      hint: 'Use a folder that may be written: --set directory=...',
      cause,
    });
  }
  if (/locked|busy/i.test(message)) {
    return new TemperError('store', `${path} is busy: ${message}`, {
      hint: 'Another process holds it; try again.',
      cause,
    });
  }
  return cause instanceof Error ? cause : new Error(message);
}
