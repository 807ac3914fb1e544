/** Opens the store and listens on the loopback. */
import type { AddressInfo } from 'node:net';
import { serve as listen } from '@hono/node-server';
import { TemperError } from '../core/errors.ts';
import { createApp } from './app.ts';
import { type ContextOptions, ServerContext } from './context.ts';
import { Sessions } from './security.ts';

export interface ServeOptions extends ContextOptions {
  /** 0: any that is free. */
  readonly port: number;
  readonly client: string;
  readonly version: string;
  /** Told the link for the next browser, whenever the last one was used. */
  readonly onLink: (link: string) => void;
}

export interface Server extends AsyncDisposable {
  readonly port: number;
  /** Lets one browser in. */
  readonly link: string;
}

const HOST = '127.0.0.1';

/** Errors: `resource` for a port that is taken; `store`. */
export async function serve(options: ServeOptions): Promise<Server> {
  await using resources = new AsyncDisposableStack();
  const context = resources.use(await ServerContext.open(options));
  const sessions = new Sessions();
  let port = options.port;
  const link = (): string => `http://${HOST}:${port}/?token=${sessions.token}`;
  const { client, version, onError } = options;
  const app = createApp({
    context,
    sessions,
    port: () => port,
    client,
    version,
    onBegin: () => options.onLink(link()),
    onError,
  });
  const server = await new Promise<ReturnType<typeof listen>>((resolve, reject) => {
    const listening = listen({ fetch: app.fetch, hostname: HOST, port }, (info: AddressInfo) => {
      port = info.port;
      resolve(listening);
    });
    listening.on('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      reject(
        new TemperError(
          'resource',
          taken ? `port ${port} is taken` : `cannot listen on port ${port}: ${cause.message}`,
          {
            hint: taken
              ? 'Is `temper serve` running already? Else choose another with --port.'
              : 'Choose another with --port.',
            cause,
          },
        ),
      );
    });
  });
  resources.defer(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  );
  const open = resources.move();
  return {
    get port() {
      return port;
    },
    get link() {
      return link();
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
