/** Names and passwords: the page that asks for them without a script, how often they may be wrong, and who a session is. */
import { createHash } from 'node:crypto';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Accounts } from './accounts.ts';
import type { Proxies } from './proxies.ts';
import type { Address } from './address.ts';
import {
  cookieName,
  giveCookie,
  LOG_IN,
  noSession,
  POLICY,
  type Sessions,
  takeCookie,
  type Variables,
} from './security.ts';

const WINDOW_MS = 15 * 60_000;
/** Wrong passwords in the window, after which none is looked at: of one account from one address, of an address, of an account. */
const MOST_PAIR = 5;
const MOST_ADDRESS = 50;
const MOST_ACCOUNT = 50;
const MOST_KEPT = 10_000;

/** Times of wrong passwords. */
export class Attempts {
  readonly #wrong = new Map<string, number[]>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  #keys(name: string, from: string): readonly (readonly [string, number])[] {
    const account = name.normalize('NFKC').toLowerCase().slice(0, 80);
    return [
      [`${from} ${account}`, MOST_PAIR],
      [`from ${from}`, MOST_ADDRESS],
      [`to ${account}`, MOST_ACCOUNT],
    ];
  }

  #recent(key: string): number[] {
    return (this.#wrong.get(key) ?? []).filter((at) => this.#now() - at < WINDOW_MS);
  }

  /** Seconds until a password is looked at again; 0: now. */
  wait(name: string, from: string): number {
    const ends = this.#keys(name, from).map(([key, most]) => {
      const recent = this.#recent(key);
      return recent.length < most ? 0 : recent.at(-most)! + WINDOW_MS - this.#now();
    });
    return Math.ceil(Math.max(...ends) / 1000);
  }

  wrong(name: string, from: string): void {
    for (const [key] of this.#keys(name, from)) this.#wrong.set(key, [...this.#recent(key), this.#now()]);
    if (this.#wrong.size > MOST_KEPT)
      for (const key of this.#wrong.keys()) if (this.#recent(key).length === 0) this.#wrong.delete(key);
  }

  /** The one that was counted last was not looked at. */
  unseen(name: string, from: string): void {
    for (const [key] of this.#keys(name, from)) this.#wrong.set(key, this.#recent(key).slice(0, -1));
  }

  /** The one that was counted last was none. */
  right(name: string, from: string): void {
    this.unseen(name, from);
    this.#wrong.delete(this.#keys(name, from)[0]![0]);
  }
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 22rem; margin: 15vh auto; padding: 0 1rem }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit }
label { margin-top: 1rem } input, button { padding: .5rem; margin-top: .2rem } button { margin-top: 1.5rem }
[role=alert] { border-left: 4px solid #c22; padding-left: .6rem }`;
const STYLE_HASH = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;
const LOG_IN_POLICY = POLICY.replace("style-src 'self'", `style-src 'self' ${STYLE_HASH}`).replace(
  "form-action 'none'",
  "form-action 'self'",
);

function logInPage(context: Context, status: 200 | 401 | 429, problem = ''): Response {
  context.header('content-security-policy', LOG_IN_POLICY);
  // With no-referrer, browsers send a form as of no origin, which is refused.
  context.header('referrer-policy', 'same-origin');
  return context.html(
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Log in · temper</title><style>${STYLE}</style>
<main><h1>temper</h1>${problem === '' ? '' : `<p role="alert">${problem}</p>`}
<form method="post" action="${LOG_IN}"><label>name<input name="name" autocomplete="username" required maxlength="80" autofocus></label>
<label>password<input name="password" type="password" autocomplete="current-password" required maxlength="300"></label>
<button type="submit">Log in</button></form></main></html>`,
    status,
  );
}

const wantsJson = (context: Context): boolean =>
  (context.req.header('content-type') ?? '').startsWith('application/json');

async function given(context: Context): Promise<{ name: string; password: string }> {
  let said: Record<string, unknown> = {};
  try {
    said = wantsJson(context)
      ? ((await context.req.json()) as Record<string, unknown>)
      : ((await context.req.parseBody()) as Record<string, unknown>);
  } catch {
    // What cannot be read names nobody.
  }
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return { name: text(said?.['name']).trim(), password: text(said?.['password']) };
}

export interface AccountDoor {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly address: Address;
  readonly attempts: Attempts;
  readonly proxies: Proxies;
}

async function logIn(context: Context, { accounts, sessions, address, attempts, proxies }: AccountDoor) {
  const { name, password } = await given(context);
  const from = proxies.clientOf(
    getConnInfo(context).remote.address ?? '',
    context.req.header('x-forwarded-for'),
  );
  const answer = (status: 401 | 429, code: string, message: string): Response =>
    wantsJson(context)
      ? context.json({ error: { code, message } }, status)
      : logInPage(context, status, `${message}.`);
  const note = (outcome: string): void =>
    accounts.log({
      who: name.slice(0, 80),
      role: '',
      action: 'log in',
      subject: '',
      detail: from,
      outcome,
    });
  const wait = attempts.wait(name, from);
  if (wait > 0) {
    context.header('retry-after', String(wait));
    return answer(
      429,
      'late',
      `too many wrong passwords: wait ${Math.ceil(wait / 60)} minute${wait > 60 ? 's' : ''}`,
    );
  }
  // Counted before it is looked at, so that many at once are not looked at all.
  attempts.wrong(name, from);
  const user = await accounts.verify(name, password);
  if (user === 'busy') {
    attempts.unseen(name, from);
    return answer(429, 'late', 'too many are logging in: try again');
  }
  if (user === null) {
    note('wrong');
    return answer(401, 'session', 'name and password do not fit');
  }
  attempts.right(name, from);
  sessions.end(getCookie(context, cookieName(address.port)));
  giveCookie(context, address, sessions.open({ name: user.name, epoch: user.epoch }));
  note('done');
  return wantsJson(context) ? context.json({ name: user.name, role: user.role }) : context.redirect('/', 303);
}

/** `/log-in` gives the session; anything else needs it, of an account that is still there and unchanged. */
export function withAccounts(door: AccountDoor): MiddlewareHandler<{ Variables: Variables }> {
  const { accounts, sessions, address } = door;
  return async (context, next) => {
    const cookie = getCookie(context, cookieName(address.port));
    if (context.req.path === LOG_IN && context.req.method === 'POST') return logIn(context, door);
    const account = sessions.find(cookie)?.account;
    const user = account ? accounts.user(account.name) : null;
    if (cookie !== undefined && user && user.epoch === account?.epoch) {
      if (context.req.path === LOG_IN) return context.redirect('/', 303);
      context.set('person', { name: user.name, role: user.role });
      context.set('session', cookie);
      return next();
    }
    if (cookie !== undefined) {
      sessions.end(cookie);
      takeCookie(context, address);
    }
    if (context.req.path.startsWith('/api/')) return context.json(noSession(`Log in at ${LOG_IN}.`), 401);
    return logInPage(context, context.req.path === LOG_IN ? 200 : 401);
  };
}
