/** Hostile text in everything that a page shows: it is text, it stays in its place, and nothing of it runs. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildClient } from '../../src/cli/client.ts';
import type { Finding } from '../../src/core/records.ts';
import { EXAMPLE_NOTE, FINDING_NOTE } from '../../src/loop/people.ts';
import { storePath } from '../../src/loop/run.ts';
import type { Scorecard } from '../../src/metrics/scorecard.ts';
import { CAMPAIGN_NOTE } from '../../src/server/routes/campaigns.ts';
import { SESSION_NOTE, TURN_NOTE } from '../../src/server/by-hand.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { HOSTILE, JUDGE, makeWebStore, type WebStore } from '../web-store.ts';
import { type App, BROWSER, openApp, visit } from './browser.ts';

/** All of them in one, the long one cut. */
const ALL = HOSTILE.map((text) => text.slice(0, 300)).join(' ');
const hostileAt = (i: number): string => HOSTILE[i % HOSTILE.length]!;

const CREATED = '2026-03-01T00:00:00.000Z';

/** Everything beside conversations that people, runs and imports write. */
async function poison(store: WebStore): Promise<void> {
  await using records = openSqlite(storePath(store.config));
  const run = (await records.run(store.run))!;
  const card = run.scorecard as Scorecard;
  const about = { ...card.about, target: ALL, adapter: ALL, simulator: ALL, suite: ALL, notes: [...HOSTILE] };
  await records.saveRun({
    ...run,
    scorecard: { ...card, about: { ...about, judge: `${JUDGE}: ${ALL}` } },
    adapter: join(store.config.directory, 'adapters', ALL.replaceAll('/', ' ')),
  });
  const findings: Finding[] = await Array.fromAsync(records.findings());
  await records.changeFindings(
    new Map(
      findings.map(({ id }, i) => [
        id,
        {
          status: 'confirmed' as const,
          cluster: hostileAt(i).slice(0, 400),
          note: hostileAt(i + 1),
          changed: CREATED,
        },
      ]),
    ),
  );
  const note = (kind: string, subject: string, record: unknown, author = ALL.slice(0, 80)) =>
    records.saveNote({ kind, subject, author, created: CREATED, record });
  for (const [i, { id }] of findings.entries())
    await note(FINDING_NOTE, id, { status: 'confirmed', reason: hostileAt(i), byHand: true });
  const { dataset } = (await records.stage(store.run, 'curate')) as { dataset: string };
  const { examples } = (await records.dataset(dataset))!;
  for (const [i, { id }] of examples.entries())
    await note(EXAMPLE_NOTE, id, {
      decision: 'edit',
      chosen: hostileAt(i),
      rejected: hostileAt(i + 3),
      reason: ALL,
    });
  await note(CAMPAIGN_NOTE, 'campaign', { title: ALL, goal: ALL, categories: [] });
  for (const [i, text] of HOSTILE.entries()) {
    await note(SESSION_NOTE, `session${i}`, {
      title: text,
      goal: text,
      category: 'fraud',
      system: text,
      campaign: 'campaign',
    });
    const judgement = { status: 'scored', severity: 0, rationale: text };
    await note(TURN_NOTE, `session${i}`, {
      parent: null,
      plain: text,
      request: `${text} `,
      attacks: [],
      strategy: text.slice(0, 80),
      seed: 1,
      replies: {
        base: {
          text,
          finish: 'stop',
          tokens: 1,
          target: 't',
          judge: JUDGE,
          error: text,
          verdicts: [{ metric: 'severity', judgement }],
        },
      },
    });
  }
}

/** Elements that the app itself makes. */
const OWN =
  'a article aside b blockquote br button caption code dd details dialog div dl dt em fieldset figcaption figure footer form h1 h2 h3 header i input kbd label legend li main mark nav ol optgroup option p path pre progress section select small span strong style summary svg table tbody td textarea th thead time tr ul circle clippath defs g line rect text title tspan';

