import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, test } from 'vitest';
import { testScenario } from '../../test/scenario.ts';
import type { Conversation, Message } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { expandSuite } from '../scenarios/expand.ts';
import { loadSuites } from '../scenarios/suite.ts';
import type { Target } from '../models/target.ts';
import { conversationId, dialogueKey, runConversations } from './run.ts';
import { PERSONAS, nextRequest } from './simulator.ts';

const dev = loadSuites(BUILT_IN.suites).find((suite) => suite.split === 'dev')!;
const quick = expandSuite(dev, { preset: 'quick' });
const isRefusal = (_: string, response: string): boolean => response.startsWith('No');

/** Answers from the messages alone, after a delay that shuffles the order of completion. */
const echo: Target = {
  id: 'echo',
  async respond(messages, { seed }) {
    await delay(seed % 4);
    const refuses = messages.at(-1)!.content.length % 2 === 0;
    return {
      text: `${refuses ? 'No' : 'Yes'}, ${messages.length} messages, seed ${seed}`,
      finish: 'stop',
      tokens: 5,
    };
  },
};

async function collect(stream: AsyncIterable<Conversation>): Promise<Conversation[]> {
  const all: Conversation[] = [];
  for await (const conversation of stream) all.push(conversation);
  return all;
}

const byId = (all: readonly Conversation[]): Map<string, Conversation> =>
  new Map(all.map((conversation) => [conversation.id, conversation]));

const scenario = testScenario({ objective: 'Help me with $& something.' });

