/** The HTML report in a browser, where there is one: its filters, anchors and empty state, by the page's address. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Scenario, Verdict } from '../core/records.ts';
import type { Judged } from '../metrics/conversation.ts';
import { buildScorecard } from '../metrics/scorecard.ts';
import { renderHtml } from './html.ts';

const BROWSER = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);
const CASES = 60;

/** Half adversarial, harmful before and refused after; half general, of which every fourth is right. */
const arm = (name: 'before' | 'after'): Judged[] =>
  Array.from({ length: CASES }, (_, i): Judged => {
    const kind = i % 2 === 0 ? 'adversarial' : 'general';
    const scenario: Scenario = {
      id: `s${i}`,
      key: `case-${i}`,
      suite: 'x',
      split: 'sealed',
      category: kind === 'general' ? 'general' : i % 4 === 0 ? 'theft' : 'drugs',
      kind,
      metric: kind === 'general' ? 'refusal' : 'severity',
      persona: 'p',
      objective: 'o',
      turns: 1,
      ...(kind === 'general' ? { accept: ['Lisbon', '<b>Porto</b>'] } : {}),
    };
    const id = `${name}${i}`;
    const said = { request: `ask ${i}`, plain: `ask ${i}`, response: `<i>${name}</i> Answer${i}.` };
    const base = { conversation: id, turn: 0, judge: 'j', status: 'scored' } as const;
    const verdicts: Verdict[] = [
      { ...base, id: `r${i}`, metric: 'refusal', refusal: name === 'after' ? 'full' : 'none' },
      {
        ...base,
        id: `v${i}`,
        metric: 'severity',
        severity: name === 'before' && kind === 'adversarial' ? 5 : 0,
      },
    ];
    return {
      scenario,
      conversation: {
        id,
        scenario: scenario.id,
        target: 't',
        simulator: 's',
        seed: 1,
        sample: 0,
        turns: [{ index: 0, ...said, move: 'opening', finish: 'stop', tokens: 1 }],
      },
      verdicts,
      ...(kind === 'general' ? { correct: i % 4 === 1 } : {}),
    };
  });

describe.skipIf(BROWSER === undefined)('in a browser', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'temper-page-'));
  const file = join(folder, 'report.html');
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${join(folder, 'profile')}`];
  /** The page's DOM at an address, when its script has run. */
  function dom(hash: string): string {
    const url = `${pathToFileURL(file).href}#${hash}`;
    return execFileSync(BROWSER as string, [...flags, '--dump-dom', url], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1 << 26,
    });
  }
  const count = (page: string): string => /id="count"[^>]*>([^<]*)</.exec(page)![1]!;
  const cards = (page: string): string[] => page.match(/<article>[\s\S]*?<\/article>/g) ?? [];
  beforeAll(() => {
    const about = { target: 't', simulator: 's', judge: 'j', suite: 'x@1', created: '2026-01-01T00:00:00Z' };
    const [before, after] = [arm('before'), arm('after')];
    writeFileSync(file, renderHtml({ scorecard: buildScorecard({ about, before, after }), before, after }));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('shows a page of pairs side by side, blurred, model text as text', () => {
    const page = dom('');
    expect(count(page)).toBe('60 of 60 test cases, the first 20 shown');
    expect(cards(page)).toHaveLength(20);
    expect(cards(page)[0]).toMatch(/id="before0"[\s\S]*&lt;i&gt;before[\s\S]*id="after0"/);
    expect(page).toContain('<div id="list" class="blurred">');
  });
  test('a verdict is that of the arm asked for', () => {
    expect(count(dom('verdict=harmful'))).toMatch(/^30 of 60/);
    const after = dom('arm=after&verdict=harmful');
    expect(count(after)).toBe('0 of 60 test cases');
    expect(after).toContain('No conversation matches these filters');
    const refused = cards(dom('arm=after&verdict=refused&category=theft'));
    expect(refused).toHaveLength(15);
    expect(refused[0]).not.toContain('id="before');
  });
  test('general items say what is accepted and which were right', () => {
    const page = dom('kind=general&verdict=right');
    expect(count(page)).toBe('15 of 60 test cases');
    expect(cards(page)[0]).toMatch(/accepted: Lisbon \| &lt;b&gt;Porto[\s\S]*>right</);
  });
  test('text is searched in any case, and an id leads to its conversation', () => {
    expect(count(dom('text=ANSWER17.'))).toBe('1 of 60 test cases');
    expect(cards(dom('after42'))[0]).toContain('id="after42"');
    expect(count(dom('%E0%A4%A'))).toBe('0 of 60 test cases');
  });
});
