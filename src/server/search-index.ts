/**
 * An index over the store's conversations, in a file of its own that may be deleted: what they are counted as, and their words.
 * It follows the store by the places of its rows, so that what another process writes is found without a change to it.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { Conversation, Scenario, Verdict } from '../core/records.ts';
import { databaseError } from '../store/database.ts';
import { decode } from '../store/tables.ts';
import { itemOf } from './search-item.ts';

/** A change of what is kept makes the index anew. */
const VERSION = 7;
const BUSY_TIMEOUT_MS = 10_000;
/** Conversations of one step, between which other requests are answered. */
const STEP = 250;
const ARMS_STEP = 5000;
/** Rows read again: what took the place of the newest row has its place. */
const OVERLAP = 64;

const SCHEMA = `
  create table state (name text primary key, value integer not null) without rowid;
  create table items (
    id text not null unique, target text not null, scenario text not null, key text not null, suite text not null,
    split text not null, category text not null, kind text not null, row text not null, attack text not null,
    language text not null, simulator text not null, turns integer not null, outcome text not null,
    outcomes text not null, severity integer, complete integer not null, refusals text not null, judge text not null,
    disagree integer not null, pair text not null, snippet text not null, tokens integer not null, cell integer not null);
  create table cells (id integer primary key, choices text not null unique);
  create index items_by_cell on items (cell);
  create index items_by_key on items (key);
  create index items_by_pair on items (pair);
  create index items_by_target on items (target);
  create table arms (run text not null, arm text not null, item integer not null, primary key (run, arm, item))
    without rowid;
  create index arms_by_item on arms (item);
  create virtual table words using fts5(
    text, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2', prefix='2 3');
  pragma user_version = ${VERSION};`;

interface Row {
  readonly place: number;
  readonly conversation: string;
  readonly scenario: string;
}

export class SearchIndex implements Disposable {
  readonly #path: string;
  readonly database: DatabaseSync;
  /** Its `data_version` tells that another connection wrote to the store. */
  readonly #watch: DatabaseSync;
  #seen = -1;
  #running: Promise<void> | null = null;
  #closed = false;
  /** Counts up with every change of what is indexed. */
  version = 0;
  /** The same, with every step of one. */
  steps = 0;
  progress = { done: 0, total: 0 };

  /** Errors: `store`, `resource`. */
  constructor(directory: string) {
    this.#path = join(directory, 'store.sqlite');
    const own = join(directory, 'search.sqlite');
    try {
      this.database = open(own);
      const store = pathToFileURL(this.#path);
      store.searchParams.set('mode', 'ro');
      this.database.prepare('attach ? as store').run(store.href);
      this.#watch = new DatabaseSync(this.#path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    } catch (cause) {
      throw databaseError(cause, own);
    }
  }

  #number(sql: string): number {
    return (this.database.prepare(sql).get() as { n: number | null }).n ?? 0;
  }

