/** What pages come to while a person works with them: each state is sound in both themes and on a narrow screen, and says what comes next. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildClient } from '../../src/cli/client.ts';
import { configSchema } from '../../src/config/config.ts';
import { noteMeasured } from '../../src/loop/measured.ts';
import { storePath } from '../../src/loop/run.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { JUDGE, makeWebStore, type WebStore } from '../web-store.ts';
import { type App, BROWSER, openApp, PAGES, violations, visit } from './browser.ts';

declare const document: {
  documentElement: { scrollWidth: number };
  querySelector(selector: string): object | null;
  querySelectorAll(selector: string): Iterable<{ scrollWidth: number; clientWidth: number }>;
};
declare const getComputedStyle: (of: object) => { getPropertyValue(name: string): string };
declare const window: { scrollY: number };

const ADAPTER = 'dpoid-20-x1.25';

/** At both widths and in both themes axe finds nothing, and nothing is wider than the window. */
async function sound(page: Page): Promise<void> {
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 844 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page), `${page.url()} ${width} ${colorScheme}`).toEqual([]);
    }
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1440, height: 900 });
}

const reply = (severity: number) => ({
  text: 'An answer about the river and the stone.',
  finish: 'length',
  tokens: 12,
  target: 't'.repeat(20),
  judge: 'j',
  verdicts: [
    { metric: 'severity', judgement: { status: 'scored', severity, probability: 0.8, rationale: 'P(harm)' } },
    {
      metric: 'refusal',
      judgement: { status: 'scored', refusal: 'none', degenerate: true, rationale: 'loop' },
    },
  ],
});

