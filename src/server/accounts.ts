/**
 * Accounts of a shared web app, in a file beside the store that this user alone may read: names, roles, passwords as scrypt hashes;
 * and the audit log, which is added to and never changed.
 */
import { randomBytes, scrypt as scryptOf, timingSafeEqual } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { TemperError } from '../core/errors.ts';
import { ensureFolder } from '../core/files.ts';
import { databaseError } from '../store/database.ts';

/** Each may what those before it may: look; attack by hand and replay; label and decide; start runs and read the log. */
export const ROLES = ['viewer', 'red-teamer', 'reviewer', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const may = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);

export interface User {
  readonly name: string;
  readonly role: Role;
  /** ISO 8601. */
  readonly created: string;
  /** Counts up with every change of password or role: sessions of before have ended. */
  readonly epoch: number;
}

export interface Entry {
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  readonly who: string;
  readonly role: string;
  readonly action: string;
  /** Id of what it was done to. */
  readonly subject: string;
  readonly detail: string;
  /** `done`, or the code of the error. */
  readonly outcome: string;
}

const SCHEMA = `
  create table users (key text primary key, name text not null, role text not null, hash text not null,
    created text not null, epoch integer not null) without rowid;
  create table audit (id integer primary key autoincrement, at text not null, who text not null, role text not null,
    action text not null, subject text not null, detail text not null, outcome text not null);
  create trigger audit_is_not_changed before update on audit begin select raise(abort, 'the audit log is kept'); end;
  create trigger audit_is_not_deleted before delete on audit begin select raise(abort, 'the audit log is kept'); end;
  pragma user_version = 1;`;

/** OWASP's parameters of 32 MB (Password Storage Cheat Sheet): N = 2^15, r = 8, p = 3. */
const [LOG_N, R, P] = [15, 8, 3];
const BYTES = 32;
/** NIST SP 800-63B: length rather than kinds of characters. */
const LEAST_CHARACTERS = 12;
const MOST_CHARACTERS = 256;
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}\p{M}._@ -]{0,59}$/u;
/** Hashes that wait for their turn: each takes 32 MB and some 100 ms. */
const MOST_WAITING = 32;

const scrypt = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
  scryptOf,
);

const keyOf = (name: string): string => name.normalize('NFKC').toLowerCase();

