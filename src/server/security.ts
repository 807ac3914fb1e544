/**
 * Who may ask: a browser that was let in, by a link that is used once or by an account, with a cookie that no page of another origin can
 * use. Names that are not this server's are refused (DNS rebinding), as are requests that another page made (CSRF).
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { Address } from './address.ts';
import { ANYONE, type Person } from './person.ts';

/** Only what the app itself serves runs or is loaded; Plot writes one style sheet of its own, known by its hash. */
const PLOT_STYLES = ["'sha256-73ODLxiiUHRnRZ8d3DCT283uv3RwPLof9vTPvXnDvTk='"];
export const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'self' ${PLOT_STYLES.join(' ')}`,
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

const SAFE = new Set(['GET', 'HEAD']);
/** Wrong links in a minute, after which none is taken. */
const MOST_WRONG = 20;
const SESSION_HOURS = 24 * 7;
/** An account's session ends after so long without a request. */
const IDLE_HOURS = 12;

const secret = (): string => randomBytes(32).toString('base64url');
const equal = (a: string, b: string): boolean => {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(a), digest(b));
};

interface Session {
  readonly ends: number;
  /** Of an account: it ends with it, and after this long without a request. */
  readonly account?: { readonly name: string; readonly epoch: number } | undefined;
  seen: number;
}

/** The link's token and the sessions, in memory: a new start of the server ends them. */
export class Sessions {
  #token = secret();
  readonly #sessions = new Map<string, Session>();
  #wrong: number[] = [];

  /** For the next browser; used once. */
  get token(): string {
    return this.#token;
  }

  /** A session for a token; null for a wrong one, `late` where too many were wrong. */
  begin(token: string): string | 'late' | null {
    const now = Date.now();
    this.#wrong = this.#wrong.filter((at) => now - at < 60_000);
    if (this.#wrong.length >= MOST_WRONG) return 'late';
    if (!equal(token, this.#token)) {
      this.#wrong.push(now);
      return null;
    }
    this.#token = secret();
    return this.open();
  }

  open(account?: Session['account']): string {
    const now = Date.now();
    for (const [id, { ends }] of this.#sessions) if (ends <= now) this.#sessions.delete(id);
    const session = secret();
    this.#sessions.set(session, { ends: now + SESSION_HOURS * 3_600_000, account, seen: now });
    return session;
  }

  /** The session, if it has not ended; it has been seen then. */
  find(id: string | undefined): Session | null {
    const now = Date.now();
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (!session || session.ends <= now) return null;
    if (session.account && now - session.seen > IDLE_HOURS * 3_600_000) return null;
    session.seen = now;
    return session;
  }

  end(id: string | undefined): void {
    if (id !== undefined) this.#sessions.delete(id);
  }
}

/** Cookies know no port: each has a name of its own. */
export const cookieName = (port: number): string => `temper-${port}`;

export const giveCookie = (context: Context, address: Address, session: string): void =>
  setCookie(context, cookieName(address.port), session, {
    httpOnly: true,
    sameSite: 'Strict',
    secure: address.secure,
    path: '/',
    maxAge: SESSION_HOURS * 3600,
  });

export const takeCookie = (context: Context, address: Address): void => {
  deleteCookie(context, cookieName(address.port), { path: '/', secure: address.secure });
};

/** What a request knows of who made it. */
export interface Variables {
  person: Person;
  session: string;
}

export const securityHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  // The page for logging in has a policy of its own, for its form.
  for (const [name, value] of Object.entries(HEADERS))
    if (!context.res.headers.has(name)) context.res.headers.set(name, value);
  if (!context.res.headers.has('cache-control')) context.res.headers.set('cache-control', 'no-store');
};

const refused = (context: Context, message: string, hint?: string): Response =>
  context.json({ error: { code: 'forbidden', message, ...(hint ? { hint } : {}) } }, 403);

/** Where a form may be sent without a script. */
export const LOG_IN = '/log-in';

/** Refuses what did not come to this server by its own name, or was made by a page that is not its own. */
export const ownOrigin =
  (address: Address): MiddlewareHandler =>
  async (context, next) => {
    const host = context.req.header('host') ?? '';
    if (!address.isOwn(host))
      return refused(
        context,
        'this server answers to its own addresses alone',
        address.host === '127.0.0.1' ? undefined : 'Another name of it is told with --origin.',
      );
    const origin = context.req.header('origin');
    if (origin !== undefined && !address.isOwnPage(origin, host))
      return refused(context, 'a page of another origin asked');
    const site = context.req.header('sec-fetch-site');
    const navigates = context.req.header('sec-fetch-mode') === 'navigate' && SAFE.has(context.req.method);
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && !navigates)
      return refused(context, 'a page of another origin asked');
    const type = context.req.header('content-type') ?? '';
    const form = context.req.path === LOG_IN && type.startsWith('application/x-www-form-urlencoded');
    if (!SAFE.has(context.req.method) && !type.startsWith('application/json') && !form)
      return refused(context, 'changes are sent as application/json');
    return next();
  };

export const page = (title: string, message: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><h1>${title}</h1><p>${message}</p></html>`;

/** `/?token=...` gives the session; anything else needs it. */
export function withLink(
  sessions: Sessions,
  address: Address,
  onBegin: () => void,
): MiddlewareHandler<{ Variables: Variables }> {
  return async (context, next) => {
    const token = context.req.query('token');
    const known = getCookie(context, cookieName(address.port));
    if (token !== undefined && context.req.path === '/') {
      if (sessions.find(known)) return context.redirect('/', 303);
      const session = sessions.begin(token);
      if (session === 'late') return context.html(page('Too many wrong links', 'Wait a minute.'), 429);
      if (session === null)
        return context.html(
          page(
            'This link was used before',
            'Each link opens the app once. The newest one stands in the terminal where <code>temper serve</code> runs.',
          ),
          403,
        );
      giveCookie(context, address, session);
      onBegin();
      return context.redirect('/', 303);
    }
    if (known !== undefined && sessions.find(known)) {
      context.set('person', ANYONE);
      context.set('session', known);
      return next();
    }
    if (known !== undefined) takeCookie(context, address);
    if (context.req.path.startsWith('/api/'))
      return context.json(noSession('Open the link that `temper serve` printed.'), 401);
    return context.html(
      page(
        'temper',
        'Open the link that <code>temper serve</code> printed in the terminal: it lets this browser in.',
      ),
      401,
    );
  };
}

export const noSession = (hint: string) => ({ error: { code: 'session', message: 'no session', hint } });