describe.skipIf(BROWSER === undefined)('states of the pages', { timeout: 240_000 }, () => {
  let app: App;
  let store: WebStore;
  let page: Page;
  const go = (path: string): Promise<void> => visit(page, app, path);

  beforeAll(async () => {
    await buildClient(() => {});
    const directory = mkdtempSync(join(tmpdir(), 'temper-states-'));
    store = makeWebStore(join(directory, 'store'), { cases: 140, config: { target: { model: 'openai:x' } } });
    const adapter = join(store.config.directory, 'adapters', ADAPTER);
    mkdirSync(adapter);
    writeFileSync(join(adapter, 'adapter_config.json'), '{}');
    await using records = openSqlite(storePath(store.config));
    const about = { subject: 'session0', author: 'Ada', created: '2026-02-01T00:00:00.000Z' };
    const session = { title: 'Small print', goal: 'promise too much', category: 'fraud' };
    await records.saveNote({ ...about, kind: 'console-session', record: session });
    const turn = { plain: 'p', request: 'p', attacks: [], seed: 1, parent: null };
    for (const words of ['one', 'two'])
      await records.saveNote({
        ...about,
        kind: 'console-turn',
        record: {
          ...turn,
          plain: words,
          request: `Play a part: ${words}`,
          replies: { base: reply(4), [ADAPTER]: reply(0) },
        },
      });
    app = await openApp(store.config);
    page = await app.open();
    page.setDefaultTimeout(60_000);
  }, 240_000);
  afterAll(() => app[Symbol.asyncDispose]());

  test('a transcript says in which of its turns the harm is, and goes there', async () => {
    await go(`/conversations?run=${store.run}&arm=verify%3A+before&outcome=harmful&turns=3`);
    await page.getByRole('button', { name: 'arm: before ✕' }).waitFor();
    await page.keyboard.press('j');
    const to = page.getByRole('button', { name: /^Harmful in turn [123], severity [3-7]$/ });
    await to.waitFor();
    const place = Number(/turn (\d)/.exec(await to.innerText())![1]);
    await to.click();
    const turn = page.locator('.detail .turn').nth(place - 1);
    expect(await turn.locator('.verdicts .bad').count()).toBeGreaterThan(0);
    const top = (await page.locator('.detail').boundingBox())!.y;
    await expect.poll(async () => (await turn.boundingBox())!.y).toBeLessThan(top + 700);
    await sound(page);
    await page.locator('.detail').getByRole('button', { name: 'Show texts' }).click();
    await page.getByText('Where it comes from').click();
    await sound(page);
  });

  test('a session of the console: branches, verdicts, all attacks, the form of a finding', async () => {
    await go(`/console?session=session0&run=${store.run}`);
    await page.getByText('2 of 2').waitFor();
    const asked = page.getByRole('group', { name: 'ask' });
    expect(await asked.locator('input:checked').count()).toBe(2);
    await page.getByText('(cut at its limit)').first().waitFor();
    expect(await page.locator('.verdicts').first().innerText()).not.toMatch(/degenerate/);
    const attacks = page.getByRole('group', { name: 'Written another way' });
    const few = await attacks.getByRole('button').count();
    await attacks.getByRole('button', { name: /^\d+ more$/ }).click();
    expect(await attacks.getByRole('button').count()).toBeGreaterThan(few + 10);
    await sound(page);
    const record = page.getByRole('button', { name: /^Record a finding/ });
    const message = page.getByRole('textbox', { name: 'Message' });
    await message.focus();
    expect(await record.innerText()).toMatch(/Esc\s*x$/);
    await page.keyboard.press('Escape');
    expect(await record.innerText()).toMatch(/finding\s*x$/);
    await page.keyboard.press('x');
    await page.getByRole('button', { name: 'Record', exact: true }).waitFor();
    await sound(page);
  });

  test('what could not be asked stays to be sent again', async () => {
    await go('/console?session=session0');
    const message = page.getByRole('textbox', { name: 'Message' });
    await message.fill('Say it again.');
    await message.press('Control+Enter');
    await page.getByRole('alert').waitFor();
    expect(await message.inputValue()).toBe('Say it again.');
  });

  test('a session without a goal asks for one before it proposes anything', async () => {
    await go('/console?category=fraud');
    await page.getByRole('button', { name: 'Begin', exact: true }).click();
    const propose = page.getByRole('button', { name: 'Propose the next message' });
    const goal = page.getByRole('form', { name: 'Goal' });
    await goal.waitFor();
    expect(await propose.isDisabled()).toBe(true);
    await sound(page);
    await goal.getByLabel(/^goal/).fill('promise what it must not');
    await goal.getByRole('button', { name: 'Set the goal' }).click();
    await goal.waitFor({ state: 'detached' });
    expect(await propose.isDisabled()).toBe(false);
    await page.getByText('fraud: promise what it must not').waitFor();
  });

  test('the map of what was tried is legible on a narrow screen', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await go('/console');
    const name = page.locator('.coverage tbody th').first();
    await name.waitFor();
    expect((await name.boundingBox())!.width).toBeGreaterThan(100);
    await page.setViewportSize({ width: 1440, height: 900 });
  });

  test('a link to another page leads to its top', async () => {
    await go('/scorecard');
    await page.evaluate('window.scrollTo(0, 1500)');
    await page.locator('.bars a').last().click();
    await page.getByRole('heading', { name: 'Conversations' }).waitFor();
    expect(await page.evaluate(() => window.scrollY)).toBe(0);
  });

  test('several arms: each paired with the first, p as it is and after Holm; the slider moves them', async () => {
    await go('/compare');
    await page.getByRole('button', { name: 'Several' }).click();
    const table = page.getByRole('region', { name: 'Figures side by side' });
    const row = table.locator('tbody tr', { hasText: 'Harm, all adversarial DR-3' });
    await row.getByText(/p .+, Holm .+/).waitFor();
    // The harm of the fixed arm is far lower, and stays so after the correction.
    expect(await row.locator('td').nth(2).innerText()).toMatch(/[+-]\d+\.\d \[[^\]]+\]\*\*\*/);
    await page.locator('input[type="range"]').fill('6');
    // Four rows and all adversarial; the curves' figures and the categories with them.
    await expect.poll(() => table.locator('tbody tr', { hasText: 'DR-6' }).count()).toBe(5);
    await page.locator('.legend li').nth(1).getByText(/DR-6/).waitFor();
    const categories = page.locator('section[aria-label="By category, side by side"]');
    await categories.getByRole('button', { name: 'Harm (DR-6)' }).waitFor();
    await categories.getByRole('button', { name: 'Over-refusal' }).click();
    expect(await categories.locator('tbody a').count()).toBeGreaterThan(20);
    await sound(page);
    await page.getByRole('button', { name: 'as in Table 1' }).click();
    await table.locator('tbody tr', { hasText: 'Jailbreak DR-1' }).waitFor();
  });

  test('a family: each model before and after, and whether they improved alike', async () => {
    const still = 'd'.repeat(20);
    await using records = openSqlite(storePath(store.config));
    const arms = await records.arms(store.run);
    const run = (await records.run(store.run))!;
    await records.saveRun({ ...run, id: still, created: '2025-12-01T10:00:00.000Z' });
    for (const arm of ['verify: before', 'verify: after'])
      await records.saveArm(still, arm, arms.get('verify: before')!);
    await go('/compare?view=family');
    const harm = page.getByRole('region', { name: 'Harm, all adversarial (DR-3)' });
    await harm
      .getByText(/Q \d+\.\d\d, df 1, p/)
      .first()
      .waitFor();
    expect(await harm.locator('tbody tr').count()).toBe(2);
    expect(await page.locator('.legend li').count()).toBe(4);
    await sound(page);
  });

  test('the worst category is named where no harm is left after the fix: that of before', async () => {
    const clean = 'c'.repeat(20);
    await using records = openSqlite(storePath(store.config));
    const arms = await records.arms(store.run);
    const harmless = async (id: string): Promise<boolean> =>
      (await records.verdicts(id, JUDGE)).every(
        (verdict) => verdict.status !== 'scored' || (verdict.severity ?? 0) < 3,
      );
    const after: string[] = [];
    for (const id of arms.get('verify: after')!) if (await harmless(id)) after.push(id);
    const run = (await records.run(store.run))!;
    await records.saveRun({ ...run, id: clean, created: '2025-11-01T10:00:00.000Z' });
    await records.saveArm(clean, 'verify: before', arms.get('verify: before')!);
    await records.saveArm(clean, 'verify: after', after);
    await go('/scorecard');
    const worst = page.getByRole('group', { name: 'Worst category' });
    await worst.getByText(/^Worst category after the fix/).waitFor();
    await go(`/scorecard?run=${clean}`);
    await worst.getByText(/^No harm was found after the fix. Worst category before it/).waitFor();
    await sound(page);
    await worst.getByRole('link', { name: 'Read them' }).click();
    await page.getByRole('button', { name: 'arm: before ✕' }).waitFor();
    await page.waitForSelector('.list [role="row"]:not(.columns) .tag.harmful');
  });

  test('arms that share no scenario are not paired: each stands by itself, one click away', async () => {
    await using records = openSqlite(storePath(store.config));
    const [some, rest] = [[], []] as [string[], string[]];
    for (const [i, id] of (await records.arms(store.run)).get('verify: before')!.entries())
      (i % 2 === 0 ? some : rest).push(id);
    for (const [name, ids] of [
      ['/models/some.gguf', some],
      ['/models/rest.gguf', rest],
    ] as const) {
      const judged = [];
      for (const id of ids) judged.push({ ...(await records.conversation(id))!, verdicts: [] });
      const about = {
        target: name,
        simulator: 's',
        judge: 'j',
        suite: 'x@1, y@1, z@1',
        created: '2026-02-01',
      };
      await noteMeasured(records, { name, about, judged });
    }
    await go('/compare');
    const label = (name: string): string => `${name}.gguf, x@1 and 2 more (2026-02-01)`;
    await page.getByLabel('first').selectOption({ label: label('some') });
    await page.getByLabel('second').selectOption({ label: label('rest') });
    await page.getByText(`${label('some')} and ${label('rest')} have no scenario in common`).waitFor();
    await sound(page);
    await page.getByRole('link', { name: 'Side by side, each over its own' }).click();
    const table = page.getByRole('region', { name: 'Figures side by side' });
    await table.getByRole('columnheader', { name: label('rest') }).waitFor();
    // The names of the lines stay words, however wide the columns are.
    expect((await table.locator('tbody td').first().boundingBox())!.width).toBeGreaterThan(115);
    await sound(page);
    // The browser tells of the pair that the server refused, and of nothing else.
    const told = app.complaints.splice(0);
    expect(told.length).toBeGreaterThan(0);
    expect(told.filter((text) => !/404 \(Not Found\)/.test(text))).toEqual([]);
  });

  test('the scorecard on paper: a few pages, its table a table, bars and colours with it, the notes open', async () => {
    await go('/scorecard');
    const pdf = (await page.pdf({ format: 'A4' })).toString('latin1');
    expect(pdf.match(/\/Type\s*\/Page\b/g)!.length).toBeLessThanOrEqual(6);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await page.setViewportSize({ width: 794, height: 1123 });
    const style = (selector: string, name: string): Promise<string> =>
      page.evaluate(
        ([of, property]) =>
          getComputedStyle(document.querySelector(of as string)!).getPropertyValue(property as string),
        [selector, name],
      );
    expect(await page.getByRole('columnheader', { name: 'paired difference' }).isVisible()).toBe(true);
    expect(await style('.plot i', 'print-color-adjust')).toBe('exact');
    expect(await style('main', 'color')).toMatch(/rgb\((\d|[1-5]\d),/);
    expect(await page.getByText('Each rate has its 95 % interval').isVisible()).toBe(true);
    expect(await page.locator('.side').isVisible()).toBe(false);
    const wide = await page.evaluate(
      () =>
        [...document.querySelectorAll('.scroll')].filter((box) => box.scrollWidth > box.clientWidth + 1)
          .length,
    );
    expect(wide).toBe(0);
    await page.emulateMedia({ media: 'screen', colorScheme: 'light' });
    await page.setViewportSize({ width: 1440, height: 900 });
  });

  test.each([
    ['/runs?start=yes', 'form'],
    ['/data', 'section[aria-label="The next run"]'],
    ['/nowhere', 'h1'],
    ['/scorecard?bars=refusal&x=5', '.bars'],
    ['/conversations?text=nothing+has+these+words', '.empty'],
  ])('%s', async (path, selector) => {
    await go(path);
    await page.locator(selector).first().waitFor();
    await sound(page);
  });

  test('an example being edited, a finding with its evidence, the list of keys, the menu of a narrow screen', async () => {
    await go('/data');
    await page.locator('article').first().getByRole('button', { name: 'Edit' }).click();
    await page.locator('article').first().getByRole('textbox', { name: 'chosen' }).waitFor();
    await sound(page);
    await go('/findings');
    await page.locator('.list [role="row"]:not(.columns)').first().click();
    await page.locator('.detail .turn').first().waitFor();
    await page.getByText('Replay this finding').click();
    await page.getByText('What the next round makes of it').click();
    await page.locator('.detail .note').first().waitFor();
    await sound(page);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await sound(page);
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: 390, height: 844 });
    await page.locator('.menu').click();
    await page.getByRole('link', { name: 'Settings, help' }).waitFor();
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 1440, height: 900 });
  });

  test('labelling, by keys alone from the page to the first label', async () => {
    await go('/labels');
    await page.fill('input[type="number"]', '12');
    await page.getByRole('button', { name: 'Draw' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('Answer 1 of 12').waitFor();
    await sound(page);
    // An example of each place of the scale, beside its anchor.
    const example = page.locator('.scaleway .example');
    expect(await example.count()).toBe(0);
    await page.keyboard.press('e');
    expect(await example.count()).toBe(8);
    await sound(page);
    await page.keyboard.press('e');
    expect(await example.count()).toBe(0);
    // Read by keys as well: what is blurred cannot be labelled.
    expect(await page.locator('main .text.blurred').count()).toBeGreaterThan(0);
    await page.keyboard.press('b');
    await expect.poll(() => page.locator('main .text.blurred').count()).toBe(0);
    await page.keyboard.press('0');
    await page
      .getByText(/^1 done/)
      .first()
      .waitFor();
  });

  test('a store of which nothing is known yet', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'temper-empty-'));
    await using empty = await openApp(configSchema.parse({ directory: join(directory, 'store') }));
    const first = await empty.open();
    for (const name of PAGES.filter((page) => page !== 'settings')) {
      await visit(first, empty, `/${name}`);
      await sound(first);
    }
    expect(empty.complaints).toEqual([]);
  });

  test('no page complained', () => expect(app.complaints).toEqual([]));
});
