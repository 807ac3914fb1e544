import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { TemperError } from '../core/errors.ts';
import { buildClient, clientFolder, DEFAULT_PORT } from './client.ts';
import { type CommonOptions, configOf, withCommon } from './context.ts';
import { complain, printJson, say } from './output.ts';

interface ServeCommandOptions extends CommonOptions {
  readonly port: number;
  readonly host?: string;
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1']);

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
    .option('--host <host>', 'the loopback address alone is served (127.0.0.1)')
    .addHelpText(
      'after',
      '\nThe link that it prints lets one browser in; the next link follows. Ctrl-C ends it.\n\nExamples:\n  temper serve\n  temper serve --port 0 --set directory=runs/one',
    )
    .action(async (options: ServeCommandOptions) => {
      if (options.host !== undefined && !LOOPBACK.has(options.host))
        throw new TemperError('usage', `--host ${options.host}: only the loopback address is served`, {
          hint: 'There are no accounts yet. From elsewhere: ssh -L 4747:127.0.0.1:4747 HOST, then open the link here.',
        });
      const config = configOf(options);
      // No other command waits for the server to be read.
      const { serve } = await import('../server/serve.ts');
      await buildClient(complain);
      const client = clientFolder();
      if (!existsSync(client))
        throw new TemperError('resource', 'the web app is not built', { hint: 'Run `npm run build:web`.' });
      const main = fileURLToPath(
        new URL(`main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
      );
      const root = new URL('../../', import.meta.url);
      await using server = await serve({
        config,
        command: [process.execPath, '--disable-warning=ExperimentalWarning', main],
        port: options.port,
        client,
        version: await version(root),
        onLink: (link) => (options.json ? printJson({ url: link }) : say(`  next browser  ${link}\n`)),
        onError: (error) =>
          complain(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`),
      });
      if (options.json) printJson({ url: server.link });
      else
        say(
          `temper is at  ${server.link}\n  store         ${config.directory}\n  The link lets one browser in, on this machine alone. Ctrl-C ends it.\n`,
        );
      await new Promise<void>((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
      });
      if (!options.json) say('\nstopping\n');
    });
}
