import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Scenario } from '../core/records.ts';
import type { Judge } from '../judges/judge.ts';
import type { Target } from '../models/target.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { measure } from './measure.ts';

const scenarios = Array.from({ length: 200 }, (_, i): Scenario => ({
  id: `s${i}`,
  key: `s${i}`,
  suite: 'test',
  split: 'dev',
  category: 'theft',
  kind: 'general',
  metric: 'severity',
  persona: 'ordinary-person',
  objective: `Question ${i}`,
  turns: 1,
}));
const judge: Judge = {
  id: 'none:1',
  description: 'none',
  metrics: ['severity'],
  judge: () => Promise.resolve({ status: 'unscored', reason: 'test' }),
};
const options = { stage: 'test', seed: 1, maxTokens: 4, retryErrors: true, concurrency: 16 };

test('a store that fails stops the calls, and its error is the one that is told', async () => {
  let asked = 0;
  const target: Target = {
    id: 'slow',
    async respond(_messages, { signal }) {
      await delay(asked++ === 0 ? 1 : 30, undefined, signal ? { signal } : {});
      return { text: 'answer', finish: 'stop', tokens: 1 };
    },
  };
  const store = {
    conversation: () => Promise.resolve(null),
    saveConversation: () => Promise.reject(new Error('the disk is full')),
  } as unknown as Store;
  await expect(measure(scenarios, target, { store, judge }, options)).rejects.toThrow('the disk is full');
  expect(asked).toBeLessThanOrEqual(options.concurrency + 1);
});

test('several conversations of a scenario stand beside each other, and only those that are missing are run', async () => {
  const said: number[] = [];
  const target: Target = {
    id: 'sampled',
    respond: (_messages, { seed }) => {
      said.push(seed);
      return Promise.resolve({ text: `answer ${seed}`, finish: 'stop', tokens: 1 });
    },
  };
  await using store = openSqlite(join(mkdtempSync(join(tmpdir(), 'temper-measure-')), 'store.sqlite'));
  const few = scenarios.slice(0, 3);
  const once = await measure(few, target, { store, judge }, options);
  const thrice = await measure(few, target, { store, judge }, { ...options, samples: 3 });
  expect(once.map(({ conversation }) => conversation.sample)).toEqual([0, 0, 0]);
  expect(thrice.map(({ scenario, conversation }) => `${scenario.id} ${conversation.sample}`)).toEqual(
    few.flatMap(({ id }) => [0, 1, 2].map((sample) => `${id} ${sample}`)),
  );
  const firsts = thrice.filter(({ conversation }) => conversation.sample === 0);
  expect(firsts.map(({ conversation }) => conversation)).toEqual(
    once.map(({ conversation }) => conversation),
  );
  // Each with random numbers of its own; the first of each was there.
  expect([said.length, new Set(said).size]).toEqual([9, 9]);
  await measure(few, target, { store, judge }, { ...options, samples: 3 });
  expect(said).toHaveLength(9);
});