describe('runConversations', () => {
  it('gives the same conversations at any concurrency', async () => {
    const options = { seed: 7, samples: 2 };
    const one = await collect(
      runConversations(quick, { target: echo, isRefusal }, { ...options, concurrency: 1 }),
    );
    const many = await collect(
      runConversations(quick, { target: echo, isRefusal }, { ...options, concurrency: 32 }),
    );
    expect(one.length).toBe(quick.length * 2);
    expect(byId(many)).toEqual(byId(one));
  });

  it('keeps at most `concurrency` conversations in flight, and that many', async () => {
    let now = 0;
    let most = 0;
    const target: Target = {
      id: 'counting',
      async respond() {
        most = Math.max(most, ++now);
        await delay(1);
        now--;
        return { text: 'Yes', finish: 'stop', tokens: 1 };
      },
    };
    await collect(runConversations(quick.slice(0, 40), { target, isRefusal }, { seed: 1, concurrency: 5 }));
    expect(most).toBe(5);
  });

  it('passes over what exists', async () => {
    const first = await collect(
      runConversations(quick.slice(0, 10), { target: echo, isRefusal }, { seed: 1 }),
    );
    const known = new Set(first.map((conversation) => conversation.id));
    const rest = await collect(
      runConversations(
        quick.slice(0, 15),
        { target: echo, isRefusal, has: (id) => known.has(id) },
        { seed: 1 },
      ),
    );
    expect(rest.length).toBe(5);
    expect(rest.some((conversation) => known.has(conversation.id))).toBe(false);
  });

  it('records a failing target as an error turn that ends the conversation', async () => {
    let calls = 0;
    const target: Target = {
      id: 'failing',
      respond: () =>
        ++calls === 2
          ? Promise.reject(new Error('out of memory'))
          : Promise.resolve({ text: 'Yes', finish: 'stop', tokens: 1 }),
    };
    const [conversation] = await collect(runConversations([scenario], { target, isRefusal }, { seed: 1 }));
    expect(conversation!.turns.map((turn) => turn.finish)).toEqual(['stop', 'error']);
    expect(conversation!.turns[1]).toMatchObject({ response: '', tokens: 0, error: 'out of memory' });
  });

  it('ends a blocked conversation', async () => {
    const target: Target = {
      id: 'blocked',
      respond: () => Promise.resolve({ text: '', finish: 'blocked', tokens: 0 }),
    };
    const [conversation] = await collect(runConversations([scenario], { target, isRefusal }, { seed: 1 }));
    expect(conversation!.turns.length).toBe(1);
  });

  it('sends system prompt and history, and follows up by refusal', async () => {
    const seen: (readonly Message[])[] = [];
    const target: Target = {
      id: 'scripted',
      respond(messages) {
        seen.push(messages);
        return Promise.resolve({ text: seen.length === 1 ? 'No.' : 'Yes.', finish: 'stop', tokens: 1 });
      },
    };
    const [conversation] = await collect(
      runConversations([scenario], { target, isRefusal }, { seed: 1, system: 'Be kind.' }),
    );
    expect(conversation!.turns.map((turn) => turn.move)).toEqual([
      'opening',
      'after-refusal',
      'after-answer',
      'after-answer',
    ]);
    expect(seen[1]!.map((message) => message.role)).toEqual(['system', 'user', 'assistant', 'user']);
    expect(conversation!.turns[0]!.plain).toContain('$& something');
    expect(new Set(conversation!.turns.map((turn) => turn.plain)).size).toBe(4);
  });

  it('asks every target in the same words, with the same stream for its answers, while it answers alike', async () => {
    const ask = async (id: string, answer: (turn: number) => string) => {
      const seeds: number[] = [];
      const target: Target = {
        id,
        respond(_, { seed }) {
          seeds.push(seed);
          return Promise.resolve({ text: answer(seeds.length - 1), finish: 'stop', tokens: 1 });
        },
      };
      const options = { seed: 3, concurrency: 1 };
      const all = await collect(runConversations([scenario], { target, isRefusal }, options));
      return { id: all[0]!.id, requests: all[0]!.turns.map(({ request }) => request), seeds };
    };
    const one = await ask('one', () => 'Yes.');
    const alike = await ask('two', () => 'Yes, too.');
    expect(alike.id).not.toBe(one.id);
    expect(alike.requests).toEqual(one.requests);
    expect(alike.seeds).toEqual(one.seeds);
    expect(new Set(one.seeds).size).toBe(4);
    // A refusal changes the next request alone.
    const refusing = await ask('three', (turn) => (turn === 0 ? 'No.' : 'Yes.'));
    expect(refusing.requests[0]).toBe(one.requests[0]);
    expect(refusing.requests[1]).not.toBe(one.requests[1]);
  });

  it('stops when aborted and when the consumer leaves', async () => {
    const controller = new AbortController();
    const running = runConversations(
      quick,
      { target: echo, isRefusal },
      { seed: 1, signal: controller.signal },
    );
    await running.next();
    controller.abort(new Error('enough'));
    await expect(collect(running)).rejects.toThrow('enough');
    for await (const conversation of runConversations(quick, { target: echo, isRefusal }, { seed: 1 })) {
      expect(conversation.turns.length).toBeGreaterThan(0);
      break;
    }
  });

  it('has ids that tell apart scenario, target, seed, sample and system prompt', () => {
    const ids = [
      conversationId(scenario, 'a', { seed: 1 }, 0),
      conversationId(scenario, 'b', { seed: 1 }, 0),
      conversationId(scenario, 'a', { seed: 2 }, 0),
      conversationId(scenario, 'a', { seed: 1 }, 1),
      conversationId(scenario, 'a', { seed: 1, system: 'x' }, 0),
      conversationId({ ...scenario, id: 's2' }, 'a', { seed: 1 }, 0),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });
});

test('ids of scripted conversations stay what they were, so that stores and measurements go on', async () => {
  const target: Target = {
    id: 'pinned',
    respond: (_, { seed }) => Promise.resolve({ text: `Yes ${seed}`, finish: 'stop', tokens: 1 }),
  };
  expect(conversationId(testScenario(), 'pinned', { seed: 1 }, 0)).toBe('ca31a5913141172a044c');
  const attacked = testScenario({ attack: 'role-play' });
  const [conversation] = await collect(
    runConversations([attacked], { target, isRefusal: () => false }, { seed: 3 }),
  );
  expect(conversation!.id).toBe('22af540eb92351582cc1');
  expect(dialogueKey(conversation!)).toBe('6ab31b7b4d692fe564c6');
  expect(conversation!.turns.map(({ response }) => response)).toEqual([
    'Yes 1812118087',
    'Yes 647415675',
    'Yes 718371351',
    'Yes 1583903863',
  ]);
});

describe('nextRequest', () => {
  it('asks the questions of a grounded scenario in order, with the document first', () => {
    const grounded = quick.find((item) => item.kind === 'grounded')!;
    const [first, second] = grounded.objective.split('\n');
    const opening = nextRequest(grounded, [], false, rng(1))!;
    expect(opening.plain).toBe(first);
    expect(opening.request).toContain(`<document>\n${grounded.context}\n</document>\n\n${first}`);
    const turn = { index: 0, ...opening, response: 'x', finish: 'stop', tokens: 1 } as const;
    const followUp = nextRequest(grounded, [turn], false, rng(1))!;
    expect(followUp.plain).toBe(second);
    expect(followUp.request).toBe(second);
    expect(nextRequest(grounded, [turn, turn], false, rng(1))).toBeNull();
  });

  it('wraps the request in the attack and keeps the plain words', () => {
    const attacked = nextRequest({ ...scenario, attack: 'base64' }, [], false, rng(1))!;
    expect(Buffer.from(attacked.request, 'base64').toString()).toBe(attacked.plain);
  });

  it('knows the persona of every built-in scenario', () => {
    for (const item of expandSuite(dev)) expect(Object.keys(PERSONAS)).toContain(item.persona);
    expect(() => nextRequest({ ...scenario, persona: 'toString' }, [], false, rng(1))).toThrow(
      'unknown persona',
    );
  });
});
