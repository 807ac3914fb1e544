/** Opening a store's file: modes, migrations, and SQLite's errors as temper's. */
import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { errorMessage, TemperError } from '../core/errors.ts';
import { ensureFolder, fileError } from '../core/files.ts';
import { APPLICATION_ID, MIGRATIONS, TABLES } from './migrations.ts';

const BUSY_TIMEOUT_MS = 10_000;

/** Opens a database, made and brought up to date as needed. Errors: `store`, `resource`. */
export function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync;
  try {
    ensureFolder(dirname(path));
    refuseForeign(path);
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    database.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on');
  } catch (cause) {
    throw databaseError(cause, path);
  }
  migrate(database, path);
  return database;
}

const pragma = (database: DatabaseSync, name: 'user_version' | 'application_id'): number =>
  (database.prepare(`pragma ${name}`).get() as Record<typeof name, number>)[name];

/**
 * Looks at what is there without a change to it: a database of another program, or of a newer temper, stays as it is.
 * Stores that were made before temper had an application id are known by their tables. Errors: `store`.
 */
function refuseForeign(path: string): void {
  if (!existsSync(path) || statSync(path).size === 0) return;
  // Reading a database in WAL mode makes files beside it; without a log of changes, all there is to know is in the file.
  const url = pathToFileURL(resolve(path));
  if (!['-wal', '-journal'].some((suffix) => existsSync(`${path}${suffix}`)))
    url.searchParams.set('immutable', '1');
  const database = new DatabaseSync(url, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    const [id, version] = [pragma(database, 'application_id'), pragma(database, 'user_version')];
    const found = database.prepare("select name from sqlite_master where type = 'table'").all();
    const tables = new Set(found.map(({ name }) => name));
    const empty = id === 0 && version === 0 && tables.size === 0;
    const own = version > 0 && TABLES.every((table) => tables.has(table));
    const newer = version > MIGRATIONS.length && (id === APPLICATION_ID || own);
    if (newer)
      throw new TemperError(
        'store',
        `${path} was written by a newer temper (schema ${version}, this one knows ${MIGRATIONS.length})`,
        { hint: 'Update temper, or use another folder with --set directory=...' },
      );
    if (!empty && !(own && (id === 0 || id === APPLICATION_ID)))
      throw new TemperError('store', `${path} is not a temper store, or is damaged: its tables are others`, {
        hint: 'Move the file away, or use another folder with --set directory=...',
      });
  } finally {
    database.close();
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const version = (): number => pragma(database, 'user_version');
  try {
    while (version() < MIGRATIONS.length) {
      database.exec('begin immediate');
      // Another process may have been faster.
      const at = version();
      for (const statement of MIGRATIONS[at] ?? []) database.exec(statement);
      if (at < MIGRATIONS.length)
        database.exec(`pragma user_version = ${at + 1}; pragma application_id = ${APPLICATION_ID}`);
      database.exec('commit');
    }
  } catch (cause) {
    database.close();
    throw databaseError(cause, path);
  }
}

/** SQLite's errors as temper's. */
export function databaseError(cause: unknown, path: string): Error {
  const known = fileError(cause, `use ${path}`);
  if (known) return known;
  const message = errorMessage(cause);
  if (/full|disk I\/O/i.test(message)) {
    return new TemperError('resource', `cannot write ${path}: ${message}`, {
      hint: 'Free disk space, then run the same command again: nothing finished is lost.',
      cause,
    });
  }
  if (/not a database|malformed|no such (table|column)|has no column/i.test(message)) {
    return new TemperError('store', `${path} is not a temper store, or is damaged: ${message}`, {
      hint: 'Move the file away, or use another folder with --set directory=...',
      cause,
    });
  }
  if (/readonly|unable to open/i.test(message)) {
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
