import { existsSync, readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import type { Config } from '../config/config.ts';
import { errorMessage, TemperError } from '../core/errors.ts';
import { Accounts, accountsPath } from '../server/accounts.ts';
import { isLoopback } from '../server/address.ts';
import { buildClient, clientFolder, DEFAULT_PORT } from './client.ts';
import { type CommonOptions, configOf, withCommon } from './context.ts';
import { complain, printJson, say } from './output.ts';

interface ServeCommandOptions extends CommonOptions {
  readonly port: number;
  readonly host?: string;
  readonly accounts?: boolean;
  readonly origin?: string;
  readonly trustedProxy?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

function origin(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url && /^https?:$/.test(url.protocol) && url.origin === value.replace(/\/$/, '')) return url.origin;
  throw new InvalidArgumentError('Give it as browsers name it: https://temper.example');
}

/** Errors: `usage` for one without the other, and for what cannot be read or does not fit. */
function certificateOf({ cert, key }: ServeCommandOptions): { cert: string; key: string } | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new TemperError('usage', '--cert and --key go together', { hint: 'Give both, as PEM files.' });
  const read = (option: string, file: string): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch (cause) {
      throw new TemperError('usage', `${option} ${file} cannot be read: ${errorMessage(cause)}`, { cause });
    }
  };
  const pem = { cert: read('--cert', cert), key: read('--key', key) };
  try {
    createSecureContext(pem);
  } catch (cause) {
    throw new TemperError('usage', `--cert ${cert} and --key ${key} do not fit: ${errorMessage(cause)}`, {
      hint: 'Give a certificate and its private key as PEM files.',
      cause,
    });
  }
  return pem;
}

/** Errors: `usage` where nobody could log in. */
function requireAccounts(directory: string, why: string): void {
  using accounts = existsSync(accountsPath(directory)) ? new Accounts(directory) : null;
  if ((accounts?.users().length ?? 0) > 0) return;
  throw new TemperError('usage', `${why}: people log in, and there is no account yet`, {
    hint: 'Make one first: `temper users add NAME --role admin`. For yourself alone, from elsewhere: ssh -L 4747:127.0.0.1:4747 HOST.',
  });
}

function port(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new InvalidArgumentError('Give a port from 0 (any that is free) to 65535.');
}

const version = (root: URL): Promise<string> =>
  import(new URL('package.json', root).href, { with: { type: 'json' } }).then(
    (module: { default: { version: string } }) => module.default.version,
  );

export function serveCommand(): Command {
  return withCommon(new Command('serve'))
    .description('Open the web app: scorecards, conversations, data, red-team console, labelling')
    .option('--port <port>', 'port on the loopback address; 0: any that is free', port, DEFAULT_PORT)
    .option('--host <host>', 'address to listen on (default: 127.0.0.1); another needs accounts')
    .option('--accounts', 'people log in, on the loopback as well (`temper users add`)')
    .option('--origin <url>', 'how browsers reach it through a proxy, as https://temper.example', origin)
    .option(
      '--trusted-proxy <addresses...>',
      'addresses or networks of proxies: log-ins are counted by the X-Forwarded-For of these',
    )
    .option('--cert <file>', 'certificate (PEM), to serve by https itself')
    .option('--key <file>', 'its private key (PEM)')
    .addHelpText(
      'after',
      '\nThe link that it prints lets one browser in; the next link follows. Ctrl-C ends it.\n\nExamples:\n  temper serve\n  temper serve --port 0 --set directory=runs/one\n  temper users add ada --role admin && temper serve --host 0.0.0.0 --cert cert.pem --key key.pem',
    )
    .action(async (options: ServeCommandOptions) => {
      const config = configOf(options);
      const { host = '127.0.0.1' } = options;
      const shared = !isLoopback(host) || options.origin !== undefined;
      const accounts = options.accounts === true || shared;
      if (accounts) requireAccounts(config.directory, shared ? 'others can reach it' : '--accounts');
      const { trustedProxy: proxies } = options;
      if (proxies && !accounts)
        throw new TemperError('usage', '--trusted-proxy is of no use without people who log in', {
          hint: 'Give --origin, as browsers reach the proxy.',
        });
      const certificate = certificateOf(options);
      await serveApp(config, { ...options, host, accounts, proxies, certificate });
    });
}

export interface AppOptions {
  readonly port: number;
  readonly host?: string;
  readonly accounts?: boolean;
  readonly origin?: string | undefined;
  readonly proxies?: readonly string[] | undefined;
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  readonly json?: boolean | undefined;
}

/** Serves the web app until Ctrl-C. Errors: `resource`, `store`. */
export async function serveApp(config: Config, options: AppOptions): Promise<void> {
  // No other command waits for the server to be read.
  const { serve } = await import('../server/serve.ts');
  await buildClient(complain);
  const client = clientFolder();
  if (!existsSync(client))
    throw new TemperError('resource', 'the web app is not built', { hint: 'Run `npm run build:web`.' });
  const main = fileURLToPath(
    new URL(`main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
  );
  const { port, host, accounts, origin: proxied, proxies, certificate, json } = options;
  await using server = await serve({
    config,
    command: [process.execPath, '--disable-warning=ExperimentalWarning', main],
    port,
    ...(host === undefined ? {} : { host }),
    ...(accounts ? { accounts } : {}),
    ...(proxied === undefined ? {} : { origin: proxied }),
    ...(proxies ? { proxies } : {}),
    ...(certificate ? { certificate } : {}),
    client,
    version: await version(new URL('../../', import.meta.url)),
    onLink: (link) => (json ? printJson({ url: link }) : say(`  next browser  ${link}\n`)),
    onError: (error) =>
      complain(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`),
  });
  if (json) printJson({ url: server.link });
  else
    say(
      `app      ${server.link}\n         Open it in a browser: ${accounts ? 'people log in there' : 'the link lets one in, on this machine alone'}. Ctrl-C ends it.\n`,
    );
  if (server.readable)
    complain(
      'warning: what is sent, passwords among it, can be read on the way. Give --cert and --key, or --origin behind a proxy with a certificate.\n',
    );
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  if (!json) say('\nstopping\n');
}
