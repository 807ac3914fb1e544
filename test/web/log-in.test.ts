/** Logging in as people do, in a browser, by http and by https with a certificate that openssl makes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { buildClient, clientFolder } from '../../src/cli/client.ts';
import { Accounts } from '../../src/server/accounts.ts';
import { serve } from '../../src/server/serve.ts';
import { makeWebStore } from '../web-store.ts';
import { BROWSER } from './browser.ts';

const PASSWORD = 'river stone garden 7';

function selfSigned(directory: string): { cert: string; key: string } | null {
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(directory, name)) as [string, string];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const made = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2'];
  const { status } = spawnSync('openssl', ['req', '-x509', ...made, ...subject]);
  return status === 0 ? { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') } : null;
}

describe.skipIf(BROWSER === undefined)('logging in', { timeout: 240_000 }, () => {
  test.for(['http', 'https'])(
    'by %s: a wrong password is told, a right one opens the app',
    async (scheme, { skip }) => {
      const directory = mkdtempSync(join(tmpdir(), 'temper-log-in-'));
      const certificate = scheme === 'https' ? selfSigned(directory) : null;
      if (scheme === 'https' && certificate === null) skip('openssl is not here');
      await buildClient(() => {});
      const { config } = makeWebStore(join(directory, 'store'), { cases: 20 });
      using accounts = new Accounts(config.directory);
      await accounts.add('ada', 'admin', PASSWORD);
      const errors: unknown[] = [];
      await using server = await serve({
        config,
        command: [process.execPath, '-e', '0', '--'],
        port: 0,
        accounts: true,
        ...(certificate ? { certificate } : {}),
        client: clientFolder(),
        version: '0',
        onLink: () => {},
        onError: (error) => errors.push(error),
      });
      const browser = await chromium.launch({ executablePath: BROWSER as string, args: ['--no-sandbox'] });
      await using _ = { [Symbol.asyncDispose]: () => browser.close() };
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      const logIn = async (password: string): Promise<void> => {
        await page.fill('input[name="name"]', 'ada');
        await page.fill('input[name="password"]', password);
        await page.getByRole('button', { name: 'Log in' }).click();
      };
      await page.goto(`${scheme}://127.0.0.1:${server.port}/scorecard`);
      await logIn('another stone 1234');
      await page.getByText('name and password do not fit').waitFor();
      await logIn(PASSWORD);
      await page.getByRole('link', { name: 'Scorecard' }).first().waitFor();
      expect(await context.cookies()).toEqual([
        expect.objectContaining({ httpOnly: true, sameSite: 'Strict', secure: scheme === 'https' }),
      ]);
      expect(errors).toEqual([]);
    },
  );
});
