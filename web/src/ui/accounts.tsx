/** Accounts: the own password; for admins who there is, and what was done. */
import { useEffect, useRef, useState } from 'react';
import { printable } from '../../../src/core/limits.ts';
import { useApi, useChange } from '../api.ts';
import { useMay, useMe } from '../me.tsx';
import { Loaded, Problem, Tag, when } from './parts.tsx';

export function PasswordDialog({ open, close }: { open: boolean; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const change = useChange('POST /api/me/password');
  const [old, setOld] = useState('');
  const [password, setPassword] = useState('');
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} onClose={close} aria-label="Password">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          // The sessions have ended: the page for logging in follows.
          change.mutate({ body: { old, password } }, { onSuccess: () => location.assign('/') });
        }}
      >
        <h2>Another password</h2>
        <label className="field">
          the one of now
          <input
            type="password"
            autoComplete="current-password"
            required
            value={old}
            onChange={(event) => setOld(event.target.value)}
          />
        </label>
        <label className="field">
          the new one, 12 characters or more
          <input
            type="password"
            autoComplete="new-password"
            required
            minLength={12}
            maxLength={256}
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </label>
        <small>All your sessions end with it: you log in again.</small>
        {change.isError ? <Problem error={change.error} /> : null}
        <div className="row">
          <button type="submit" className="primary" disabled={change.isPending}>
            Change it
          </button>
          <button type="button" onClick={close}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  );
}

export function AccountsCard() {
  const me = useMe();
  const admin = useMay('admin');
  const wanted = admin && typeof me?.name === 'string';
  const accounts = useApi('GET /api/accounts', {}, { enabled: wanted });
  const [who, setWho] = useState('');
  const log = useApi(
    'GET /api/audit',
    { query: { limit: 200, ...(who ? { who } : {}) } },
    { enabled: wanted, keep: true },
  );
  if (!wanted) return null;
  return (
    <section className="card" aria-label="Accounts">
      <h2>Accounts</h2>
      <p className="soft">
        Made and changed where the server runs: <code>temper users add NAME --role ROLE</code>.
      </p>
      <Loaded query={accounts} lines={3}>
        {({ users }) => (
          <table className="narrow">
            <tbody>
              {users.map((user) => (
                <tr key={user.name}>
                  <td>{printable(user.name, 80)}</td>
                  <td data-label="role">
                    <Tag>{user.role}</Tag>
                  </td>
                  <td data-label="since">{when(user.created)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Loaded>
      <h3>What was done</h3>
      <label className="field">
        by
        <select value={who} onChange={(event) => setWho(event.target.value)}>
          <option value="">anybody</option>
          {accounts.data?.users.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <Loaded query={log} lines={4}>
        {({ entries }) => (
          <div className="scroll" tabIndex={0} role="region" aria-label="Audit log">
            <table>
              <thead>
                <tr>
                  {['when', 'who', 'what', 'of', 'outcome'].map((name) => (
                    <th key={name} scope="col">
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {entries.map((entry) => (
                  <tr key={entry.id}>
                    <td>{when(entry.at)}</td>
                    <td>{printable(entry.who, 80)}</td>
                    <td>
                      {printable(entry.action, 200)}
                      {entry.detail ? (
                        <small className="interval">{printable(entry.detail, 400)}</small>
                      ) : null}
                    </td>
                    <td>
                      <code>{printable(entry.subject.slice(0, 12))}</code>
                    </td>
                    <td>
                      <Tag is={entry.outcome === 'done' ? 'good' : 'bad'}>{entry.outcome}</Tag>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Loaded>
    </section>
  );
}
