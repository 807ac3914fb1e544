/** `node:sqlite` as Kysely's SQLite dialect wants it, with SQLite's errors as temper's. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { databaseError } from './database.ts';

/** The result of a statement that was not needed. */
const NOTHING = { changes: 0, lastInsertRowid: 0 };

/** Errors of what it runs: `store`, `resource`. */
export function adapt(database: DatabaseSync, path: string) {
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw databaseError(cause, path);
    }
  };
  // Preparing takes as long as running: statements are kept. Their number is that of the queries below.
  const prepared = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    let statement = prepared.get(sql);
    if (!statement) prepared.set(sql, (statement = guarded(() => database.prepare(sql))));
    return statement;
  };
  return {
    close: () => database.close(),
    prepare: (sql: string) => {
      const statement = prepare(sql);
      const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[];
      return {
        reader: statement.columns().length > 0,
        all: (parameters: readonly unknown[]) => guarded(() => statement.all(...values(parameters))),
        run: (parameters: readonly unknown[]) => {
          // SQLite rolls back by itself where a disk is full; a second time is an error that would hide the first.
          if (sql === 'rollback' && !database.isTransaction) return NOTHING;
          return guarded(() => statement.run(...values(parameters)));
        },
        iterate: (parameters: readonly unknown[]) =>
          statement.iterate(...values(parameters)) as IterableIterator<unknown>,
      };
    },
  };
}
