/** Who is logged in, and what that role may; where there are no accounts, whoever sits here may all. */
import type { ReactNode } from 'react';
import type { Role } from '../../src/server/accounts.ts';
import { useApi } from './api.ts';
import { setPerson, usePerson } from './person.ts';

/** As the server has them, where the client does not load it. */
const ROLES: readonly Role[] = ['viewer', 'red-teamer', 'reviewer', 'admin'];

export const useMe = () => useApi('GET /api/me', {}, { keep: true }).data;

export function useMay(needs: Role): boolean {
  const me = useMe();
  return me === undefined || ROLES.indexOf(me.role) >= ROLES.indexOf(needs);
}

/** The name that decisions are signed with. */
export function useName(): string {
  const me = useMe();
  const { name } = usePerson();
  return me?.name ?? (name || 'reviewer');
}

/** Fields and buttons that a role may use; greyed, with the reason, for others. */
export function Only({ needs, children }: { needs: Role; children: ReactNode }) {
  if (useMay(needs)) return children;
  return (
    <fieldset className="only" disabled>
      <legend className="soft">Your role may look here; this takes a {needs}.</legend>
      {children}
    </fieldset>
  );
}

/** Who sits here: an account, or a name that one gives. */
export function Me({ password }: { password: () => void }) {
  const me = useMe();
  const { name } = usePerson();
  if (me?.name)
    return (
      <div className="me">
        <b>{me.name}</b> <small>{me.role}</small>
        <div className="row">
          <button type="button" className="plain" onClick={password}>
            password
          </button>
          <button
            type="button"
            className="plain"
            onClick={() => {
              const headers = { 'content-type': 'application/json' };
              void fetch('/api/me/leave', { method: 'POST', headers, body: '{}' }).finally(() =>
                location.assign('/'),
              );
            }}
          >
            log out
          </button>
        </div>
      </div>
    );
  return (
    <label className="field">
      your name
      <input
        value={name}
        placeholder="reviewer"
        maxLength={80}
        onChange={(event) => setPerson({ name: event.target.value })}
      />
    </label>
  );
}
