/** Who one is, one's own password, leaving; for admins the accounts and what was done. */
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import { type Accounts, type Entry, ROLES } from '../accounts.ts';
import { Attempts } from '../log-in.ts';
import { ok, record, routesOf } from '../route.ts';
import type { Sessions } from '../security.ts';

const on = routesOf('accounts');

const none = (): never => {
  throw new TemperError('absent', 'this server has no accounts: whoever was let in may do all', {
    hint: '`temper serve --accounts` asks people to log in.',
  });
};

export const accountRoutes = (
  accounts: Accounts | null,
  sessions: Sessions,
  // Whoever has another's session must not find out the password with it.
  attempts = new Attempts(),
) =>
  [
    on(
      {
        method: 'GET',
        path: '/api/me',
        summary: 'Who is logged in, and what that role may',
        response: z.object({
          /** null: there are no accounts; people name themselves. */
          name: z.string().nullable(),
          role: z.enum(ROLES),
        }),
      },
      ({ person }) => ({ name: person.name, role: person.role }),
    ),
    on(
      {
        method: 'POST',
        path: '/api/me/leave',
        summary: 'Log out: the session ends',
        needs: 'viewer',
        body: z.object({}),
        response: ok,
      },
      ({ session }) => {
        sessions.end(session);
        return { ok: true as const };
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/me/password',
        summary: 'Change the own password: all sessions of the account end',
        needs: 'viewer',
        body: z.object({ old: z.string().max(300), password: z.string().max(300) }),
        response: ok,
      },
      async ({ person, body }) => {
        if (!accounts || person.name === null) return none();
        const wait = attempts.wait(person.name, person.name);
        if (wait > 0)
          throw new TemperError('usage', `too many wrong passwords: wait ${Math.ceil(wait / 60)} minutes`);
        attempts.wrong(person.name, person.name);
        const user = await accounts.verify(person.name, body.old);
        if (user === 'busy') {
          attempts.unseen(person.name, person.name);
          throw new TemperError('store', 'too many are logging in: try again');
        }
        if (user !== null) attempts.right(person.name, person.name);
        if (user === null) throw new TemperError('usage', 'the old password is another');
        await accounts.setPassword(person.name, body.password);
        return { ok: true as const };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/accounts',
        summary: 'The accounts with their roles',
        needs: 'admin',
        response: z.object({
          users: z.array(z.object({ name: z.string(), role: z.enum(ROLES), created: z.string() })),
        }),
      },
      () => ({
        users: (accounts ?? none()).users().map(({ name, role, created }) => ({ name, role, created })),
      }),
    ),
    on(
      {
        method: 'GET',
        path: '/api/audit',
        summary: 'Who did what, newest first: labels, edits, decisions, runs, exports, log-ins',
        needs: 'admin',
        query: z.object({
          who: z.string().max(80).optional(),
          before: z.coerce.number().int().min(1).optional().describe('entries older than this one'),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
        response: z.object({ entries: z.array(record<Entry>('an entry')) }),
      },
      ({ query }) => ({ entries: (accounts ?? none()).entries(query) }),
    ),
  ] as const;
