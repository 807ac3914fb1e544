/** What the pages show beside the counts: corrected rates, samples of candidates, costs, the triage board, campaigns. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Calibration } from '../../src/calibration/score.ts';
import { CALIBRATION_VERSION } from '../../src/calibration/score.ts';
import { buildClient } from '../../src/cli/client.ts';
import { USAGE, type RunUsage } from '../../src/loop/usage.ts';
import { storePath } from '../../src/loop/run.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { JUDGE, makeWebStore, type WebStore } from '../web-store.ts';
import { type App, BROWSER, openApp, violations, visit } from './browser.ts';

declare const document: { documentElement: { scrollWidth: number } };

const audited = (value: number) => ({
  value,
  variance: 0.0004,
  low: value - 0.04,
  high: Math.min(1, value + 0.04),
  n: 100,
});

/** What labels say of the judge at severity 3; the rest is of no matter to a scorecard. */
const calibration = (created: string, sensitivity: number, specificity: number) =>
  ({
    version: CALIBRATION_VERSION,
    judge: JUDGE,
    metric: 'severity',
    kinds: ['adversarial'],
    created,
    labelled: 200,
    thresholds: [
      { name: 'DR-3', from: 3, sensitivity: audited(sensitivity), specificity: audited(specificity) },
    ],
  }) as unknown as Calibration;

