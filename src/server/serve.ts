/** Opens the store and listens: on the loopback for who has the link, or elsewhere for accounts. */
import { createServer as createEncrypted } from 'node:https';
import type { AddressInfo } from 'node:net';
import { serve as listen } from '@hono/node-server';
import { TemperError } from '../core/errors.ts';
import { Accounts } from './accounts.ts';
import { Address, isLoopback } from './address.ts';
import { createApp } from './app.ts';
import { type ContextOptions, ServerContext } from './context.ts';
import { Proxies } from './proxies.ts';
import { Sessions } from './security.ts';

export interface ServeOptions extends ContextOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** What to listen on; default: 127.0.0.1. Another than the loopback needs accounts. */
  readonly host?: string;
  /** Whether people log in; else a link lets browsers in. */
  readonly accounts?: boolean;
  /** `https://temper.example`, where a proxy stands before it. */
  readonly origin?: string;
  /** Addresses and networks of proxies whose word is taken for where a request comes from; default: none. */
  readonly proxies?: readonly string[];
  /** PEM, for serving by https itself. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  readonly client: string;
  readonly version: string;
  /** Told the link for the next browser, whenever the last one was used. */
  readonly onLink: (link: string) => void;
}

export interface Server extends AsyncDisposable {
  readonly port: number;
  /** Lets one browser in; with accounts, where people log in. */
  readonly link: string;
  /** Whether what is sent can be read on the way: passwords, too. */
  readonly readable: boolean;
}

/** Errors: `resource` for a port that is taken; `store`. */
export async function serve(options: ServeOptions): Promise<Server> {
  const proxies = new Proxies(options.proxies);
  await using resources = new AsyncDisposableStack();
  const context = resources.use(await ServerContext.open(options));
  const accounts = options.accounts ? resources.use(new Accounts(options.config.directory)) : null;
  const sessions = new Sessions();
  const { client, version, onError, certificate, host = '127.0.0.1', origin = null } = options;
  const address = new Address({ host, port: options.port, origin, encrypted: certificate !== undefined });
  const link = (): string => (accounts ? address.url : `${address.url}/?token=${sessions.token}`);
  const app = createApp({
    context,
    sessions,
    address,
    accounts,
    proxies,
    client,
    version,
    onBegin: () => options.onLink(link()),
    onError,
  });
  const server = await new Promise<ReturnType<typeof listen>>((resolve, reject) => {
    const encrypted = certificate ? { createServer: createEncrypted, serverOptions: certificate } : {};
    const { port } = address;
    const listening = listen(
      { fetch: app.fetch, hostname: host, port, ...encrypted },
      (info: AddressInfo) => {
        address.port = info.port;
        resolve(listening);
      },
    );
    listening.on('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      const elsewhere = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'].includes(cause.code ?? '');
      reject(
        new TemperError(
          'resource',
          taken ? `port ${port} is taken` : `cannot listen on ${host}, port ${port}: ${cause.message}`,
          {
            hint: taken
              ? 'Is `temper serve` running already? Else choose another with --port.'
              : elsewhere
                ? 'Give an address of this machine with --host; 0.0.0.0 is all of them.'
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
      return address.port;
    },
    readable: !address.secure && !isLoopback(host),
    get link() {
      return link();
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
