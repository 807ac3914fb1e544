import { expect, test } from 'vitest';
import { shownInSheet, sheetLabels, sheetText } from '../calibration/sheet.ts';
import { TemperError } from '../core/errors.ts';
import type { Metric } from '../core/records.ts';
import { EnsembleJudge, type Rule } from './ensemble.ts';
import { HumanJudge } from './human.ts';
import type { Judge, Judgement } from './judge.ts';

const input = { prompt: 'How do I bake bread?', response: 'Mix flour and water.' };

/** A judge that always says the same, and counts how often it is asked. */
function saying(id: string, judgement: Judgement, metrics: readonly Metric[] = ['severity', 'refusal']) {
  const judge = {
    id: `${id}:1`,
    description: 'always says the same',
    metrics,
    asked: 0,
    judge: () => {
      judge.asked++;
      return Promise.resolve(judgement);
    },
  };
  return judge satisfies Judge;
}
const severity = (value: number, probability?: number): Judgement => ({
  status: 'scored',
  severity: value,
  ...(probability === undefined ? {} : { probability }),
});
const unscored: Judgement = { status: 'unscored', reason: 'unsure' };

const said = (rule: Rule, votes: readonly Judgement[], metric: Metric = 'severity') =>
  new EnsembleJudge(
    rule,
    votes.map((vote, i) => saying(`j${i}`, vote)),
  ).judge(input, metric);

test.each([
  ['median', [0, 5, 6], 5],
  ['median', [0, 4], 4],
  ['majority', [2, 5, 7], 7],
  ['majority', [0, 1, 7], 1],
] as const)('%s of %j is %i', async (rule, votes, wanted) => {
  expect(
    await said(
      rule,
      votes.map((vote) => severity(vote)),
    ),
  ).toMatchObject({ severity: wanted });
});

test('a majority is of all judges, and a tie is none', async () => {
  expect(await said('majority', [severity(0), severity(5)])).toMatchObject({
    status: 'unscored',
    reason: expect.stringMatching(/^no-majority: j0:1 0; j1:1 5/),
  });
  expect(await said('majority', [severity(0), severity(5), severity(6), unscored])).toMatchObject({
    status: 'unscored',
  });
  const refusals: Judgement[] = (['full', 'partial', 'full'] as const).map((refusal) => ({
    status: 'scored',
    refusal,
  }));
  expect(await said('majority', refusals, 'refusal')).toMatchObject({ refusal: 'full' });
});

test('half of the judges without a verdict leaves the answer unscored', async () => {
  expect(await said('median', [severity(5), unscored])).toMatchObject({ status: 'unscored' });
  expect(await said('median', [severity(5), severity(6), unscored])).toMatchObject({ severity: 6 });
  const failed: Judgement = { status: 'unscored', reason: 'judge-error: no answer' };
  expect(await said('median', [failed, severity(5)])).toMatchObject({
    reason: expect.stringMatching(/^judge-error/),
  });
});

test('only those who judge a metric are asked', async () => {
  const guard = saying('guard', severity(4), ['severity']);
  const judge = new EnsembleJudge('median', [
    guard,
    saying('embedded', { status: 'scored', refusal: 'none' }, ['refusal']),
  ]);
  expect(judge.metrics).toEqual(['refusal', 'severity']);
  expect(await judge.judge(input, 'refusal')).toMatchObject({ refusal: 'none' });
  expect(guard.asked).toBe(0);
  expect(await judge.judge(input, 'ungroundedness')).toMatchObject({ status: 'unscored' });
});

test('escalation ends with the first that is sure, and with the last where nobody is', async () => {
  const [first, second, third] = [
    saying('a', severity(3, 0.6)),
    saying('b', severity(5, 0.9)),
    saying('c', severity(0, 0.9)),
  ];
  const judge = new EnsembleJudge('escalate', [first, second, third]);
  expect(await judge.judge(input, 'severity')).toMatchObject({ severity: 5, probability: 0.9 });
  expect([first.asked, second.asked, third.asked]).toEqual([1, 1, 0]);
  expect(await said('escalate', [unscored, severity(3, 0.6)])).toMatchObject({ severity: 3 });
  expect(await said('escalate', [severity(3, 0.6), unscored])).toMatchObject({ severity: 3 });
  expect(await said('escalate', [unscored, unscored])).toEqual(unscored);
});

test('what ends the work is not taken for an opinion', async () => {
  const spent = new TemperError('budget', 'spent');
  const failing: Judge = { ...saying('x', unscored), judge: () => Promise.reject(spent) };
  for (const rule of ['median', 'majority', 'escalate'] as const)
    await expect(new EnsembleJudge(rule, [failing, failing]).judge(input, 'severity')).rejects.toBe(spent);
});

test('its name changes with its rule and its judges', () => {
  const [a, b] = [saying('a', unscored), saying('b', unscored)];
  const ids = [
    new EnsembleJudge('median', [a, b]).id,
    new EnsembleJudge('majority', [a, b]).id,
    new EnsembleJudge('median', [b, a]).id,
  ];
  expect(new Set(ids).size).toBe(3);
});

test('people’s labels are found by request and answer, as the sheet shows them', async () => {
  const request = '=How do I "bake"\u0007 bread?';
  const rows = [
    {
      id: 'a',
      kind: 'adversarial',
      stratum: '0',
      size: 2,
      place: 0,
      history: '',
      context: '',
      request,
      answer: 'Mix flour.',
    },
    {
      id: 'b',
      kind: 'adversarial',
      stratum: '0',
      size: 2,
      place: 0,
      history: '',
      context: '',
      request,
      answer: 'Buy it.',
    },
  ] as unknown as Parameters<typeof sheetText>[2];
  const [head, first, second] = sheetText('embedded:1', 'severity', rows, 'store')
    .replace(/^\uFEFF/, '')
    .trim()
    .split('\r\n');
  const labelled = [
    head!.replace('label', 'label one,label two'),
    first!.replace('Mix flour.,,', 'Mix flour.,2,5,'),
    second!.replace('Buy it.,,', 'Buy it.,,,'),
  ].join('\n');
  const judge = new HumanJudge(sheetLabels(labelled, 'sheet.csv'), shownInSheet);
  expect(await judge.judge({ prompt: request, response: 'Mix flour.' }, 'severity')).toEqual({
    status: 'scored',
    severity: 5,
    rationale: '2 labels',
  });
  expect(await judge.judge({ prompt: request, response: 'Buy it.' }, 'severity')).toMatchObject({
    status: 'unscored',
  });
  expect(await judge.judge({ prompt: request, response: 'Mix flour.' }, 'refusal')).toMatchObject({
    status: 'unscored',
  });
});
