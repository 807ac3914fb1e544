import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Conversation, Scenario, Verdict } from '../core/records.ts';
import type { Judged } from '../metrics/conversation.ts';
import { buildScorecard, type Scorecard } from '../metrics/scorecard.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { loadTaxonomy } from '../scenarios/taxonomy.ts';
import { frontierChart } from './charts.ts';
import { renderHtml } from './html.ts';
import { renderMarkdown } from './markdown.ts';
import { renderRounds, renderTerminal } from './terminal.ts';

const HOSTILE = [
  '<script>alert(1)</script>',
  '</script><img src=x onerror=alert(1)>',
  '\u001B[31m\u001B]0;title\u0007',
  '\u202Egnp.exe',
  '=cmd|calc',
  'x'.repeat(1 << 20),
  '{{7*7}}',
  '\u0000',
];

function arm(severity: (i: number) => number | null, text: (i: number) => string): Judged[] {
  return Array.from({ length: 40 }, (_, i): Judged => {
    const kind = i % 4 === 3 ? 'benign' : 'adversarial';
    const scenario: Scenario = {
      id: `s${i}`,
      key: `k${i}<b>`,
      suite: 'x',
      split: 'sealed',
      category: ['theft', '<i>odd</i>\u001B]8;;x\u0007', 'drugs'][i % 3]!,
      kind,
      metric: kind === 'benign' ? 'refusal' : 'severity',
      persona: 'p',
      objective: 'o',
      turns: 1,
      ...(kind === 'adversarial' ? { row: 'jailbreak' as const } : {}),
    };
    const conversation: Conversation = {
      id: `c${i}`,
      scenario: `s${i}`,
      target: 't',
      simulator: 's',
      seed: 1,
      sample: 0,
      turns: [
        {
          index: 0,
          request: text(i),
          plain: text(i),
          move: 'opening',
          response: text(i),
          finish: 'stop',
          tokens: 1,
        },
      ],
    };
    const base = { conversation: `c${i}`, turn: 0, judge: 'j' };
    const level = severity(i);
    const verdicts: Verdict[] = [
      level === null
        ? { ...base, id: `v${i}`, metric: 'severity', status: 'unscored', reason: '<b>unsure</b>' }
        : { ...base, id: `v${i}`, metric: 'severity', status: 'scored', severity: level },
      { ...base, id: `r${i}`, metric: 'refusal', status: 'scored', refusal: 'none' },
    ];
    return { scenario, conversation, verdicts };
  });
}

const about = {
  target: 'model <b>\u001B[31m',
  simulator: 'scripted',
  judge: 'judge & co',
  suite: 'x@1',
  created: '2026-01-01T00:00:00Z',
};
const hostile = (i: number): string => HOSTILE[i % HOSTILE.length] as string;
const before = arm((i) => (i % 5 === 0 ? null : i % 2 === 0 ? 5 : 0), hostile);
const after = arm((i) => (i % 8 === 0 ? 3 : 0), hostile);
const scorecard = buildScorecard({ about, before, after });

describe('terminal', () => {
  const text = renderTerminal(scorecard, { colour: false });
  test('fits 100 columns and carries no control character', () => {
    for (const line of text.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(100);
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F]/);
  });
  test('shows the rows, the unscored, the gate and the reference as what they are', () => {
    for (const part of ['Jailbreak', 'Over-refusal', 'Gate', '?', 'measured by others'])
      expect(text).toContain(part);
  });
  test('one arm alone has no gate', () =>
    expect(renderTerminal(buildScorecard({ about, before }), { colour: true })).not.toContain('Gate'));
});

test('says that p is not corrected, what marks mean and where the margins come from, in every form', () => {
  const terminal = renderTerminal(scorecard, { colour: false }).replace(/\s+/g, ' ');
  const html = renderHtml({ scorecard, before, after });
  for (const form of [terminal, renderMarkdown(scorecard).replaceAll('\\', ''), html]) {
    expect(form).toContain('not corrected for the number of lines');
    expect(form).toContain('gate.overRefusalMargin 0.15');
  }
  expect(terminal).toContain('! after a p: worse');
  expect(html).toContain('red: worse');
  const alone = renderTerminal(buildScorecard({ about, before }), { colour: false });
  expect(alone).not.toMatch(/Margins|! after/);
});

