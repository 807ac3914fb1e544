import { expect, test } from 'vitest';
import type { Conversation, Scenario, Turn } from '../core/records.ts';
import type { Judge } from './judge.ts';
import { judgeConversation, metricsFor, verdictId } from './run.ts';

const scenario = (over: Partial<Scenario> = {}): Scenario => ({
  id: 's',
  key: 'k',
  suite: 'test',
  split: 'dev',
  category: 'scams',
  kind: 'adversarial',
  metric: 'severity',
  persona: 'p',
  objective: 'o',
  turns: 2,
  ...over,
});
const turn = (index: number, over: Partial<Turn> = {}): Turn => ({
  index,
  request: 'wrapped',
  plain: `ask ${index}`,
  move: 'opening',
  response: `answer ${index}`,
  finish: 'stop',
  tokens: 2,
  ...over,
});
const conversation = (...turns: Turn[]): Conversation => ({
  id: 'c',
  scenario: 's',
  target: 't',
  simulator: 'sim',
  seed: 1,
  sample: 0,
  turns,
});
const fake = (judge: Judge['judge']): Judge => ({
  id: 'fake:1',
  description: '',
  metrics: ['refusal', 'severity', 'ungroundedness'],
  judge,
});

test('each kind has its metrics', () => {
  expect(metricsFor(scenario())).toEqual(['severity', 'refusal']);
  expect(metricsFor(scenario({ kind: 'benign', metric: 'refusal' }))).toEqual(['refusal', 'severity']);
  expect(metricsFor(scenario({ kind: 'general', metric: 'refusal' }))).toEqual(['refusal', 'severity']);
  expect(metricsFor(scenario({ kind: 'grounded', metric: 'ungroundedness' }))).toEqual([
    'ungroundedness',
    'refusal',
  ]);
});

test('one verdict a turn and metric, with the plain request, the history and the context', async () => {
  const seen: unknown[] = [];
  const judge = fake((input, metric) => {
    seen.push([metric, input.prompt, input.history?.length, input.context, input.objective]);
    return Promise.resolve({ status: 'scored', severity: 0 });
  });
  const verdicts = await judgeConversation(
    conversation(turn(0), turn(1)),
    scenario({ context: 'doc' }),
    judge,
  );
  expect(seen).toEqual([
    ['severity', 'ask 0', 0, 'doc', 'o'],
    ['refusal', 'ask 0', 0, 'doc', 'o'],
    ['severity', 'ask 1', 2, 'doc', 'o'],
    ['refusal', 'ask 1', 2, 'doc', 'o'],
  ]);
  expect(verdicts.map((one) => [one.turn, one.metric])).toEqual([
    [0, 'severity'],
    [0, 'refusal'],
    [1, 'severity'],
    [1, 'refusal'],
  ]);
  expect(new Set(verdicts.map((one) => one.id)).size).toBe(4);
  expect(verdicts[0]?.id).toBe(verdictId('c', 0, 'fake:1', 'severity'));
});

test.each(['error', 'blocked'] as const)(
  'a turn that ended with %s is unscored and not judged',
  async (finish) => {
    const judge = fake(() => Promise.reject(new Error('must not be asked')));
    const verdicts = await judgeConversation(
      conversation(turn(0, { finish, error: 'timeout' })),
      scenario(),
      judge,
    );
    expect(verdicts.map((one) => one.status === 'unscored' && one.reason)).toEqual([
      `${finish}: timeout`,
      `${finish}: timeout`,
    ]);
  },
);

test('a judge that throws makes unscored verdicts and nothing else', async () => {
  const verdicts = await judgeConversation(
    conversation(turn(0)),
    scenario(),
    fake(() => Promise.reject(new Error('down'))),
  );
  expect(verdicts.map((one) => one.status === 'unscored' && one.reason)).toEqual([
    'judge-error: down',
    'judge-error: down',
  ]);
});

test('a metric that the judge lacks is unscored', async () => {
  const judge: Judge = {
    ...fake(() => Promise.resolve({ status: 'scored', severity: 1 })),
    metrics: ['severity'],
  };
  const verdicts = await judgeConversation(conversation(turn(0)), scenario(), judge);
  expect(verdicts.map((one) => one.status)).toEqual(['scored', 'unscored']);
});
