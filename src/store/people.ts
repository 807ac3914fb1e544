/** Which conversations a run measured, and what people said of records. */
import type { Kysely } from 'kysely';
import { contentHash } from '../core/ids.ts';
import type { Note } from './store.ts';
import { decode, encode, type Tables } from './tables.ts';

type Database = Kysely<Tables>;

/** Rows of one statement: SQLite bounds the values that one may have. */
const AT_ONCE = 200;

export async function saveArm(
  db: Database,
  run: string,
  arm: string,
  conversations: readonly string[],
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    for (let at = 0; at < conversations.length; at += AT_ONCE)
      await transaction
        .insertInto('arms')
        .values(conversations.slice(at, at + AT_ONCE).map((conversation) => ({ run, arm, conversation })))
        .onConflict((conflict) => conflict.doNothing())
        .execute();
  });
}

export async function arms(db: Database, run: string): Promise<Map<string, string[]>> {
  const rows = await db.selectFrom('arms').select(['arm', 'conversation']).where('run', '=', run).execute();
  const found = new Map<string, string[]>();
  for (const { arm, conversation } of rows) {
    const known = found.get(arm);
    if (known) known.push(conversation);
    else found.set(arm, [conversation]);
  }
  return found;
}

export async function saveNote<T>(db: Database, note: Omit<Note<T>, 'id'>): Promise<Note<T>> {
  const { kind, subject, author, created, record } = note;
  const id = contentHash(note);
  await db
    .insertInto('notes')
    .values({ id, kind, subject, author, created, record: encode(record) })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return { id, kind, subject, author, created, record };
}

export async function notes<T>(db: Database, kind: string, subject?: string): Promise<Note<T>[]> {
  const all = db.selectFrom('notes').selectAll().where('kind', '=', kind);
  const rows = await (subject === undefined ? all : all.where('subject', '=', subject))
    .orderBy('created')
    .orderBy('id')
    .execute();
  return rows.map((row) => ({ ...row, record: decode<T>(row.record) }));
}
