/** The register of findings in SQL: rows as records, and changes of them. */
import type { Kysely } from 'kysely';
import type { Finding } from '../core/records.ts';
import type { FindingChange, FindingFilter, RegisteredFinding } from './store.ts';
import { decode, type Tables } from './tables.ts';

const PAGE = 500;

/** `Store.register`. */
export async function* readRegister(
  db: Kysely<Tables>,
  { status, category, kind, conversation }: FindingFilter = {},
): AsyncGenerator<RegisteredFinding> {
  for (let after = ''; ;) {
    let query = db.selectFrom('findings').selectAll().where('id', '>', after);
    if (status !== undefined) query = query.where('status', '=', status);
    if (category !== undefined) query = query.where('category', '=', category);
    if (kind !== undefined) query = query.where('kind', '=', kind);
    if (conversation !== undefined) query = query.where('conversation', '=', conversation);
    const rows = await query.orderBy('id').limit(PAGE).execute();
    yield* rows.map(entryOf);
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.id;
  }
}

/** `Store.registered`. */
export async function readRegistered(db: Kysely<Tables>, id: string): Promise<RegisteredFinding | null> {
  const row = await db.selectFrom('findings').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? entryOf(row) : null;
}

/** `Store.changeFindings`. */
export async function changeRegister(
  db: Kysely<Tables>,
  changes: ReadonlyMap<string, FindingChange>,
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    for (const [id, { duplicateOf, ...rest }] of changes) {
      const set = { ...rest, ...(duplicateOf === undefined ? {} : { duplicate_of: duplicateOf }) };
      if (Object.keys(set).length > 0)
        await transaction.updateTable('findings').set(set).where('id', '=', id).execute();
    }
  });
}

type Row = { [K in keyof Tables['findings']]: unknown } & {
  record: string;
  status: RegisteredFinding['status'];
  source: string;
  cluster: string | null;
  duplicate_of: string | null;
  replays: number;
  reproduced: number;
  note: string | null;
  changed: string | null;
};

function entryOf(row: Row): RegisteredFinding {
  const {
    record,
    status,
    source,
    cluster,
    duplicate_of: duplicateOf,
    replays,
    reproduced,
    note,
    changed,
  } = row;
  return {
    finding: decode<Finding>(record),
    status,
    source,
    ...(cluster === null ? {} : { cluster }),
    ...(duplicateOf === null ? {} : { duplicateOf }),
    replays,
    reproduced,
    ...(note === null ? {} : { note }),
    ...(changed === null ? {} : { changed }),
  };
}
