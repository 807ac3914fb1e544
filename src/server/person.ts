/** Who asks: an account with its role, or, where there are none, whoever was let in by the link, who may all. */
import type { Accounts, Role } from './accounts.ts';

export interface Person {
  /** null: there are no accounts, and people name themselves. */
  readonly name: string | null;
  readonly role: Role;
}

export const ANYONE: Person = { name: null, role: 'admin' };

/** What a body says that belongs in the log: no texts, no passwords. */
const LOGGED =
  'status decision reason place answer session turn parent arm arms kind category severity metric run n archived replays need x'.split(
    ' ',
  );
const MOST_DETAIL = 400;

export function detailOf(params: Readonly<Record<string, string>>, body: unknown): string {
  const { id: _id, ...others } = params;
  const said = Object.entries((body ?? {}) as Record<string, unknown>).filter(([name]) =>
    LOGGED.includes(name),
  );
  const all = { ...others, ...Object.fromEntries(said) };
  return Object.keys(all).length === 0 ? '' : JSON.stringify(all).slice(0, MOST_DETAIL);
}

/** Writes what an account did, or tried. */
export function logged(
  accounts: Accounts | null,
  { name, role }: Person,
  entry: { action: string; subject: string; detail: string; outcome: string },
): void {
  if (name !== null) accounts?.log({ who: name, role, ...entry });
}
