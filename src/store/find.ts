/** Any record by its id or the beginning of it. */
import { type Kysely, sql } from 'kysely';
import { TemperError } from '../core/errors.ts';
import type { PreferenceExample, Scenario, Verdict } from '../core/records.ts';
import type { Match, Store } from './store.ts';
import { decode, type Tables } from './tables.ts';

type Database = Kysely<Tables>;

/** Kinds of record that an id may name, with where the ids are. */
const KINDS: Readonly<Record<Match['kind'], readonly [keyof Tables, string]>> = {
  run: ['runs', 'id'],
  conversation: ['conversations', 'id'],
  verdict: ['verdicts', 'id'],
  finding: ['findings', 'id'],
  dataset: ['datasets', 'id'],
  example: ['examples', 'id'],
  scenario: ['scenarios', 'id'],
  target: ['conversations', 'target'],
};

/** Ids of each kind that an error names. */
const SHOWN = 3;

const told = (ids: readonly { kind: string; id: string }[]): string =>
  ids.map(({ kind, id }) => `${kind} ${id}`).join(', ');

/** The only thing that an id may name; undefined if there is none. Errors: `usage` for several. */
export function onlyOne<T extends { kind: string; id: string }>(
  text: string,
  found: readonly T[],
): T | undefined {
  if (found.length > 1)
    throw new TemperError('usage', `${text} may be several: ${told(found)}`, {
      hint: 'Give more of the id.',
    });
  return found[0];
}

/** `Store.matches`. */
export async function matching(db: Database, text: string): Promise<Match[]> {
  if (text === '') return [];
  const found: Match[] = [];
  for (const [kind, [table, column]] of Object.entries(KINDS) as [Match['kind'], [string, string]][]) {
    const name = sql.ref<string>(column);
    const key = kind === 'scenario' ? sql`or json_extract(record, '$.key') = ${text}` : sql``;
    const { rows } = await sql<{ id: string }>`select distinct ${name} as id from ${sql.table(table)}
        where (${name} >= ${text} and ${name} < ${`${text}\uffff`}) ${key} order by 1 limit ${SHOWN}`.execute(
      db,
    );
    found.push(...rows.map(({ id }) => ({ kind, id })));
  }
  return found.filter(({ id }) => id === text).length > 0 ? found.filter(({ id }) => id === text) : found;
}

/** `Store.find`. */
export async function findRecord(
  db: Database,
  store: Store,
  text: string,
): Promise<Record<string, unknown> | null> {
  const found = onlyOne(text, await matching(db, text));
  return found ? whole(db, store, found.kind, found.id) : null;
}

/** A record of a kind, with what it came from. */
async function whole(
  db: Database,
  store: Store,
  kind: Match['kind'],
  id: string,
): Promise<Record<string, unknown> | null> {
  switch (kind) {
    case 'run':
      return { run: await store.run(id), manifest: await store.stage(id, 'manifest') };
    case 'conversation':
      return judged(db, store, id);
    case 'verdict':
    case 'finding': {
      const { record } = await db
        .selectFrom(kind === 'verdict' ? 'verdicts' : 'findings')
        .select('record')
        .where('id', '=', id)
        .executeTakeFirstOrThrow();
      const about = decode<{ conversation: string }>(record);
      return { [kind]: about, ...(await judged(db, store, about.conversation)) };
    }
    case 'dataset':
      return { dataset: id, ...(await store.dataset(id)) };
    case 'example': {
      const row = await db
        .selectFrom('examples')
        .select(['dataset', 'record'])
        .where('id', '=', id)
        .executeTakeFirstOrThrow();
      return { example: decode<PreferenceExample>(row.record), dataset: row.dataset };
    }
    case 'scenario': {
      const { record } = await db
        .selectFrom('scenarios')
        .select('record')
        .where('id', '=', id)
        .executeTakeFirstOrThrow();
      return { scenario: decode<Scenario>(record), conversations: await conversationIds(db, 'scenario', id) };
    }
    case 'target':
      return { target: id, conversations: await conversationIds(db, 'target', id) };
  }
}

async function judged(db: Database, store: Store, id: string): Promise<Record<string, unknown>> {
  const rows = await db.selectFrom('verdicts').select('record').where('conversation', '=', id).execute();
  return { ...(await store.conversation(id)), verdicts: rows.map((row) => decode<Verdict>(row.record)) };
}

async function conversationIds(db: Database, by: 'scenario' | 'target', id: string): Promise<string[]> {
  const rows = await db.selectFrom('conversations').select('id').where(by, '=', id).orderBy('id').execute();
  return rows.map((row) => row.id);
}
