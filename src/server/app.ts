/** The web app's server: security first, then the API, then the built client. */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { TemperError } from '../core/errors.ts';
import type { ServerContext } from './context.ts';
import { type Accounts, may } from './accounts.ts';
import type { Address } from './address.ts';
import { Attempts, withAccounts } from './log-in.ts';
import { openApi } from './openapi.ts';
import { detailOf, logged, type Person } from './person.ts';
import type { Proxies } from './proxies.ts';
import { internalProblem, knownProblem } from './problems.ts';
import { NAME, type Route } from './route.ts';
import { accountRoutes } from './routes/accounts.ts';
import { campaignRoutes } from './routes/campaigns.ts';
import { consoleRoutes } from './routes/sessions.ts';
import { handFindingRoutes } from './routes/hand-findings.ts';
import { conversationRoutes } from './routes/conversations.ts';
import { dataRoutes } from './routes/data.ts';
import { familyRoutes } from './routes/families.ts';
import { findingRoutes } from './routes/findings.ts';
import { labelRoutes } from './routes/labels.ts';
import { runRoutes } from './routes/runs.ts';
import { sampleRoutes } from './routes/samples.ts';
import { scorecardRoutes } from './routes/scorecards.ts';
import { settingRoutes } from './routes/settings.ts';
import { ownOrigin, securityHeaders, type Sessions, type Variables, withLink } from './security.ts';
import { serveClient } from './static.ts';

export interface AppOptions {
  readonly context: ServerContext;
  readonly sessions: Sessions;
  readonly address: Address;
  /** null: a link lets browsers in. */
  readonly accounts: Accounts | null;
  readonly proxies: Proxies;
  /** Folder of the built client. */
  readonly client: string;
  readonly version: string;
  /** Told when a browser was let in, as the link is used up. */
  readonly onBegin: () => void;
  /** Told of errors that nobody expected. */
  readonly onError: (error: unknown) => void;
}

const MOST_BYTES = 1 << 20;

export const apiRoutes = (
  context: ServerContext,
  version: string,
  accounts: Accounts | null,
  sessions: Sessions,
) =>
  [
    ...accountRoutes(accounts, sessions),
    ...runRoutes(context, accounts !== null),
    ...sampleRoutes(context),
    ...scorecardRoutes(context),
    ...familyRoutes(context),
    ...conversationRoutes(context),
    ...dataRoutes(context),
    ...findingRoutes(context),
    ...consoleRoutes(context),
    ...campaignRoutes(context),
    ...handFindingRoutes(context),
    ...labelRoutes(context),
    ...settingRoutes(context, version),
  ] as const;

/** Errors: `usage` with every problem. */
function checked(schema: z.ZodType | undefined, value: unknown, what: string): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new TemperError(
    'usage',
    result.error.issues.map(({ path, message }) => `${[what, ...path].join('.')}: ${message}`).join('\n'),
    { hint: 'GET /api/openapi.json says what is taken.' },
  );
}

async function bodyOf(request: Request): Promise<unknown> {
  try {
    return JSON.parse(await request.text()) as unknown;
  } catch (cause) {
    throw new TemperError('usage', 'the body is not JSON', { cause });
  }
}

/** Who asks is who did it: an account gives its own name, whatever was sent. */
const signed = (value: unknown, { name }: Person): unknown =>
  name !== null && typeof value === 'object' && value !== null && !Array.isArray(value)
    ? { ...value, author: name }
    : value;

export function createApp({
  context,
  sessions,
  address,
  accounts,
  proxies,
  client,
  version,
  onBegin,
  onError,
}: AppOptions): Hono<{ Variables: Variables }> {
  const app = new Hono<{ Variables: Variables }>();
  app.use(securityHeaders);
  app.use(ownOrigin(address));
  app.use(
    bodyLimit({
      maxSize: MOST_BYTES,
      onError: (c) =>
        c.json({ error: { code: 'usage', message: `more than ${MOST_BYTES} bytes were sent` } }, 413),
    }),
  );
  app.use(
    accounts
      ? withAccounts({ accounts, sessions, address, attempts: new Attempts(), proxies })
      : withLink(sessions, address, onBegin),
  );
  app.onError((error, c) => {
    const known = knownProblem(error);
    if (!known) onError(error);
    return c.json(known?.problem ?? internalProblem, (known?.status ?? 500) as 500);
  });
  const routes = apiRoutes(context, version, accounts, sessions) as unknown as readonly Route[];
  const document = openApi(routes, version);
  for (const route of routes)
    app.on(route.method, route.path, async (c) => {
      const person = c.get('person');
      const params = c.req.param() as Record<string, string>;
      const note = (outcome: string, body?: unknown): void => {
        if (!route.logged) return;
        const entry = { action: route.summary, subject: params['id'] ?? '', detail: detailOf(params, body) };
        logged(accounts, person, { ...entry, outcome });
      };
      if (!may(person.role, route.needs)) {
        note('forbidden');
        return c.json(
          {
            error: {
              code: 'forbidden',
              message: `your role, ${person.role}, may not do this: it takes a ${route.needs}`,
              hint: 'Whoever runs the server gives roles: `temper users role NAME ROLE`.',
            },
          },
          403,
        );
      }
      for (const value of Object.values(params))
        if (!NAME.test(value)) throw new TemperError('usage', 'the path holds no id or name');
      const queries = Object.fromEntries(
        Object.entries(c.req.queries()).map(([name, values]) => [name, values.at(-1)]),
      );
      const query = checked(route.query, signed(queries, person), 'query');
      const body = route.body
        ? checked(route.body, signed(await bodyOf(c.req.raw), person), 'body')
        : undefined;
      const { signal } = c.req.raw;
      try {
        const answer = await route.handle({
          params,
          query,
          body,
          signal,
          person,
          session: c.get('session'),
        });
        note('done', body);
        return answer instanceof Response ? answer : c.json(answer as object);
      } catch (error) {
        note(knownProblem(error)?.problem.error.code ?? 'internal', body);
        throw error;
      }
    });
  app.get('/api/openapi.json', (c) => c.json(document));
  for (const [path, allowed] of Map.groupBy(routes, (route) => route.path))
    app.all(path, (c) => {
      const methods = allowed.map(({ method }) => method).join(', ');
      c.header('allow', methods);
      const message = `${c.req.path} takes ${methods}, no ${c.req.method}`;
      return c.json({ error: { code: 'usage', message } }, 405);
    });
  app.all('/api/*', (c) =>
    c.json({ error: { code: 'absent', message: `there is no ${c.req.method} ${c.req.path}` } }, 404),
  );
  app.get('*', serveClient(client));
  return app;
}