declare const window: { innerWidth: number };
declare const document: {
  title: string;
  documentElement: { scrollWidth: number };
  querySelectorAll(selector: string): Iterable<{
    tagName: string;
    attributes: Iterable<{ name: string; value: string }>;
  }>;
  querySelector(selector: string): { innerText: string };
};

/** What is in the page that no page of ours has. */
const foreign = (page: Page): Promise<string[]> =>
  page.evaluate((own) => {
    const known = new Set(own.split(' '));
    const found: string[] = [];
    for (const { tagName, attributes } of document.querySelectorAll('#root *')) {
      if (!known.has(tagName.toLowerCase()) && tagName !== 'IMG') found.push(tagName);
      for (const { name, value } of attributes) {
        if (name.startsWith('on')) found.push(`${tagName} ${name}`);
        if (['href', 'src', 'action'].includes(name) && !/^(\/|#|data:image\/svg)/.test(value))
          found.push(`${tagName} ${name}=${value.slice(0, 80)}`);
      }
    }
    return found;
  }, OWN);

const PAGES = [
  'runs',
  'scorecard',
  'compare',
  'findings',
  'findings?view=board',
  'data',
  'console',
  'console?campaign=campaign',
  'training',
  'labels',
  'settings',
  // Markup, an image's script, direction, a megabyte.
  ...[0, 1, 4, 6].map((i) => `console?session=session${i}`),
];

describe.skipIf(BROWSER === undefined)('hostile text', { timeout: 240_000 }, () => {
  let app: App;
  let store: WebStore;
  let page: Page;

  beforeAll(async () => {
    await buildClient(() => {});
    const directory = mkdtempSync(join(tmpdir(), 'temper-hostile-'));
    store = makeWebStore(join(directory, 'store'), { cases: 100 });
    await poison(store);
    app = await openApp(store.config);
    page = await app.open();
    page.setDefaultTimeout(60_000);
    await visit(page, app, '/labels');
    await page.fill('input[type="number"]', '20');
    await page.getByRole('button', { name: 'Draw' }).click();
    await page.getByText('Answer 1 of 20').waitFor();
    // All texts are shown from here on.
    await page.locator('h1').click();
    await page.keyboard.press('b');
  }, 240_000);
  afterAll(() => app[Symbol.asyncDispose]());

  const inert = async (name: string): Promise<void> => {
    expect(await foreign(page), name).toEqual([]);
    expect(await page.title(), name).toMatch(/ · temper$/);
    const shown = await page.evaluate(() => document.querySelector('main').innerText);
    // oxlint-disable-next-line no-control-regex
    expect(shown, name).not.toMatch(/[\u0000-\u0008\u000E-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/);
    expect(shown.length, name).toBeLessThan(400_000);
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wide, `${name} at ${width}`).toBeLessThanOrEqual(0);
    }
    expect(app.complaints, name).toEqual([]);
  };

  test.each(PAGES)('%s', async (name) => {
    await visit(page, app, `/${name}`);
    await inert(name);
  });

  test('a finding, its clusters and its conversation', async () => {
    await visit(page, app, '/findings');
    for (let i = 0; i < 4; i++) {
      await page.keyboard.press('j');
      await page.waitForSelector('.detail .turn');
      await inert(`finding ${i}`);
    }
    await page.keyboard.press('Escape');
    await page.locator('section[aria-label="Clusters"] button').first().click();
    await page.getByText('that nobody has looked at').or(page.getByText('nothing is left in it')).waitFor();
    await inert('a cluster');
  });

  test('an example that is edited', async () => {
    await visit(page, app, '/data');
    await page.locator('article').first().getByRole('button', { name: 'Edit' }).click();
    await inert('an example');
  });

  test('the texts were there', async () => {
    for (const name of ['data', 'console?campaign=campaign', 'findings', 'scorecard', 'training']) {
      await visit(page, app, `/${name}`);
      const html = await page.content();
      expect(html, name).toMatch(/&lt;(script|\/script|svg)/);
    }
  });
});
