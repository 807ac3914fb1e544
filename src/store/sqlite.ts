/** The store in one SQLite file: `node:sqlite` in WAL mode, so that readers and a running loop share it. */
import type { DatabaseSync } from 'node:sqlite';
import { Kysely, SqliteDialect } from 'kysely';
import { contentHash } from '../core/ids.ts';
import type { Conversation, Finding, PreferenceExample, Scenario, Verdict } from '../core/records.ts';
import { openDatabase } from './database.ts';
import { adapt } from './dialect.ts';
import { findRecord, matching } from './find.ts';
import { conversationsOn, datasets, examplesFrom } from './lineage.ts';
import { arms, notes, saveArm, saveNote } from './people.ts';
import { changeRegister, readRegister, readRegistered } from './register.ts';
import type {
  CalibrationRecord,
  ExampleOrigin,
  FindingChange,
  FindingFilter,
  Note,
  Match,
  RegisteredFinding,
  RunRecord,
  Store,
  StoredConversation,
  StoredExample,
} from './store.ts';
import { decode, encode, type Tables } from './tables.ts';

const PAGE = 500;
/** Rows of one statement, so that there are few different ones. */
const VERDICTS_AT_ONCE = 8;

/** Opens a store, made and brought up to date as needed. Errors: `store`, `resource`. */
export function openSqlite(path: string): Store {
  return new SqliteStore(openDatabase(path), path);
}

class SqliteStore implements Store {
  readonly #db: Kysely<Tables>;

  constructor(database: DatabaseSync, path: string) {
    this.#db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: adapt(database, path) }) });
  }

  async saveRun(run: RunRecord): Promise<void> {
    const row = {
      id: run.id,
      created: run.created,
      status: run.status,
      config: encode(run.config),
      scorecard: run.scorecard === undefined ? null : encode(run.scorecard),
      adapter: run.adapter ?? null,
      finished: run.finished ?? null,
    };
    await this.#db
      .insertInto('runs')
      .values(row)
      .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
      .execute();
  }

  async run(id: string): Promise<RunRecord | null> {
    const row = await this.#db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
    return row ? runRecord(row) : null;
  }

  async runs(): Promise<RunRecord[]> {
    const rows = await this.#db
      .selectFrom('runs')
      .selectAll()
      .orderBy('created', 'desc')
      .orderBy('id')
      .execute();
    return rows.map(runRecord);
  }

  async latestFinishedRun(): Promise<RunRecord | null> {
    const row = await this.#db
      .selectFrom('runs')
      .selectAll()
      .where('status', '=', 'finished')
      .orderBy('finished', 'desc')
      .executeTakeFirst();
    return row ? runRecord(row) : null;
  }