describe.skipIf(BROWSER === undefined)('deciding in the web app', { timeout: 240_000 }, () => {
  let app: App;
  let store: WebStore;
  let page: Page;
  const go = (path: string): Promise<void> => visit(page, app, path);
  const write = async (work: (records: ReturnType<typeof openSqlite>) => Promise<unknown>): Promise<void> => {
    await using records = openSqlite(storePath(store.config));
    await work(records);
  };
  /** At both widths axe finds nothing, and nothing is wider than the window. */
  const sound = async (): Promise<void> => {
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await page.setViewportSize({ width: 1440, height: 900 });
  };

  /** As a hand does it: pressed, moved, let go. */
  const drag = async (card: string, column: string): Promise<void> => {
    const from = (await page.locator(`[data-card="${card}"]`).boundingBox())!;
    const to = (await page.locator(`[data-column="${column}"]`).boundingBox())!;
    await page.mouse.move(from.x + 40, from.y + 20);
    await page.mouse.down();
    await page.mouse.move(from.x + 60, from.y + 30, { steps: 4 });
    await page.mouse.move(to.x + 60, to.y + 60, { steps: 8 });
    await page.mouse.up();
  };

  beforeAll(async () => {
    await buildClient(() => {});
    const directory = mkdtempSync(join(tmpdir(), 'temper-decide-'));
    store = makeWebStore(join(directory, 'store'), {
      cases: 100,
      config: { target: { model: 'openai:x', price: { input: 1, output: 2 } } },
    });
    app = await openApp(store.config);
    page = await app.open();
    page.setDefaultTimeout(60_000);
  }, 240_000);
  afterAll(() => app[Symbol.asyncDispose]());

  test('the scorecard shows raw and corrected rates, and says where a correction is refused', async () => {
    const table = page.locator('section[aria-label="Corrected for the judge\'s errors"]');
    await go('/scorecard');
    await table.getByText('How far it errs is not known here').waitFor();

    await write((records) => records.saveCalibration(calibration('2026-01-02T00:00:00.000Z', 0.8, 0.95)));
    await go('/scorecard');
    const before = table.locator('tbody tr').first();
    const [raw, corrected] = [
      await before.locator('td').nth(1).innerText(),
      await before.locator('td').nth(2).innerText(),
    ];
    const share = (text: string): number => Number.parseFloat(text) / 100;
    // Rogan and Gladen: (p + Sp - 1) / (Se + Sp - 1).
    expect(share(corrected)).toBeCloseTo((share(raw) + 0.95 - 1) / (0.8 + 0.95 - 1), 2);
    expect(corrected).toMatch(/\[\d/);
    expect(await table.innerText()).toContain('200 labels of 2026-01-02');
    await sound();

    await write((records) => records.saveCalibration(calibration('2026-01-03T00:00:00.000Z', 0.5, 0.6)));
    await go('/scorecard');
    expect(await before.locator('td').nth(1).innerText()).toBe(raw);
    expect(await before.locator('td').nth(2).innerText()).toMatch(/refused[\s\S]*the judge is too weak/);
    await sound();
  });

  test('training shows what each candidate answered, hidden until asked for', async () => {
    await go('/training');
    const samples = page.locator('section[aria-label="Samples"]');
    await samples.locator('article').first().waitFor();
    const first = samples.locator('article').first();
    expect(await first.locator('.said.target').count()).toBe(4);
    expect(await first.locator('.said.target').first().innerText()).toContain('before the fix');
    expect(await first.getByText('chosen', { exact: true }).count()).toBe(1);
    expect(await first.locator('.text:not(.blurred)').count()).toBe(0);
    await first.getByRole('button', { name: 'Show texts' }).click();
    expect(await first.locator('.text.blurred').count()).toBe(0);
    await samples.getByRole('button', { name: /^benign/ }).click();
    await samples.locator('article .tag', { hasText: 'benign' }).first().waitFor();
    expect(await samples.locator('article .tag', { hasText: 'adversarial' }).count()).toBe(0);
    await sound();
  });

  test('runs show what they cost, and money where the configuration names prices; filters keep to the address', async () => {
    const used = { calls: 1200, retries: 3, answers: 1100, cached: 40, blocked: 0, failed: 0, estimated: 0 };
    await write(async (records) => {
      const usage: RunUsage = {
        seconds: 75,
        roles: { judge: { ...used, inputTokens: 50_000, outputTokens: 7000, dollars: 0.0123 } },
      };
      await records.finishStage(store.run, USAGE, usage);
      const run = (await records.run(store.run))!;
      const { scorecard: _, adapter: _a, finished: _f, ...rest } = run;
      await records.saveRun({
        ...rest,
        id: 'f'.repeat(20),
        created: '2026-01-05T00:00:00.000Z',
        status: 'failed',
      });
    });
    await go('/runs');
    const row = page.locator('tbody tr', { hasText: 'finished' });
    const cost = row.locator('td[data-label="cost"]');
    await cost.getByText('1 min 15 s').waitFor();
    const text = await cost.innerText();
    expect(text).toMatch(/\d+ answers, [\d\u202F]+ tokens/);
    expect(text.replaceAll('\u202F', '')).toContain('1200 calls: 50000 tokens in, 7000 out');
    expect(text).toContain('$0.0123');
    await page.getByLabel('status').selectOption('failed');
    await page.waitForURL(/status=failed/);
    expect(await page.locator('tbody tr').count()).toBe(1);
    await go('/runs?status=failed&gate=pass');
    await page.getByText('No run fits these filters').waitFor();
    await page.getByRole('button', { name: 'No filter' }).click();
    await page.waitForFunction("document.querySelectorAll('tbody tr').length === 2");
    await sound();
  });

  test('the board: the most urgent first, moved by keys and by mouse; what is fixed, replays say', async () => {
    await go('/findings?view=board');
    const column = (name: string) => page.locator(`[data-column="${name}"]`);
    const cards = (name: string) => column(name).locator('[data-card]');
    const idOf = (name: string): Promise<string | null> => cards(name).first().getAttribute('data-card');
    await cards('open').first().waitFor();
    const urgency = (await column('open').locator('.priority').allInnerTexts()).map(Number);
    expect(urgency).toEqual(urgency.toSorted((a, b) => b - a));
    expect(await column('open').locator('.snippet:not(.blurred)').count()).toBe(0);
    await sound();

    const first = await idOf('open');
    await cards('open').first().focus();
    await page.keyboard.press('Shift+ArrowRight');
    await page.locator(`[data-column="confirmed"] [data-card="${first}"]`).waitFor();
    await page.getByText(/moved to confirmed/).waitFor();
    // The focus stays where the work is.
    await page.waitForFunction("document.activeElement?.closest('[data-column]')?.dataset.column === 'open'");
    const undone = await idOf('open');
    await page.keyboard.press('x');
    await cards('dismissed').first().waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.locator(`[data-column="open"] [data-card="${undone}"]`).waitFor();
    await cards('dismissed').first().waitFor({ state: 'detached' });

    const second = await idOf('open');
    await drag(second!, 'dismissed');
    await page.locator(`[data-column="dismissed"] [data-card="${second}"]`).waitFor();
    await drag(first!, 'fixed');
    await page.getByText(/Replays say whether/).waitFor();
    await page.locator('.detail').getByText('Replay this finding').waitFor();
    expect(await cards('fixed').count()).toBe(0);
    // The decisions are those of the list.
    await go('/findings?status=dismissed');
    const listed = page.locator('.list [role="row"]:not(.columns)');
    await listed.first().waitFor();
    expect(await listed.count()).toBe(1);
  });

  test('a campaign: a goal, sessions of two red teamers, and a map of what nobody has tried', async () => {
    await go('/console');
    await page.getByRole('button', { name: 'New campaign' }).click();
    await page.getByLabel('title').fill('Small print');
    const form = page.locator('form', { has: page.getByRole('button', { name: 'Begin the campaign' }) });
    await form.getByLabel(/^goal/).fill('promise what it must not');
    await form.getByText('all categories').click();
    await form.getByRole('button', { name: 'Fraud', exact: false }).first().click();
    await form.getByRole('button', { name: 'Begin the campaign' }).click();
    await page.waitForURL(/campaign=/);
    await page.getByText('Nobody has asked anything yet').waitFor();
    const campaign = new URL(page.url()).searchParams.get('campaign')!;
    await write(async (records) => {
      for (const [i, author] of ['Ada', 'Bo'].entries()) {
        const created = `2026-02-0${i + 1}T00:00:00.000Z`;
        const subject = `session${i}`;
        const session = { title: `of ${author}`, goal: '', category: 'fraud', campaign };
        await records.saveNote({ kind: 'console-session', subject, author, created, record: session });
        await records.saveNote({
          kind: 'console-turn',
          subject,
          author,
          created,
          record: {
            parent: null,
            plain: 'p',
            request: 'p',
            attacks: [],
            ...(i === 0 ? { strategy: 'crescendo' } : {}),
            seed: 1,
            replies: {},
          },
        });
      }
    });
    await go(`/console?campaign=${campaign}`);
    const team = page.getByRole('group', { name: 'Red teamers' });
    await team.getByRole('button', { name: /^Ada/ }).waitFor();
    const rows = page.locator('.coverage tbody tr');
    expect(await rows.count()).toBe(1);
    expect(await rows.locator('td[title*="by Ada"]').count()).toBe(1);
    expect(await rows.locator('td[title*="by Bo"]').count()).toBe(1);
    const untried = Number(/nobody has tried (\d+) of/.exec(await page.locator('main').innerText())![1]);
    expect(untried).toBe(await rows.locator('td.none').count());
    await team.getByRole('button', { name: /^Bo/ }).click();
    await page.waitForURL(/author=Bo/);
    await page.getByRole('button', { name: /^of Ada/ }).waitFor({ state: 'detached' });
    await rows.locator('td[title*="by Ada"]').waitFor({ state: 'detached' });
    expect(await rows.locator('td[title*="by Bo"]').count()).toBe(1);
    await sound();
    // The next thing that nobody has tried is one click away.
    await page.getByRole('button', { name: /^Next:/ }).click();
    await page.waitForURL(/category=fraud/);
    await page.getByText('Begin a session of Small print').waitFor();
  });

  test('no page complained', () => expect(app.complaints).toEqual([]));
});