test('a line for partial refusals only where there are some', () => {
  const partly = before.map((one): Judged => {
    const verdicts = one.verdicts.map((verdict): Verdict =>
      verdict.status === 'scored' && verdict.metric === 'refusal'
        ? { ...verdict, refusal: 'partial' }
        : verdict,
    );
    return { ...one, verdicts };
  });
  const text = (arm: readonly Judged[]): string =>
    renderTerminal(buildScorecard({ about, before, after: arm }), { colour: false });
  expect(text(after)).toContain('Over-refusal');
  expect(text(after)).not.toContain('with partial refusals');
  expect(text(partly)).toContain('with partial refusals');
});

test('harm corrected for the judge, or the reason why not, in every form', () => {
  const share = { value: 0.9, low: 0.8, high: 0.95, variance: 0.001, n: 90 };
  const corrected = {
    judge: 'j',
    created: '2026-02-03T00:00:00Z',
    labelled: 190,
    sensitivity: share,
    specificity: null,
    before: { status: 'corrected', value: 0.123, low: 0.1, high: 0.2, error: 0.03 },
    after: { status: 'refused', reason: '<i>weak</i>\u001B' },
  } as const;
  const card = { ...scorecard, corrected };
  const forms = [
    renderTerminal(card, { colour: false }).replace(/\s+/g, ' '),
    renderMarkdown(card).replaceAll('\\', ''),
    renderHtml({ scorecard: card, before, after }),
  ];
  for (const form of forms) {
    expect(form).toContain('→ 12.3 % [10.0, 20.0], after');
    expect(form).toContain('(sensitivity 90.0 % [80.0, 95.0], specificity –, by 190 labels of 2026-02-03)');
    expect(form).toMatch(/not corrected for its errors: \S{1,6}i\S{1,6}weak/);
    expect(form).not.toContain('\u001B');
  }
  expect(forms[2]).not.toContain('<i>weak');
});

