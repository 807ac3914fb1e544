import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely, SqliteDialect } from 'kysely';
import { describe, expect, test } from 'vitest';
import { openDatabase } from './database.ts';
import { adapt } from './dialect.ts';
import { APPLICATION_ID, MIGRATIONS, TABLES } from './migrations.ts';
import { openSqlite } from './sqlite.ts';

function database(...statements: string[]): string {
  const path = join(mkdtempSync(join(tmpdir(), 'temper-database-')), 'store.sqlite');
  const made = new DatabaseSync(path);
  for (const statement of statements) made.exec(statement);
  made.close();
  return path;
}

describe('a file that is no store of ours stays as it is', () => {
  const own = MIGRATIONS[0] ?? [];
  test.each([
    ['tables of another program', /not a temper store/, ['create table runs (x)']],
    ['a version without tables', /not a temper store/, ['pragma user_version = 1']],
    [
      'the id of another program',
      /not a temper store/,
      [...own, 'pragma user_version = 1; pragma application_id = 7'],
    ],
    ['a newer temper', /newer temper/, [...own, 'pragma user_version = 99']],
    [
      'a newer temper with other tables',
      /newer temper/,
      [`pragma user_version = 99; pragma application_id = ${APPLICATION_ID}`],
    ],
  ])('%s', (_name, message, statements) => {
    for (const mode of ['delete', 'wal']) {
      const path = database(`pragma journal_mode = ${mode}`, ...statements);
      const before = readFileSync(path);
      expect(() => openDatabase(path)).toThrow(
        expect.objectContaining({
          code: 'store',
          message: expect.stringMatching(message) as string,
        }) as Error,
      );
      expect(readFileSync(path).equals(before)).toBe(true);
      expect(readdirSync(join(path, '..'))).toEqual(['store.sqlite']);
    }
  });
});

test('stores from before the application id open; new ones have it', () => {
  openDatabase(database(...MIGRATIONS.flat(), `pragma user_version = ${MIGRATIONS.length}`)).close();
  const made = openDatabase(database());
  expect(made.prepare('pragma application_id').get()).toEqual({ application_id: APPLICATION_ID });
  const tables = made.prepare("select name from sqlite_master where type = 'table'").all();
  expect(tables.map(({ name }) => name)).toEqual([...TABLES, 'calibrations', 'arms', 'notes']);
  made.close();
});

test('a store of the first schema is brought up to date', async () => {
  const path = database(...(MIGRATIONS[0] ?? []), 'pragma user_version = 1');
  await using store = openSqlite(path);
  expect(await store.calibrations()).toEqual([]);
});

test('a record that is no JSON: the store is damaged', async () => {
  const path = database(
    ...(MIGRATIONS[0] ?? []),
    `pragma user_version = 1; insert into runs values ('a', 'now', 'running', '{oops', null, null, null)`,
  );
  await using store = openSqlite(path);
  await expect(store.runs()).rejects.toMatchObject({ code: 'store' });
});

test('a disk that fills up within a transaction is told as that', async () => {
  const made = new DatabaseSync(':memory:');
  made.exec('create table t (x text); pragma max_page_count = 3');
  await using db = new Kysely<{ t: { x: string } }>({
    dialect: new SqliteDialect({ database: adapt(made, 'x.sqlite') }),
  });
  const fill = db.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('t')
      .values({ x: 'x'.repeat(100_000) })
      .execute();
  });
  await expect(fill).rejects.toMatchObject({ code: 'resource' });
  expect(made.prepare('select count(*) as n from t').get()).toEqual({ n: 0 });
});
