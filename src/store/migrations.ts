/** The schema, as numbered steps. A step that has been released is never changed; a new one is added. */

/** "tmpr", in the header of every store: whose SQLite file it is. */
export const APPLICATION_ID = 0x746d_7072;

/** Tables of the first step, which every store has. */
export const TABLES = [
  'runs',
  'scenarios',
  'conversations',
  'verdicts',
  'findings',
  'datasets',
  'examples',
  'stages',
] as const;

/** Step i brings a store from version i to i + 1. */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `create table runs (id text primary key, created text not null, status text not null, config text not null,
       scorecard text, adapter text, finished text)`,
    `create table scenarios (id text primary key, suite text not null, split text not null, category text not null,
       kind text not null, record text not null)`,
    `create table conversations (id text primary key, scenario text not null references scenarios (id),
       target text not null, record text not null)`,
    `create index conversations_by_target on conversations (target, id)`,
    `create table verdicts (id text primary key, conversation text not null references conversations (id),
       judge text not null, record text not null)`,
    `create index verdicts_by_conversation on verdicts (conversation, judge)`,
    `create table findings (id text primary key, conversation text not null references conversations (id),
       kind text not null, category text not null, record text not null)`,
    `create table datasets (id text primary key, details text not null)`,
    `create table examples (dataset text not null references datasets (id), position integer not null, id text not null,
       record text not null, primary key (dataset, position))`,
    `create index examples_by_id on examples (id)`,
    `create table stages (run text not null references runs (id), name text not null, result text not null,
       primary key (run, name))`,
  ],
  [
    `create table calibrations (id text primary key, judge text not null, metric text not null, created text not null,
       record text not null)`,
  ],
  // The register of findings: what people and replays say of each. `record` stays what it was when it was found.
  [
    `alter table findings add column status text not null default 'new'`,
    `alter table findings add column severity integer`,
    `alter table findings add column source text not null default 'temper'`,
    `alter table findings add column cluster text`,
    `alter table findings add column duplicate_of text`,
    `alter table findings add column replays integer not null default 0`,
    `alter table findings add column reproduced integer not null default 0`,
    `alter table findings add column note text`,
    `alter table findings add column changed text`,
    `update findings set severity = json_extract(record, '$.severity')`,
    `create index findings_by_status on findings (status, id)`,
  ],
  [
    `create table arms (run text not null references runs (id), arm text not null,
       conversation text not null references conversations (id), primary key (run, arm, conversation)) without rowid`,
    `create index arms_by_conversation on arms (conversation)`,
    `create table notes (id text primary key, kind text not null, subject text not null, author text not null,
       created text not null, record text not null)`,
    `create index notes_by_subject on notes (kind, subject)`,
  ],
];
