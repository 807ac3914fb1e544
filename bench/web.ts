/**
 * The web app over a store of 200,000 conversations: first paint, search, scroll, memory. `node bench/web.ts [conversations [folder]]`,
 * where the store is kept in the folder, and made where it is missing; with Debian's Chromium. The server is a process of its own. Figures: bench/README.md.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import { makeWebStore } from '../test/web-store.ts';

/** Of the page's own world, in functions that run there. */
declare const document: {
  querySelector(selector: string): { scrollTop: number; scrollHeight: number } | null;
  querySelectorAll(selector: string): Iterable<{ textContent: string }>;
};
declare const performance: {
  now(): number;
  getEntriesByName(name: string): { startTime: number }[];
};

const BROWSER = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);
if (!BROWSER) throw new Error('no Chromium: apt-get install chromium');

/** How often the page is opened anew. */
const OPENED = 7;
const count = Number(process.argv[2] ?? 200_000);
const kept = process.argv[3];
const directory = kept ?? mkdtempSync(join(tmpdir(), 'temper-bench-web-'));
const took = (since: number): string => `${(performance.now() - since).toFixed(0)} ms`;
const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
const say = (name: string, figure: string): void => console.log(`${name.padEnd(66)} ${figure}`);

let since = performance.now();
if (!existsSync(join(directory, 'store.sqlite'))) {
  makeWebStore(directory, { cases: count / 2, hostile: false });
  say(`a store of ${count} conversations is made`, took(since));
}
say('  its file', mb(statSync(join(directory, 'store.sqlite')).size));

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const server = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    main,
    'serve',
    '--port',
    '0',
    '--json',
    '--set',
    `directory=${directory}`,
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const links = (async function* () {
  let rest = '';
  for await (const chunk of server.stdout.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield (JSON.parse(line) as { url: string }).url;
  }
})();
since = performance.now();
const link = (await links.next()).value as string;
const base = new URL(link).origin;
say('the server answers', took(since));

const browser = await chromium.launch({
  executablePath: BROWSER,
  args: ['--no-sandbox', '--enable-precise-memory-info'],
});
try {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.goto(link);
  const api = <T>(path: string): Promise<T> =>
    page.evaluate(async (address) => (await fetch(address)).json() as Promise<T>, base + path);
  for (;;) {
    const { indexing } = await api<{ indexing: { done: number; total: number } }>('/api/live/events');
    if (indexing.total > 0 && indexing.done === indexing.total) break;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  say('the index is built, from the start of the server', took(since));
  say('  its file', mb(statSync(join(directory, 'search.sqlite')).size));

  for (const [name, path] of [
    ['API: first page', '/api/conversations?limit=100'],
    ['API: facets', '/api/conversations/facets'],
    ['API: a rare word', '/api/conversations?text=case77777'],
    ['API: a common word, sorted by severity', '/api/conversations?text=river&sort=severity'],
    ['API: three facets', '/api/conversations?kind=adversarial&outcome=harmful&attack=base64'],
    ['API: the middle of them', `/api/conversations?offset=${count / 2}`],
    ['API: facets under a word', '/api/conversations/facets?text=stone'],
  ] as const) {
    const begun = performance.now();
    await api(path);
    const first = took(begun);
    const again = performance.now();
    await api(path);
    say(name, `${first}, again ${took(again)}`);
  }

  const rows = (wanted: Page): Promise<unknown> =>
    wanted.waitForFunction(
      () => {
        const some = [...document.querySelectorAll('.list [role="row"]')];
        return some.length > 10 && some.every(({ textContent }) => textContent !== '…');
      },
      null,
      { polling: 'raf' },
    );
  const browserSession = await browser.newBrowserCDPSession();
  /** Seconds of processor that the browser and the server have used: other work on the machine does not change them. */
  const used = async (): Promise<number> => {
    const { processInfo } = await browserSession.send('SystemInfo.getProcessInfo');
    const [nanoseconds] = readFileSync(`/proc/${server.pid}/schedstat`, 'utf8').split(' ');
    return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, Number(nanoseconds) / 1e9);
  };
  let fresh = await context.newPage();
  const opened: { rows: number; paint: number; used: number }[] = [];
  for (let i = 0; i < OPENED; i++) {
    await fresh.close();
    fresh = await context.newPage();
    const before = await used();
    const begun = performance.now();
    await fresh.goto(`${base}/conversations`, { waitUntil: 'commit' });
    await rows(fresh);
    const shown = performance.now() - begun;
    const paint = await fresh.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1,
    );
    opened.push({ rows: shown, paint, used: ((await used()) - before) * 1000 });
  }
  const middle = (of: 'rows' | 'paint' | 'used'): string => {
    const sorted = opened.map((each) => each[of]).sort((a, b) => a - b);
    return `median ${sorted[OPENED >> 1]!.toFixed(0)} ms, worst ${sorted.at(-1)!.toFixed(0)} ms`;
  };
  say(`page: rows are there, from the beginning of the navigation (of ${OPENED})`, middle('rows'));
  say('page: first contentful paint', middle('paint'));
  say('page: processor time of all processes of browser and server by then', middle('used'));

  since = performance.now();
  await fresh.fill('input[type="search"]', 'case54321');
  await fresh.getByText('2 found').waitFor();
  say('page: a search, from the last key (150 ms of them waiting)', took(since));
  await fresh.fill('input[type="search"]', '');
  await fresh
    .getByText(/200|found/)
    .first()
    .waitFor();
  await rows(fresh);

  const scrolled: number[] = [];
  for (let i = 1; i <= 20; i++) {
    const begun = performance.now();
    await fresh.evaluate((share) => {
      const list = document.querySelector('.list')!;
      list.scrollTop = list.scrollHeight * share;
    }, i / 21);
    await rows(fresh);
    scrolled.push(performance.now() - begun);
  }
  scrolled.sort((a, b) => a - b);
  say(
    'page: a jump to anywhere, until its rows are there (of 20)',
    `median ${scrolled[10]!.toFixed(0)} ms, worst ${scrolled.at(-1)!.toFixed(0)} ms`,
  );

  const session = await context.newCDPSession(fresh);
  await session.send('HeapProfiler.collectGarbage');
  await session.send('Performance.enable');
  const { metrics } = await session.send('Performance.getMetrics');
  const metric = (name: string): number => metrics.find((each) => each.name === name)?.value ?? 0;
  say('browser: script heap of the page', mb(metric('JSHeapUsedSize')));
  say('browser: nodes of the page', String(metric('Nodes')));
  const memory = (pid: number): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  const { processInfo } = await browserSession.send('SystemInfo.getProcessInfo');
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => memory(id));
  say('browser: largest process of a page, resident', mb(Math.max(...renderers)));
  say('server: resident', mb(memory(server.pid!)));
} finally {
  await browser.close();
  server.kill('SIGTERM');
  await new Promise((resolve) => server.once('exit', resolve));
  if (kept === undefined) rmSync(directory, { recursive: true, force: true });
}