  #state(name: string): number {
    return this.#number(`select max(value) as n from state where name = '${name}'`);
  }

  /** Whether another connection wrote to the store since the last question. */
  changed(): boolean {
    const { data_version: now } = this.#watch.prepare('pragma data_version').get() as {
      data_version: number;
    };
    if (now === this.#seen) return false;
    this.#seen = now;
    return true;
  }

  /** Brings the index up to what the store has; one at a time. Errors: `store`, `resource`. */
  sync(): Promise<void> {
    this.#running ??= this.#sync().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #sync(): Promise<void> {
    const conversations = this.#number('select max(rowid) as n from store.conversations');
    const verdicts = this.#number('select max(rowid) as n from store.verdicts');
    this.#forget();
    const place = Math.max(0, this.#state('conversations') - OVERLAP);
    const from = Math.max(0, this.#state('verdicts') - OVERLAP);
    const places = (
      this.database
        .prepare(
          `select rowid as place from store.conversations where rowid > :place union
           select c.rowid from store.verdicts v join store.conversations c on c.id = v.conversation
             where v.rowid > :from order by 1`,
        )
        .all({ place, from }) as { place: number }[]
    ).map((row) => row.place);
    this.progress = { done: 0, total: places.length };
    for (let at = 0; at < places.length && !this.#closed; at += STEP) {
      this.#write(places.slice(at, at + STEP));
      // All is done when the arms are known as well.
      this.progress = { done: Math.min(places.length - 1, at + STEP), total: places.length };
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#closed) return;
    this.#transaction(() => {
      const keep = this.database.prepare('insert or replace into state (name, value) values (?, ?)');
      keep.run('conversations', conversations);
      keep.run('verdicts', verdicts);
    });
    if (places.length > 2 * OVERLAP) this.database.exec('pragma analysis_limit = 400; analyze main');
    await this.#syncArms();
    this.progress = { done: places.length, total: places.length };
    if (places.length > 0) this.version++;
  }

  /** Items whose conversation is no more, where there may be some: a replaced one got another place. */
  #forget(): void {
    if (
      this.#number('select count(*) as n from items') <=
      this.#number('select count(*) as n from store.conversations')
    )
      return;
    this.#transaction(() => {
      const gone = this.database
        .prepare('select rowid as place from items where id not in (select id from store.conversations)')
        .all() as { place: number }[];
      for (const { place } of gone) this.#remove(place);
    });
    this.version++;
  }

  /** What is read again at its own place keeps the arms that it is in. */
  #remove(place: number, arms = true): void {
    for (const table of ['items', 'words'])
      this.database.prepare(`delete from ${table} where rowid = ?`).run(place);
    if (!arms) return;
    const { changes } = this.database.prepare('delete from arms where item = ?').run(place);
    if (changes > 0) this.database.exec("delete from state where name = 'arms'");
  }

  #transaction(work: () => void): void {
    try {
      this.database.exec('begin immediate');
      work();
      this.database.exec('commit');
      this.steps++;
    } catch (cause) {
      if (this.database.isTransaction) this.database.exec('rollback');
      throw databaseError(cause, 'search.sqlite');
    }
  }

  #write(places: readonly number[]): void {
    const read = this.database.prepare(
      `select c.rowid as place, c.record as conversation, s.record as scenario from store.conversations c
         join store.scenarios s on s.id = c.scenario where c.rowid = ?`,
    );
    const verdicts = this.database.prepare(
      'select record from store.verdicts where conversation = ? order by rowid',
    );
    const known = this.database.prepare('select rowid as place from items where id = ?');
    const item = this.database.prepare(
      `insert into items (rowid, id, target, scenario, key, suite, split, category, kind, row, attack, language, simulator,
         turns, outcome, outcomes, severity, complete, refusals, judge, disagree, pair, snippet, tokens,
         cell)
       values (${Array.from({ length: 25 }, () => '?').join(', ')})`,
    );
    const findCell = this.database.prepare('select id from cells where choices = ?');
    const addCell = this.database.prepare('insert into cells (choices) values (?)');
    const cellOf = (choices: string): number =>
      (findCell.get(choices) as { id: number } | undefined)?.id ??
      Number(addCell.run(choices).lastInsertRowid);
    const words = this.database.prepare('insert into words (rowid, text) values (?, ?)');
    this.#transaction(() => {
      for (const place of places) {
        const row = read.get(place) as Row | undefined;
        if (!row) continue;
        const conversation = decode<Conversation>(row.conversation);
        const scenario = decode<Scenario>(row.scenario);
        const all = (verdicts.all(conversation.id) as { record: string }[]).map(({ record }) =>
          decode<Verdict>(record),
        );
        const before = known.get(conversation.id) as { place: number } | undefined;
        const same = before?.place === place;
        if (before && !same) this.#remove(before.place);
        this.#remove(place, !same);
        const { values, text, choices } = itemOf(scenario, conversation, all);
        item.run(row.place, ...values, cellOf(JSON.stringify(choices)));
        words.run(row.place, text);
      }
    });
  }

  /** Which items the arms have that runs noted in the store; in steps, as a run may have measured very many. */
  async #syncArms(): Promise<void> {
    const noted = this.#number('select count(*) as n from store.arms');
    if (noted === this.#state('arms')) return;
    const last = this.#number('select max(rowid) as n from items');
    for (let from = 0; from < last && !this.#closed; from += ARMS_STEP) {
      this.#transaction(() => {
        this.database
          .prepare(
            `insert or ignore into arms select a.run, a.arm, i.rowid from items i cross join store.arms a
               on a.conversation = i.id where i.rowid > ? and i.rowid <= ?`,
          )
          .run(from, from + ARMS_STEP);
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#closed) return;
    this.database.prepare("insert or replace into state (name, value) values ('arms', ?)").run(noted);
    this.version++;
  }

  /** An arm that the store has no rows of; what is noted already costs nothing more. */
  noteArm(run: string, arm: string, conversations: readonly string[]): void {
    const unknown = this.database.prepare(
      `select i.rowid as place from json_each(?) wanted join items i on i.id = wanted.value
         where not exists (select 1 from arms where run = ? and arm = ? and item = i.rowid)`,
    );
    const places = unknown.all(JSON.stringify(conversations), run, arm) as { place: number }[];
    if (places.length === 0) return;
    this.#transaction(() => {
      const add = this.database.prepare('insert or ignore into arms values (?, ?, ?)');
      for (const { place } of places) add.run(run, arm, place);
    });
    this.version++;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#watch.close();
    this.database.close();
  }
}

function open(path: string): DatabaseSync {
  const connect = (): DatabaseSync => {
    const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    database.exec('pragma journal_mode = wal; pragma synchronous = off; pragma cache_size = -65536');
    return database;
  };
  let database = connect();
  const { user_version: version } = database.prepare('pragma user_version').get() as { user_version: number };
  if (version === VERSION) return database;
  database.close();
  for (const suffix of ['', '-wal', '-shm'])
    if (existsSync(path + suffix)) rmSync(path + suffix, { force: true });
  database = connect();
  database.exec(SCHEMA);
  return database;
}
