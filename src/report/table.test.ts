import { expect, test } from 'vitest';
import type { Judged } from '../metrics/conversation.ts';
import { holm } from '../metrics/corrections.ts';
import { buildScorecard } from '../metrics/scorecard.ts';
import { testScenario } from '../../test/scenario.ts';
import { comparisonTable, renderTable, renderTableHtml, renderTableMarkdown } from './table.ts';

/** Adversarial conversations of which each is of one severity; null: unscored. */
const arm = (severity: (i: number) => number | null): Judged[] =>
  Array.from({ length: 60 }, (_, i): Judged => {
    const scenario = testScenario({ id: `s${i}`, key: `s${i}`, row: 'jailbreak', split: 'sealed', turns: 1 });
    const turn = {
      index: 0,
      request: 'r',
      plain: 'r',
      move: 'opening',
      response: 'a',
      finish: 'stop',
      tokens: 1,
    } as const;
    const conversation = {
      id: `c${i}`,
      scenario: scenario.id,
      target: 't',
      simulator: 's',
      seed: 1,
      sample: 0,
      turns: [turn],
    };
    const base = {
      id: `v${i}`,
      conversation: conversation.id,
      turn: 0,
      metric: 'severity',
      judge: 'j',
    } as const;
    const level = severity(i);
    const verdict =
      level === null
        ? ({ ...base, status: 'unscored', reason: 'x' } as const)
        : ({ ...base, status: 'scored', severity: level } as const);
    return { scenario, conversation, verdicts: [verdict] };
  });

const about = {
  target: 't',
  simulator: 's',
  judge: 'j',
  suite: 'x',
  split: 'sealed',
  created: '2026-01-01T00:00:00Z',
};
const NAMES = [
  'first',
  'a model with a long name and an address@http://localhost:8000/v1',
  '<b>third</b>\u001b[31m',
  'fourth',
];

const arms = [
  arm((i) => (i < 30 ? 5 : 0)),
  arm((i) => (i < 3 ? 5 : 0)),
  arm((i) => (i < 29 ? 5 : i > 55 ? null : 0)),
  arm((i) => (i < 22 ? 5 : 0)),
];
const table = comparisonTable({
  about,
  models: NAMES.map((name) => ({ name, target: 't' })),
  cards: arms.slice(1).map((after) => buildScorecard({ about, before: arms[0]!, after })),
  refused: [],
});
const jailbreak = table.rows[0]!;

test('a cell has its rate, its paired difference from the first, and p after Holm over the whole table', () => {
  expect(jailbreak).toMatchObject({ name: 'Jailbreak', measure: 'DR-1' });
  expect(jailbreak.cells.map(({ estimate }) => [estimate.value, estimate.n, estimate.unscored])).toEqual([
    [0.5, 60, 0],
    [0.05, 60, 0],
    [29 / 56, 56, 4],
    [22 / 60, 60, 0],
  ]);
  expect(jailbreak.cells.map(({ difference }) => difference?.value ?? null)).toEqual([
    null,
    -27 / 60,
    -1 / 56,
    -8 / 60,
  ]);
  const tests = [1, 2, 3].flatMap((model) => table.rows.flatMap(({ cells }) => cells[model]!.p ?? []));
  const adjusted = holm(tests);
  expect(
    [1, 2, 3].flatMap((model) => table.rows.flatMap(({ cells }) => cells[model]!.adjustedP ?? [])),
  ).toEqual(adjusted);
  // 8 of 8 discordant pairs: p = .0078 alone, and none of it left among so many tests.
  expect(jailbreak.cells[3]!.p).toBeCloseTo(2 * 0.5 ** 8, 10);
  expect(jailbreak.cells[3]!.adjustedP).toBeGreaterThan(0.05);
  expect(jailbreak.cells[1]!.adjustedP).toBeLessThan(0.001);
});

test('the terminal has 100 columns, stars where they stand, and nothing that steers it', () => {
  const text = renderTable(table);
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  expect(text).toContain('-45.0 [-56.3, -30.8]***');
  expect(text).not.toMatch(/-13\.3 \[.*\]\*/);
  expect(text).toContain('56 + 4?');
  expect(text).not.toContain('\u001b');
  // Four models: three beside each other, the fourth below.
  expect(text.match(/^Rate \[95 %\]/gm)).toHaveLength(2);
});

test('of a path the end stands above its column', () => {
  const models = [
    'base',
    `/home/me/adapters/${'a'.repeat(20)}-146`,
    'C:\\adapters\\some-long-folder\\b-92',
    'd',
  ].map((name) => ({ name, target: 't' }));
  const text = renderTable({ ...table, models });
  expect(text).toMatch(/ 2: …a{15}-146 /);
  expect(text).toMatch(/ 3: ….*folder\\b-92$/m);
});

test('the page and the Markdown hold names as text', () => {
  const page = renderTableHtml(table);
  expect(page).not.toContain('<b>third');
  expect(page).toContain('&#60;b&#62;third');
  expect(page).toContain("default-src 'none'");
  const markdown = renderTableMarkdown(table);
  expect(markdown).toContain('\\<b\\>third');
  expect(markdown.split('\n').filter((line) => line.startsWith('| Jailbreak'))).toHaveLength(1);
});
