/** Lineage in SQL: preference examples by what they come from, and all that was said on a scenario. */
import { type Kysely, sql } from 'kysely';
import type { Conversation, PreferenceExample, Scenario, Verdict } from '../core/records.ts';
import type { ExampleOrigin, Store, StoredExample } from './store.ts';
import { decode, type Tables } from './tables.ts';

const field = (name: string) => sql<string>`json_extract(examples.record, ${`$.lineage.${name}`})`;

/** The condition on `examples` for each origin. */
const CONDITIONS: Readonly<Record<ExampleOrigin, (id: string) => ReturnType<typeof sql<boolean>>>> = {
  example: (id) => sql`examples.id = ${id}`,
  dataset: (id) => sql`examples.dataset = ${id}`,
  finding: (id) => sql`${field('finding')} = ${id}`,
  conversation: (id) => sql`${field('conversation')} = ${id}`,
  scenario: (id) => sql`${field('scenario')} = ${id}`,
  target: (id) => sql`${field('conversation')} in (select id from conversations where target = ${id})`,
};

/** `Store.examplesFrom`. */
export async function examplesFrom(
  db: Kysely<Tables>,
  origin: ExampleOrigin,
  id: string,
): Promise<StoredExample[]> {
  const rows = await db
    .selectFrom('examples')
    .select(['id', 'record'])
    .where(CONDITIONS[origin](id))
    .orderBy('dataset')
    .orderBy('position')
    .execute();
  const records = new Map(rows.map((row) => [row.id, row.record]));
  const holders = new Map<string, string[]>();
  const datasets = await db
    .selectFrom('examples')
    .select(['id', 'dataset'])
    .distinct()
    .where('id', 'in', db.selectFrom('examples').select('id').where(CONDITIONS[origin](id)))
    .orderBy('dataset')
    .execute();
  for (const row of datasets) holders.set(row.id, [...(holders.get(row.id) ?? []), row.dataset]);
  return [...records].map(([key, record]) => ({
    example: decode<PreferenceExample>(record),
    datasets: holders.get(key) ?? [],
  }));
}

/** `Store.conversationsOn`. */
export async function conversationsOn(
  db: Kysely<Tables>,
  scenario: string,
): ReturnType<Store['conversationsOn']> {
  const rows = await db
    .selectFrom('conversations')
    .innerJoin('scenarios', 'scenarios.id', 'conversations.scenario')
    .select(['conversations.id as id', 'conversations.record as record', 'scenarios.record as scenario'])
    .where('conversations.scenario', '=', scenario)
    .orderBy('conversations.id')
    .execute();
  return Promise.all(
    rows.map(async (row) => {
      const verdicts = await db
        .selectFrom('verdicts')
        .select('record')
        .where('conversation', '=', row.id)
        .execute();
      return {
        scenario: decode<Scenario>(row.scenario),
        conversation: decode<Conversation>(row.record),
        verdicts: verdicts.map(({ record }) => decode<Verdict>(record)),
      };
    }),
  );
}

/** `Store.datasets`. */
export async function datasets(db: Kysely<Tables>): ReturnType<Store['datasets']> {
  const rows = await db.selectFrom('datasets').selectAll().orderBy('id').execute();
  return rows.map(({ id, details }) => ({ id, details: decode(details) }));
}