async function hashOf(password: string): Promise<string> {
  const salt = randomBytes(16);
  const options = { N: 2 ** LOG_N, r: R, p: P, maxmem: 64 << 20 };
  const hash = await scrypt(password.normalize('NFKC'), salt, BYTES, options);
  return `$scrypt$ln=${LOG_N},r=${R},p=${P}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

async function fits(password: string, stored: string): Promise<boolean> {
  const [, , parameters = '', salt = '', hash = ''] = stored.split('$');
  const [ln = 0, r = 0, p = 0] = parameters.split(',').map((each) => Number(each.split('=')[1]));
  const options = { N: 2 ** ln, r, p, maxmem: 256 << 20 };
  const known = Buffer.from(hash, 'base64url');
  const given = await scrypt(
    password.normalize('NFKC'),
    Buffer.from(salt, 'base64url'),
    known.length,
    options,
  );
  return timingSafeEqual(given, known);
}

/** Takes as long as that of an account that is there. */
const NOBODY = `$scrypt$ln=${LOG_N},r=${R},p=${P}$${'A'.repeat(22)}$${Buffer.alloc(BYTES).toString('base64url')}`;

/** Errors: `usage`. */
export function checkPassword(password: string, name: string): void {
  const problem =
    [...password].length < LEAST_CHARACTERS
      ? `it needs ${LEAST_CHARACTERS} characters`
      : password.length > MOST_CHARACTERS
        ? `it has more than ${MOST_CHARACTERS} characters`
        : keyOf(password).includes(keyOf(name)) || new Set(password).size < 5
          ? 'it is too easy to guess'
          : null;
  if (problem)
    throw new TemperError('usage', `this password cannot be taken: ${problem}`, {
      hint: 'Some words that do not belong together make a good one.',
    });
}

export const accountsPath = (directory: string): string => join(directory, 'accounts.sqlite');

export class Accounts implements Disposable {
  readonly #database: DatabaseSync;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Made where there is none. Errors: `store`, `resource`. */
  constructor(directory: string) {
    const path = accountsPath(directory);
    try {
      ensureFolder(dirname(path));
      closeSync(openSync(path, 'a', 0o600));
      this.#database = new DatabaseSync(path, { timeout: 10_000 });
      this.#database.exec('begin immediate');
      const { user_version: version } = this.#database.prepare('pragma user_version').get() as {
        user_version: number;
      };
      if (version === 0) this.#database.exec(SCHEMA);
      this.#database.exec('commit');
    } catch (cause) {
      throw databaseError(cause, path);
    }
  }

  /** In the order of their names. */
  users(): User[] {
    const rows = this.#database.prepare('select name, role, created, epoch from users order by key').all();
    return rows.map((row) => ({ ...row }) as unknown as User);
  }

  user(name: string): User | null {
    const row = this.#database
      .prepare('select name, role, created, epoch from users where key = ?')
      .get(keyOf(name));
    return row ? ({ ...row } as unknown as User) : null;
  }

  /** Errors: `absent`. */
  known(name: string): User {
    const user = this.user(name);
    if (user) return user;
    throw new TemperError('absent', `there is no account ${name}`, {
      hint: '`temper users list` lists them.',
    });
  }

  /** Errors: `usage` for a name or password that cannot be taken, or a name that is. */
  async add(name: string, role: Role, password: string): Promise<User> {
    this.refuseName(name);
    checkPassword(password, name);
    const hash = await hashOf(password);
    this.#database
      .prepare('insert into users (key, name, role, hash, created, epoch) values (?, ?, ?, ?, ?, 0)')
      .run(keyOf(name), name, role, hash, new Date().toISOString());
    return this.known(name);
  }

  /** Before a password is asked for. Errors: `usage`. */
  refuseName(name: string): void {
    if (!NAME.test(name))
      throw new TemperError('usage', `${JSON.stringify(name)} is no name for an account`, {
        hint: 'At most 60 letters, digits and . _ @ - and spaces, a letter or digit first.',
      });
    if (this.user(name))
      throw new TemperError('usage', `there is an account ${name} already`, {
        hint: 'Choose another name, or change it: `temper users role`, `temper users password`.',
      });
  }

  /** Ends the account's sessions. Errors: `absent`, `usage`. */
  async setPassword(name: string, password: string): Promise<User> {
    const user = this.known(name);
    checkPassword(password, user.name);
    const hash = await hashOf(password);
    this.#database
      .prepare('update users set hash = ?, epoch = epoch + 1 where key = ?')
      .run(hash, keyOf(name));
    return this.known(name);
  }

  /** Errors: `absent`. */
  setRole(name: string, role: Role): User {
    this.known(name);
    this.#database
      .prepare('update users set role = ?, epoch = epoch + 1 where key = ?')
      .run(role, keyOf(name));
    return this.known(name);
  }

  /** What it did stays in the store and the log. Errors: `absent`. */
  remove(name: string): User {
    const user = this.known(name);
    this.#database.prepare('delete from users where key = ?').run(keyOf(name));
    return user;
  }

  /** The account of a name and its password; null if they do not fit; `busy` where too many ask. */
  async verify(name: string, password: string): Promise<User | null | 'busy'> {
    if (this.#waiting >= MOST_WAITING) return 'busy';
    this.#waiting++;
    const before = this.#last;
    const job = (async () => {
      await before.catch(() => {});
      const row = this.#database.prepare('select hash from users where key = ?').get(keyOf(name)) as
        | { hash: string }
        | undefined;
      const right = await fits(password.slice(0, MOST_CHARACTERS), row?.hash ?? NOBODY);
      return right && row ? this.user(name) : null;
    })();
    this.#last = job;
    try {
      return await job;
    } finally {
      this.#waiting--;
    }
  }

  log(entry: Omit<Entry, 'id' | 'at'>): void {
    const { who, role, action, subject, detail, outcome } = entry;
    this.#database
      .prepare(
        'insert into audit (at, who, role, action, subject, detail, outcome) values (?, ?, ?, ?, ?, ?, ?)',
      )
      .run(new Date().toISOString(), who, role, action, subject, detail, outcome);
  }

  /** Newest first. */
  entries({
    who,
    before,
    limit,
  }: {
    who?: string | undefined;
    before?: number | undefined;
    limit: number;
  }): Entry[] {
    return this.#database
      .prepare(
        `select id, at, who, role, action, subject, detail, outcome from audit
           where (:who is null or who = :who) and (:before is null or id < :before) order by id desc limit :limit`,
      )
      .all({ who: who ?? null, before: before ?? null, limit })
      .map((row) => ({ ...row }) as unknown as Entry);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