test('harm by turn where there are several', () => {
  const longer = before.map((one, i) => {
    const [turn] = one.conversation.turns;
    const turns = i % 2 ? [turn!] : [turn!, { ...turn!, index: 1 }];
    return { ...one, conversation: { ...one.conversation, turns } };
  });
  expect(renderTerminal(scorecard, { colour: false })).not.toContain('Harm by turn');
  const text = renderTerminal(buildScorecard({ about, before: longer, after }), { colour: false });
  expect(text).toMatch(/Harm by turn \(DR-3 .*\n.*before.*\n {2}turn 1 .*\n {2}turn 2 /);
  for (const line of text.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(100);
  const whole: Scorecard = { ...scorecard, harm: { ...scorecard.harm, byTurn: [], judged: 'conversation' } };
  const several = buildScorecard({ about, before: longer, after });
  const forms = (card: Scorecard): string[] => [
    renderTerminal(card, { colour: false }),
    renderMarkdown(card).replaceAll('\\', ''),
    renderHtml({ scorecard: card, before, after }),
  ];
  for (const form of forms(whole)) expect(form).toContain('Harm by turn: none, as this judge gives each');
  for (const form of forms(several)) {
    expect(form).toContain('Harm by turn (DR-3 of the answers there)');
    expect(form).toMatch(/turn 1.*[\s\S]*turn 2/);
  }
  for (const form of forms(scorecard)) expect(form).not.toContain('Harm by turn');
});

describe('what changed', () => {
  /** Five scenarios of each of 20 categories; in `before` and `after`, the harmful ones and the unscored ones by index. */
  const of = (harmful: (category: number) => boolean, unscored: (i: number) => boolean): Judged[] =>
    Array.from({ length: 100 }, (_, i) => {
      const [one] = arm(
        () => (unscored(i) ? null : harmful(i % 20) ? 5 : 0),
        () => 'x',
      );
      const id = `s${i}`;
      const scenario = { ...one!.scenario, id, category: `category-${i % 20}` };
      return { ...one!, scenario, conversation: { ...one!.conversation, id: `c${i}`, scenario: id } };
    });
  const card = buildScorecard({
    about: { ...about, notes: ['a note'] },
    before: of(
      (category) => category < 15,
      (i) => i < 3,
    ),
    after: of(
      (category) => category === 17 || (category > 3 && category < 12),
      (i) => i > 97,
    ),
  });
  const text = renderTerminal(card, { colour: false });
  const markdown = renderMarkdown(card);

  test('n of both arms with their unscored, and the pairs, are not cut', () => {
    expect(text).toMatch(/^Jailbreak .* 97\+3\?\/98\+2\? +95$/m);
    expect(markdown).toMatch(/^\| Jailbreak .*\| 97\+3\?\/98\+2\? \| 95 \|/m);
    expect(text.replace(/^target.*$/m, '')).not.toContain('…');
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
  });
  test('what got worse comes first and is marked, whatever it was before', () => {
    const part = text.slice(text.indexOf('Harm by category'));
    expect(part.replaceAll('\n', ' ')).toMatch(
      /^[^;]*: 1 worse \(!\), 7 better, 12 as before; 16 of 20 shown/,
    );
    const table = part.split('\n').filter((line) => /^[! ] category-/.test(line));
    expect(table[0]).toMatch(/^! category-17 .*\+100 \[/);
    expect(table[1]).toMatch(/^ {2}category-\d+ .* -100 \[/);
  });
  test('every category with harm is listed, those too in which as much was found before as after', () => {
    expect(text.replaceAll('\n', ' ')).toContain('no harm found in the others');
    const listed = [...text.matchAll(/^[! ] category-(\d+)/gm)].map(([, id]) => Number(id));
    expect(listed.sort((a, b) => a - b)).toEqual([...Array.from({ length: 15 }, (_, i) => i), 17]);
  });
  test('the pairs and the rates are told apart; nothing refers to a report that need not be', () => {
    for (const report of [text, markdown].map((each) => each.replaceAll('\n', ' '))) {
      expect(report).toContain('need not be the difference of the two rates');
      expect(report).not.toContain('in the report');
    }
  });
  test('Markdown has what the terminal has', () => {
    for (const part of ['User: scripted', 'a note', 'category-17', '12.3 %', 'pairs would decide'])
      expect(
        [text, markdown].map((each) => each.replace(/^user: |user: /m, 'User: ').replace(/\s+/g, ' ')),
        part,
      ).toEqual([expect.stringContaining(part), expect.stringContaining(part)]);
    expect(markdown.match(/^\| category-/gm)).toHaveLength(20);
  });
});

describe('html', () => {
  const html = renderHtml({
    scorecard,
    before,
    after,
    frontier: [{ label: '<b>x</b>', harm: 0.1, overRefusal: 0.2, chosen: true, admissible: true }],
  });
  test('hostile text stays text', () => {
    expect(html).not.toContain('<script>alert');
    expect(html).not.toContain('<img');
    expect(html).not.toContain('<i>odd');
    expect(html).not.toContain('<b>x</b>');
    expect(html.match(/<\/script>/g)).toHaveLength(2);
    // oxlint-disable-next-line no-control-regex
    expect(html).not.toMatch(/[\u0000\u001B\u202E]/);
  });
  test('asks nothing of the network, and its policy allows its own script alone', () => {
    const page = html.replace(/(id="data">)[\s\S]*?(<\/script>)/, '$1$2');
    expect(page).not.toMatch(/(src|href)\s*=|url\(|@import|fetch\(/);
    const script = /<script>([\s\S]*?)<\/script>/.exec(html)![1]!;
    expect(html).toContain(`script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`);
  });
  test('texts are bounded', () => expect(html.length).toBeLessThan(400_000));
  test('the embedded data is JSON', () => {
    const data = JSON.parse(/id="data">([\s\S]*?)<\/script>/.exec(html)![1]!) as { items: unknown[] };
    expect(data.items).toHaveLength(40);
  });
  test('no category of the taxonomy is left out silently', () => {
    const unscored = arm((i) => (i % 3 === 0 ? null : 0), hostile);
    const page = renderHtml({ scorecard: buildScorecard({ about, before: unscored }), before: unscored });
    const named = page.slice(page.indexOf('Harm by category'), page.indexOf('Method and limits'));
    expect(named).toMatch(/>theft<(?:(?!<li).)*nothing scored/);
    for (const { id } of loadTaxonomy(BUILT_IN.taxonomy).leaves) expect(named).toContain(id);
    expect(named).toMatch(/no adversarial scenario[^<]*phishing/);
  });
  test('says the n of each arm and the pairs', () => {
    const harm = /<tr>(?:(?!<\/tr>).)*Harm, all adversarial<.button> <small>DR-3.*?<\/tr>/.exec(html)![0];
    const { before: b, after: a, difference } = scorecard.harm.dr3;
    expect(harm).toContain(`n before">${b.n} + ${b.unscored}?<`);
    expect(harm).toContain(`n after">${a!.n}<`);
    expect(harm).toContain(`pairs">${difference!.n}<`);
  });
  test('the frontier has the base where it is given, and names all marks', () => {
    expect(html).not.toContain('before the fix</td>');
    const mark = { harm: 0.1, overRefusal: 0.2, chosen: false, admissible: false };
    const crowd = Array.from({ length: 6 }, (_, i) => ({ ...mark, label: `step ${i}` }));
    const svg = frontierChart(crowd, { harm: 0.3, overRefusal: 0.05 }, 3);
    expect(svg).toMatch(/mark base.*before the fix/s);
    const places = [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)" text-anchor="middle">(\d|B)</g)];
    expect(places.map(([, , , name]) => name)).toEqual(['B', '1', '2', '3', '4', '5', '6']);
    expect(new Set(places.map(([, x, y]) => `${x} ${y}`)).size).toBe(7);
  });
  test('a conversation of one arm alone is kept', () => {
    const alone = renderHtml({ scorecard, before: before.slice(1), after: after.slice(0, 1) });
    const { items } = JSON.parse(/id="data">([\s\S]*?)<\/script>/.exec(alone)![1]!) as {
      items: { before?: object; after?: object }[];
    };
    expect(items).toHaveLength(40);
    expect(items.at(-1)).toMatchObject({ after: { id: 'c0' } });
    expect(items.at(-1)?.before).toBeUndefined();
  });
});

describe('several rounds', () => {
  const before = arm(
    (i) => (i % 2 === 0 ? 4 : 0),
    () => 'x',
  );
  const after = arm(
    (i) => (i % 8 === 0 ? 4 : null),
    () => 'y',
  );
  const about = { target: 't', simulator: 's', judge: 'j', suite: 'x', created: '2026-01-01T00:00:00Z' };
  const plain = buildScorecard({ about, before, after });
  const { dr3 } = plain.harm;
  const counts = { fixed: 7, open: 2, regressed: 1 };
  const regression = { severity: 3, replayed: dr3, generalised: dr3, fresh: dr3, earlier: null, ...counts };
  const card = { ...plain, regression };

  test('what became of the findings stands in every report, and nowhere without rounds', () => {
    const texts = [
      [renderTerminal(card, { colour: false }), renderTerminal(plain, { colour: false })],
      [renderMarkdown(card), renderMarkdown(plain)],
      [renderHtml({ scorecard: card, before, after }), renderHtml({ scorecard: plain, before, after })],
    ];
    for (const [withThem, without] of texts) {
      for (const name of [
        'What became of the findings',
        'Replayed',
        'Re-wrapped',
        'sealed families',
        '7 fixed, 2 open, 1 regressed',
      ])
        expect(withThem).toContain(name);
      expect(without).not.toContain('What became of the findings');
      expect(withThem).not.toContain('findings of rounds before');
    }
    for (const line of texts[0]![0]!.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  test('rounds beside each other', () => {
    const figures = { harm: 0.1234, overRefusal: 1, helpfulness: 0.5 };
    const round = { run: 'a'.repeat(20), findings: 1234, before: figures, after: figures, regression };
    const rounds = [1, 2].map((number) => ({ ...round, number, gate: 'inconclusive' as const }));
    const text = renderRounds(rounds);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    expect(text).toMatch(/^before +12\.3 % +100 % +50\.0 %$/m);
    expect(text.match(/inconclusive/g)).toHaveLength(2);
    expect(renderHtml({ scorecard: card, before, after, rounds })).toContain('<h2>Rounds</h2>');
  });
});
