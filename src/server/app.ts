/** The web app's server: security first, then the API, then the built client. */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { TemperError } from '../core/errors.ts';
import type { ServerContext } from './context.ts';
import { openApi } from './openapi.ts';
import { internalProblem, knownProblem } from './problems.ts';
import { NAME, type Route } from './route.ts';
import { consoleRoutes } from './routes/sessions.ts';
import { handFindingRoutes } from './routes/hand-findings.ts';
import { conversationRoutes } from './routes/conversations.ts';
import { dataRoutes } from './routes/data.ts';
import { findingRoutes } from './routes/findings.ts';
import { labelRoutes } from './routes/labels.ts';
import { runRoutes } from './routes/runs.ts';
import { scorecardRoutes } from './routes/scorecards.ts';
import { settingRoutes } from './routes/settings.ts';
import { ownOrigin, securityHeaders, type Sessions, withSession } from './security.ts';
import { serveClient } from './static.ts';

export interface AppOptions {
  readonly context: ServerContext;
  readonly sessions: Sessions;
  readonly port: () => number;
  /** Folder of the built client. */
  readonly client: string;
  readonly version: string;
  /** Told when a browser was let in, as the link is used up. */
  readonly onBegin: () => void;
  /** Told of errors that nobody expected. */
  readonly onError: (error: unknown) => void;
}

const MOST_BYTES = 1 << 20;

export const apiRoutes = (context: ServerContext, version: string) =>
  [
    ...runRoutes(context),
    ...scorecardRoutes(context),
    ...conversationRoutes(context),
    ...dataRoutes(context),
    ...findingRoutes(context),
    ...consoleRoutes(context),
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

export function createApp({ context, sessions, port, client, version, onBegin, onError }: AppOptions): Hono {
  const app = new Hono();
  app.use(securityHeaders);
  app.use(ownOrigin(port));
  app.use(withSession(sessions, port, onBegin));
  app.use(
    bodyLimit({
      maxSize: MOST_BYTES,
      onError: (c) =>
        c.json({ error: { code: 'usage', message: `more than ${MOST_BYTES} bytes were sent` } }, 413),
    }),
  );
  app.onError((error, c) => {
    const known = knownProblem(error);
    if (!known) onError(error);
    return c.json(known?.problem ?? internalProblem, (known?.status ?? 500) as 500);
  });
  const routes = apiRoutes(context, version) as unknown as readonly Route[];
  const document = openApi(routes, version);
  for (const route of routes)
    app.on(route.method, route.path, async (c) => {
      const params = c.req.param() as Record<string, string>;
      for (const value of Object.values(params))
        if (!NAME.test(value)) throw new TemperError('usage', 'the path holds no id or name');
      const queries = Object.fromEntries(
        Object.entries(c.req.queries()).map(([name, values]) => [name, values.at(-1)]),
      );
      const query = checked(route.query, queries, 'query');
      const body = route.body ? checked(route.body, await bodyOf(c.req.raw), 'body') : undefined;
      const answer = await route.handle({ params, query, body, signal: c.req.raw.signal });
      return answer instanceof Response ? answer : c.json(answer as object);
    });
  app.get('/api/openapi.json', (c) => c.json(document));
  app.all('/api/*', (c) =>
    c.json({ error: { code: 'absent', message: `there is no ${c.req.method} ${c.req.path}` } }, 404),
  );
  app.get('*', serveClient(client));
  return app;
}