  async saveConversation(
    { scenario, conversation }: StoredConversation,
    verdicts: readonly Verdict[],
  ): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const { id, suite, split, category, kind } = scenario;
      await transaction
        .insertInto('scenarios')
        .values({ id, suite, split, category, kind, record: encode(scenario) })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      const record = encode(conversation);
      const row = { id: conversation.id, scenario: id, target: conversation.target, record };
      const known = await transaction
        .selectFrom('conversations')
        .select('record')
        .where('id', '=', conversation.id)
        .executeTakeFirst();
      if (!known) await transaction.insertInto('conversations').values(row).execute();
      else if (known.record !== record) {
        // Verdicts and findings on what was said before are none on this.
        for (const table of ['verdicts', 'findings'] as const)
          await transaction.deleteFrom(table).where('conversation', '=', conversation.id).execute();
        // Replaced, not updated: a row that changes gets a new place, where whoever reads what is new finds it.
        await transaction.replaceInto('conversations').values(row).execute();
      }
      const rows = verdicts.map((verdict) => ({
        id: verdict.id,
        conversation: conversation.id,
        judge: verdict.judge,
        record: encode(verdict),
      }));
      for (let at = 0; at < rows.length; at += VERDICTS_AT_ONCE)
        await transaction
          // A verdict that came at the second asking takes the place of the failure before it.
          .replaceInto('verdicts')
          .values(rows.slice(at, at + VERDICTS_AT_ONCE))
          .execute();
    });
  }

  #joined() {
    return this.#db
      .selectFrom('conversations')
      .innerJoin('scenarios', 'scenarios.id', 'conversations.scenario')
      .select([
        'conversations.id as id',
        'conversations.record as conversation',
        'scenarios.record as scenario',
      ]);
  }

  async conversation(id: string): Promise<StoredConversation | null> {
    const row = await this.#joined().where('conversations.id', '=', id).executeTakeFirst();
    return row
      ? { scenario: decode<Scenario>(row.scenario), conversation: decode<Conversation>(row.conversation) }
      : null;
  }

  async verdicts(conversation: string, judge: string): Promise<Verdict[]> {
    const rows = await this.#db
      .selectFrom('verdicts')
      .select('record')
      .where('conversation', '=', conversation)
      .where('judge', '=', judge)
      .execute();
    const order = (a: Verdict, b: Verdict): number => a.turn - b.turn || (a.metric < b.metric ? -1 : 1);
    return rows.map((row) => decode<Verdict>(row.record)).sort(order);
  }

  async *conversations(target: string): AsyncGenerator<StoredConversation> {
    for (let after = ''; ;) {
      const rows = await this.#joined()
        .where('conversations.target', '=', target)
        .where('conversations.id', '>', after)
        .orderBy('conversations.id')
        .limit(PAGE)
        .execute();
      for (const row of rows)
        yield {
          scenario: decode<Scenario>(row.scenario),
          conversation: decode<Conversation>(row.conversation),
        };
      if (rows.length < PAGE) return;
      after = rows.at(-1)!.id;
    }
  }

  async *judged(judge: string): AsyncGenerator<StoredConversation & { verdicts: Verdict[] }> {
    for (let after = ''; ;) {
      const rows = await this.#db
        .selectFrom('verdicts')
        .select('conversation')
        .distinct()
        .where('judge', '=', judge)
        .where('conversation', '>', after)
        .orderBy('conversation')
        .limit(PAGE)
        .execute();
      for (const { conversation } of rows) {
        const stored = (await this.conversation(conversation)) as StoredConversation;
        yield { ...stored, verdicts: await this.verdicts(conversation, judge) };
      }
      if (rows.length < PAGE) return;
      after = rows.at(-1)!.conversation;
    }
  }

  saveArm(run: string, arm: string, conversations: readonly string[]): Promise<void> {
    return saveArm(this.#db, run, arm, conversations);
  }

  arms(run: string): Promise<ReadonlyMap<string, readonly string[]>> {
    return arms(this.#db, run);
  }

  saveNote<T>(note: Omit<Note<T>, 'id'>): Promise<Note<T>> {
    return saveNote(this.#db, note);
  }

  notes<T>(kind: string, subject?: string): Promise<Note<T>[]> {
    return notes(this.#db, kind, subject);
  }

  async saveCalibration(record: CalibrationRecord): Promise<void> {
    const { judge, metric, created } = record;
    await this.#db
      .insertInto('calibrations')
      .values({ id: contentHash(record), judge, metric, created, record: encode(record) })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async calibrations(): Promise<CalibrationRecord[]> {
    const rows = await this.#db
      .selectFrom('calibrations')
      .select('record')
      .orderBy('created', 'desc')
      .orderBy('id')
      .execute();
    return rows.map(({ record }) => decode<CalibrationRecord>(record));
  }

  async saveFindings(findings: readonly Finding[], source = 'temper'): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      for (const finding of findings) {
        const { id, conversation, kind, category, severity = null } = finding;
        await transaction
          .insertInto('findings')
          .values({ id, conversation, kind, category, severity, source, record: encode(finding) })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      }
    });
  }

  async *findings(): AsyncGenerator<Finding> {
    for await (const { finding } of this.register()) yield finding;
  }

  register(filter?: FindingFilter): AsyncIterable<RegisteredFinding> {
    return readRegister(this.#db, filter);
  }

  registered(id: string): Promise<RegisteredFinding | null> {
    return readRegistered(this.#db, id);
  }

  changeFindings(changes: ReadonlyMap<string, FindingChange>): Promise<void> {
    return changeRegister(this.#db, changes);
  }

  async saveDataset(id: string, examples: readonly PreferenceExample[], details: unknown): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const known = await transaction
        .selectFrom('datasets')
        .select('id')
        .where('id', '=', id)
        .executeTakeFirst();
      if (known) return;
      await transaction
        .insertInto('datasets')
        .values({ id, details: encode(details) })
        .execute();
      for (const [position, example] of examples.entries()) {
        await transaction
          .insertInto('examples')
          .values({ dataset: id, position, id: example.id, record: encode(example) })
          .execute();
      }
    });
  }

  async dataset(id: string): Promise<{ examples: PreferenceExample[]; details: unknown } | null> {
    const row = await this.#db.selectFrom('datasets').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row) return null;
    const rows = await this.#db
      .selectFrom('examples')
      .select('record')
      .where('dataset', '=', id)
      .orderBy('position')
      .execute();
    return {
      examples: rows.map((example) => decode<PreferenceExample>(example.record)),
      details: decode(row.details),
    };
  }

  datasets(): ReturnType<Store['datasets']> {
    return datasets(this.#db);
  }

  examplesFrom(origin: ExampleOrigin, id: string): Promise<StoredExample[]> {
    return examplesFrom(this.#db, origin, id);
  }

  conversationsOn(scenario: string): ReturnType<Store['conversationsOn']> {
    return conversationsOn(this.#db, scenario);
  }

  matches(text: string): Promise<Match[]> {
    return matching(this.#db, text);
  }

  find(text: string): Promise<Record<string, unknown> | null> {
    return findRecord(this.#db, this, text);
  }

  async stage(run: string, name: string): Promise<unknown> {
    const row = await this.#db
      .selectFrom('stages')
      .select('result')
      .where('run', '=', run)
      .where('name', '=', name)
      .executeTakeFirst();
    return row ? decode(row.result) : null;
  }

  async stages(name: string): Promise<{ run: string; result: unknown }[]> {
    const rows = await this.#db
      .selectFrom('stages')
      .select(['run', 'result'])
      .where('name', '=', name)
      .execute();
    return rows.map(({ run, result }) => ({ run, result: decode(result) }));
  }

  async finishStage(run: string, name: string, result: unknown): Promise<void> {
    const row = { run, name, result: encode(result) };
    await this.#db
      .insertInto('stages')
      .values(row)
      .onConflict((conflict) => conflict.columns(['run', 'name']).doUpdateSet(row))
      .execute();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db.destroy();
  }
}

function runRecord(row: Tables['runs']): RunRecord {
  return {
    id: row.id,
    created: row.created,
    status: row.status,
    config: decode(row.config),
    ...(row.scorecard === null ? {} : { scorecard: decode(row.scorecard) }),
    ...(row.adapter === null ? {} : { adapter: row.adapter }),
    ...(row.finished === null ? {} : { finished: row.finished }),
  };
}
