/**
 * Who may ask: this machine's own browser, by a link that is used once and a cookie that no page of another origin can use.
 * Names other than the loopback's are refused (DNS rebinding), as are requests that another page made (CSRF).
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';

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

const secret = (): string => randomBytes(32).toString('base64url');
const equal = (a: string, b: string): boolean => {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(a), digest(b));
};

/** The link's token and the sessions that it gave, in memory: a new start of the server ends them. */
export class Sessions {
  #token = secret();
  readonly #sessions = new Map<string, number>();
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
    const session = secret();
    this.#sessions.set(session, now + SESSION_HOURS * 3_600_000);
    return session;
  }

  has(session: string | undefined): boolean {
    return session !== undefined && (this.#sessions.get(session) ?? 0) > Date.now();
  }

  end(session: string | undefined): void {
    if (session !== undefined) this.#sessions.delete(session);
  }
}

/** Cookies know no port: each has a name of its own. */
export const cookieName = (port: number): string => `temper-${port}`;

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

export const securityHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  for (const [name, value] of Object.entries(HEADERS)) context.res.headers.set(name, value);
  if (!context.res.headers.has('cache-control')) context.res.headers.set('cache-control', 'no-store');
};

const refused = (context: Context, message: string, hint?: string): Response =>
  context.json({ error: { code: 'forbidden', message, ...(hint ? { hint } : {}) } }, 403);

/** Refuses what did not come to this server by its own name, or was made by a page that is not its own. */
export const ownOrigin =
  (port: () => number): MiddlewareHandler =>
  async (context, next) => {
    const hosts = LOOPBACK.map((name) => `${name}:${port()}`);
    const host = context.req.header('host') ?? '';
    if (!hosts.includes(host)) return refused(context, 'this server answers to its loopback address alone');
    const origin = context.req.header('origin');
    if (origin !== undefined && origin !== `http://${host}`)
      return refused(context, 'a page of another origin asked');
    const site = context.req.header('sec-fetch-site');
    const navigates = context.req.header('sec-fetch-mode') === 'navigate' && SAFE.has(context.req.method);
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && !navigates)
      return refused(context, 'a page of another origin asked');
    if (
      !SAFE.has(context.req.method) &&
      !(context.req.header('content-type') ?? '').startsWith('application/json')
    )
      return refused(context, 'changes are sent as application/json');
    return next();
  };

const page = (title: string, message: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><h1>${title}</h1><p>${message}</p></html>`;

/** `/?token=...` gives the session; anything else needs it. */
export function withSession(sessions: Sessions, port: () => number, onBegin: () => void): MiddlewareHandler {
  return async (context, next) => {
    const token = context.req.query('token');
    const known = getCookie(context, cookieName(port()));
    if (token !== undefined && context.req.path === '/') {
      if (sessions.has(known)) return context.redirect('/', 303);
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
      setCookie(context, cookieName(port()), session, {
        httpOnly: true,
        sameSite: 'Strict',
        path: '/',
        maxAge: SESSION_HOURS * 3600,
      });
      onBegin();
      return context.redirect('/', 303);
    }
    if (sessions.has(known)) return next();
    if (known !== undefined) deleteCookie(context, cookieName(port()), { path: '/' });
    if (context.req.path.startsWith('/api/'))
      return context.json(
        {
          error: {
            code: 'session',
            message: 'no session',
            hint: 'Open the link that `temper serve` printed.',
          },
        },
        401,
      );
    return context.html(
      page(
        'temper',
        'Open the link that <code>temper serve</code> printed in the terminal: it lets this browser in.',
      ),
      401,
    );
  };
}
