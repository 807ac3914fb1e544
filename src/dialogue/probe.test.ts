import { expect, test } from 'vitest';
import type { Target } from '../models/target.ts';
import { ATTACKS, attackById } from './attacks/index.ts';
import { hidesWords, probe, probes, wasRead } from './probe.ts';

const answering = (answer: (request: string) => string): Target => ({
  id: 'target',
  respond: (messages) =>
    Promise.resolve({ text: answer(messages.at(-1)!.content), finish: 'stop', tokens: 1 }),
});

async function read(attack: string, target: Target): Promise<(boolean | undefined)[]> {
  const all = probes(attack, target.id, { seed: 1 });
  return Promise.all(all.map(async (each) => wasRead(each.scenario, await probe(each, target, { seed: 1 }))));
}

test('a target that decodes is seen to, one that repeats what it saw or says anything else is not', async () => {
  const decoder = answering((request) => Buffer.from(request.split('\n\n')[1]!, 'base64').toString());
  expect(await read('base64', decoder)).toEqual([true, true]);
  for (const id of Object.keys(ATTACKS).filter((name) => hidesWords(attackById(name)))) {
    const echo = answering((request) => request.split('\n\n').slice(1).join('\n\n'));
    expect([id, await read(id, echo)]).toEqual([id, [false, false]]);
  }
  expect(
    await read(
      'base64',
      answering(() => 'I cannot read this.'),
    ),
  ).toEqual([false, false]);
  const down: Target = { id: 'down', respond: () => Promise.reject(new Error('down')) };
  expect(await read('base64', down)).toEqual([undefined, undefined]);
});

test('only what hides the words is probed', () => {
  for (const id of [
    'base64',
    'rot13',
    'zero-width',
    'tag-smuggling',
    'ascii-art',
    'base64+role-play',
    'flip',
  ])
    expect([id, hidesWords(attackById(id))]).toEqual([id, true]);
  for (const id of ['role-play', 'past-tense', 'word-order', 'logical-appeal', 'table-wrapper'])
    expect([id, hidesWords(attackById(id))]).toEqual([id, false]);
});
