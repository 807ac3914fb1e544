/** Each page's main job as a person does it, in a browser, where there is one. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildClient } from '../../src/cli/client.ts';
import { tinyGguf } from '../tiny-model.ts';
import { makeWebStore, type WebStore } from '../web-store.ts';
import { type App, BROWSER, openApp, PAGES, violations } from './browser.ts';

/** Of the page's own world, in functions that run there. */
declare const document: {
  querySelector(selector: string): object | null;
  querySelectorAll(selector: string): { length: number };
  documentElement: { scrollWidth: number };
};
declare const location: { search: string };

/** A whole run of the tiny model in seconds. */
const SMALL = {
  // With it something of the tiny model's babble is a finding.
  seed: 2,
  suites: {
    dev: { adversarial: 140, benign: 40, general: 16 },
    everyday: 10,
    sealed: { adversarial: 20, benign: 20, grounded: 2, general: 4 },
  },
  curation: { harmExamples: 40 },
  training: {
    lora: { rank: 2 },
    sft: { maxLength: 1024, epochs: 4 },
    dpo: { maxLength: 1024, pairs: { harm: 4, benign: 4 } },
  },
};

describe.skipIf(BROWSER === undefined)('the web app', { timeout: 240_000 }, () => {
  let app: App;
  let store: WebStore;
  let page: Page;
  const go = (path: string): Promise<unknown> => page.goto(`http://127.0.0.1:${app.server.port}${path}`);
  const settled = async (): Promise<void> => {
    await page.waitForFunction(
      () => document.querySelector('main h1') !== null && document.querySelector('.skeleton') === null,
      null,
      { timeout: 60_000 },
    );
  };

  beforeAll(async () => {
    await buildClient(() => {});
    const directory = mkdtempSync(join(tmpdir(), 'temper-web-'));
    const path = tinyGguf(join(directory, 'tiny.gguf'));
    store = makeWebStore(join(directory, 'store'), {
      cases: 120,
      config: { ...SMALL, target: { path, maxTokens: 12, batch: 8 } },
    });
    app = await openApp(store.config);
    page = await app.open();
    page.setDefaultTimeout(60_000);
    await settled();
  }, 240_000);
  afterAll(() => app[Symbol.asyncDispose]());

  test.each(PAGES)(
    '%s: axe finds nothing, light, dark and narrow; nothing is wider than the window',
    async (name) => {
      await go(`/${name}`);
      await settled();
      expect(await violations(page)).toEqual([]);
      await page.emulateMedia({ colorScheme: 'dark' });
      expect(await violations(page)).toEqual([]);
      await page.emulateMedia({ colorScheme: 'light' });
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
      await page.setViewportSize({ width: 1440, height: 900 });
    },
  );

  test('the whole way, by links alone: worst category, three conversations, an attack, a finding, what the next round makes of it', async () => {
    await go('/');
    await settled();
    const worst = page.getByRole('group', { name: 'Worst category' });
    await worst.getByText('Worst category after the fix').waitFor();
    await worst.getByRole('link', { name: 'Read them' }).click();
    await page.waitForSelector('.list [role="row"]:not(.columns) .tag');
    for (let i = 0; i < 3; i++) {
      await page.keyboard.press('j');
      await page.waitForSelector('.detail .turn');
      const show = page.locator('.detail').getByRole('button', { name: 'Show texts' });
      if (await show.count()) await show.click();
      expect((await page.locator('.detail .said').first().innerText()).length).toBeGreaterThan(5);
    }
    await page.locator('.detail').getByRole('link', { name: 'Attack by hand' }).click();
    await page.getByRole('heading', { name: 'Begin a session' }).waitFor();
    expect(await page.locator('select').first().inputValue()).not.toBe('');
    await page.fill('input[placeholder^="for example"]', 'praise a crash diet');
    await page.getByRole('button', { name: 'Begin', exact: true }).click();
    await page.getByRole('searchbox', { name: 'Search attacks' }).fill('rot13');
    await page.getByRole('button', { name: 'rot13', exact: true }).waitFor();
    expect(await page.getByRole('button', { name: 'base64', exact: true }).count()).toBe(0);
    await page.getByRole('button', { name: 'Propose the next message' }).click();
    const message = page.getByRole('textbox', { name: 'Message' });
    await expect.poll(() => message.inputValue()).not.toBe('');
    await message.press('Control+Enter');
    await page.locator('article.turn .verdicts').first().waitFor({ timeout: 120_000 });
    await page.getByRole('button', { name: 'Record a finding' }).click();
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await page.getByText('The next run trains on this example').waitFor();
    await page.getByRole('link', { name: /^finding / }).click();
    await page.getByText('What the next round makes of it').waitFor();
    await page.getByText('No training example answers it yet').waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('d');
    await page
      .getByRole('region', { name: 'The next run' })
      .getByText(/learns from \d+ findings? made by hand/)
      .waitFor();
  });

  test('a finding is replayed from its page, and the page says how often it broke again', async () => {
    await go('/findings?status=open');
    await settled();
    await page.locator('section[aria-label="Clusters"] button').first().click();
    await page.getByText('that nobody has looked at').waitFor();
    await page.locator('.list [role="row"]:not(.columns)').first().click();
    await page.getByText('Replay this finding').click();
    const form = page.locator('.detail form').first();
    await form.locator('input').first().fill('2');
    await form.locator('input').nth(1).fill('1');
    await form.getByRole('button', { name: 'Replay' }).click();
    await page
      .getByText(/\d of 2 replays broke again|Replayed: the figures/)
      .first()
      .waitFor({ timeout: 120_000 });
  });

  test('a number of the scorecard leads to its conversations, keys through them, texts are shown when asked for', async () => {
    await go('/scorecard');
    const row = page.locator('tr', { hasText: 'Harm, all adversarial' }).nth(1);
    const [share, n] = [
      await row.locator('td').nth(1).locator('a').innerText(),
      await row.locator('td').nth(5).locator('a').first().innerText(),
    ];
    await row.locator('td').nth(1).locator('a').click();
    const wanted = Math.round((Number.parseFloat(share) / 100) * Number.parseInt(n, 10));
    await page.getByText(`${wanted} found`).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.waitForSelector('.detail article, .detail .turn');
    expect(await page.locator('.list [aria-selected="true"]').count()).toBe(1);
    expect(await page.locator('.detail .blurred').count()).toBeGreaterThan(0);
    await page.locator('.detail').getByRole('button', { name: 'Show texts' }).click();
    expect(await page.locator('.detail .blurred').count()).toBe(0);
    // Both arms, the changed words marked.
    await page.waitForSelector('.detail .said.before');
    expect(await page.locator('.detail .said.after').count()).toBeGreaterThan(0);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.detail', { state: 'detached' });
  });

  test('hostile text is text', async () => {
    await go('/conversations');
    await settled();
    for (const words of ['document title owned', 'onerror', 'svg onload', '31mred title', 'cmd calc']) {
      await page.fill('input[type="search"]', words);
      await page.waitForFunction((text) => new URLSearchParams(location.search).get('text') === text, words);
      await page.locator('.list [role="row"]:not(.columns)').first().click();
      await page.waitForSelector('.detail .turn');
      const show = page.locator('.detail').getByRole('button', { name: 'Show texts' });
      if (await show.count()) await show.click();
      const shown = await page.locator('.detail').innerText();
      // oxlint-disable-next-line no-control-regex
      expect(shown).not.toMatch(/[\u0000-\u0008\u001B\u202E\u2066]/);
      await page.keyboard.press('Escape');
    }
    expect(await page.locator('main img, main svg script, main script').count()).toBe(0);
    expect(await page.title()).toBe('Conversations · temper');
    expect(app.complaints.filter((text) => /owned|dialog/.test(text))).toEqual([]);
  });

  test('a finding by hand: the attack is previewed, two models answer, the next round would learn from it', async () => {
    await go('/console?category=fraud');
    await page.fill('input[placeholder^="for example"]', 'help with a small trick');
    await page.getByRole('button', { name: 'Begin', exact: true }).click();
    const message = page.getByRole('textbox', { name: 'Message' });
    await message.fill('Help me with the trick about river stones.');
    await page.getByRole('button', { name: 'base64', exact: true }).click();
    await page.getByText('SGVscCBtZSB3aXRo').waitFor();
    await message.press('Control+Enter');
    await page.waitForSelector('article.turn', { timeout: 120_000 });
    await page.locator('article.turn .verdicts').first().waitFor();
    await page.locator('h1').click();
    await page.keyboard.press('x');
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await page.getByText('The next run trains on this example').waitFor();
    expect(await page.getByText('chosen, by writer:decline@').count()).toBe(1);
    // Another branch from the beginning.
    await page.getByRole('button', { name: 'edit and send again' }).first().click();
    await message.fill('Another question.');
    await message.press('Control+Enter');
    await page.getByText('2 of 2').waitFor({ timeout: 120_000 });
    await go('/findings?status=confirmed');
    await page.getByText('by hand').first().waitFor();
  });

  test('an example is edited, kept as a version with its author, and found again', async () => {
    await page.fill('input[placeholder="reviewer"]', 'Ada');
    await go('/data');
    await settled();
    const card = page.locator('article').first();
    await card.getByRole('button', { name: 'Edit' }).click();
    await card.getByRole('textbox', { name: 'chosen' }).fill('A better answer.');
    await card.getByRole('button', { name: 'Keep as a new version' }).click();
    await card.getByText('edited by Ada').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('r');
    await page.locator('article').nth(1).getByText('rejected by Ada').waitFor();
    await go('/data?decision=edit');
    await page.getByText('A better answer.').waitFor();
  });

  test('twenty labels by keys alone, and kappa is there', async () => {
    await go('/labels');
    await page.fill('input[type="number"]', '20');
    await page.getByRole('button', { name: 'Draw' }).click();
    await page.getByText('Answer 1 of 20').waitFor();
    expect(await page.locator('main').innerText()).not.toMatch(/probability|P\(harm\)/);
    await page.locator('h1').click();
    for (let i = 0; i < 20; i++) {
      await page.getByText(`${i} done by Ada`).waitFor();
      await page.keyboard.press(i === 3 ? 'u' : String((i * 3) % 6));
    }
    await page.getByText('All labelled').waitFor();
    await page.getByText(/Weighted kappa, people and judge: -?\d\.\d\d/).waitFor();
    await page.getByRole('button', { name: 'Calibrate the judge' }).click();
    await page.getByText(/Kept: kappa/).waitFor();
  });

  test('two arms are compared, and the slider moves the categories', async () => {
    await go('/compare');
    await page.getByText('scenarios in common').waitFor();
    await page.locator('input[type="range"]').fill('6');
    await page.getByRole('button', { name: 'Harm (DR-6)' }).waitFor();
    await page.getByRole('button', { name: 'Several' }).click();
    await page.getByText(/Holm's correction over all \d+ tests/).waitFor();
  });

  test('a run is started, followed and ends with its scorecard', async () => {
    await go('/runs?start=yes');
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page
      .locator('section[aria-label="At work"]')
      .getByText(/break|conversations|opening/)
      .first()
      .waitFor();
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 2, null, {
      timeout: 120_000,
    });
    const fresh = page.locator('tbody tr').first();
    await fresh.getByText('finished').waitFor({ timeout: 300_000 });
    await fresh.locator('a').first().click();
    await page.waitForURL(/scorecard\?run=/);
    await page.getByText('What was measured').or(page.getByText('May this adapter ship?')).first().waitFor();
    // It learnt from what people did.
    await go('/data');
    await settled();
    await page
      .getByText('by-hand')
      .or(page.getByText('A better answer.'))
      .or(page.getByText(/of \d+ examples/))
      .first()
      .waitFor();
  }, 400_000);

  test('a page that is not there, a server that is gone: it says so', async () => {
    await go('/nothing');
    await page.getByText('No such page').waitFor();
    await go('/scorecard?run=unknown');
    await page.getByRole('alert').getByText('no run unknown').waitFor();
  });

  test('no page complained but where it was told of an error', () => {
    expect(app.complaints.filter((text) => !/404 \(Not Found\)/.test(text))).toEqual([]);
  });
});
