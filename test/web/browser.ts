/** The web app in a browser, on a store of a script and a tiny random model: every page's errors are kept. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Config } from '../../src/config/config.ts';
import { serve, type Server } from '../../src/server/serve.ts';
import { clientFolder } from '../../src/cli/client.ts';

/** The pages by their addresses. */
export const PAGES = [
  'runs',
  'scorecard',
  'compare',
  'conversations',
  'console',
  'findings',
  'data',
  'training',
  'labels',
  'settings',
];

export const BROWSER = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export interface App extends AsyncDisposable {
  readonly server: Server;
  readonly browser: Browser;
  /** What pages complained about: errors of scripts, of the policy, of the server. */
  readonly complaints: string[];
  /** A page in which the link was opened. */
  open(options?: { width?: number; height?: number; dark?: boolean }): Promise<Page>;
}

export async function openApp(config: Config): Promise<App> {
  const complaints: string[] = [];
  const server = await serve({
    config,
    command: [process.execPath, '--disable-warning=ExperimentalWarning', main],
    port: 0,
    client: clientFolder(),
    version: '0',
    onLink: () => {},
    onError: (error) => complaints.push(String(error)),
  });
  const browser = await chromium.launch({ executablePath: BROWSER as string, args: ['--no-sandbox'] });
  return {
    server,
    browser,
    complaints,
    open: async ({ width = 1440, height = 900, dark = false } = {}) => {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: dark ? 'dark' : 'light',
        bypassCSP: false,
      });
      const page = await context.newPage();
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('dialog', (dialog) => {
        complaints.push(`dialog ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on('request', (request) => {
        if (!request.url().startsWith(`http://127.0.0.1:${server.port}/`))
          complaints.push(`asked ${request.url()}`);
      });
      await page.goto(server.link);
      return page;
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

declare const document: { querySelector(selector: string): object | null };

/** Opens a page of the app and waits until nothing of it loads. */
export async function visit(page: Page, { server }: App, path: string): Promise<void> {
  await page.goto(`http://127.0.0.1:${server.port}${path}`);
  await page.waitForFunction(
    () => document.querySelector('main h1') !== null && document.querySelector('.skeleton') === null,
    null,
    { timeout: 60_000 },
  );
}

export interface Violation {
  readonly id: string;
  readonly nodes: readonly string[];
}

/** What axe finds wrong with a page. It is run as a debugger does, which the page's own policy has no say in. */
export async function violations(page: Page): Promise<Violation[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe: tool } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const found = await tool.run();
    return found.violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.slice(0, 3).map(({ html }) => html.slice(0, 200)),
    }));
  });
}
