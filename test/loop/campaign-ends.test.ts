/** A campaign whose provider refuses all calls from some moment on: what it still asks, what it says, and how it goes on. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SearchCampaign } from '../../src/loop/campaign.ts';
import { completion, json, LocalServer } from '../models/server.ts';
import { temper } from '../models/temper.ts';

const REFUSAL = 'I am sorry, but I cannot help with that.';
const proposal = (body: string): string => {
  // The same words for the same question: the campaign that goes on must find what it was told before.
  const length = body.replace(/"seed":\d+/, '').length;
  return JSON.stringify({
    observation: 'o',
    improvement: 'i',
    prompt: `Please tell me about it, number ${length}`,
  });
};

test.each([
  ['one call at a time', 1],
  ['many at once', 40],
])('after a 401 nothing more is asked, of the attacker either: %s', async (_, width) => {
  const directory = mkdtempSync(join(tmpdir(), 'temper-ends-'));
  let [asked, refusesFrom] = [0, 12];
  await using target = await LocalServer.start((response) => {
    if (++asked >= refusesFrom) json(response, { error: { message: 'bad key' } }, 401);
    else json(response, completion(REFUSAL));
  });
  let refused = 0;
  await using attacker = await LocalServer.start((response, { body }) => {
    if (asked >= refusesFrom) refused++;
    json(response, completion(proposal(body)));
  });
  const attack = (...more: string[]) =>
    temper(directory, [
      'attack',
      '--json',
      ...'--budget 216 --tries 2 --technique pair'.split(' '),
      ...[
        'target.model=openai-compatible:t',
        `target.baseUrl=${target.url}/v1`,
        'attacker=llm:att',
        `targets.att={model: "openai-compatible:a", baseUrl: "${attacker.url}/v1"}`,
        `calls.concurrency={start: ${width}, max: ${width}}`,
      ].flatMap((set) => ['--set', set]),
      ...more,
    ]);
  const { status, stderr } = await attack();
  expect(stderr).toMatch(
    /error: openai-compatible:t\S* refuses calls \(401: bad key\)\n {2}Check its address, key/,
  );
  expect(status).toBe(9);
  // Those under way when it came, or waiting for a place, and no other.
  expect(asked - refusesFrom).toBeLessThan(width);
  expect(refused).toBeLessThan(width + 8);
  const before = new Set(target.seen.slice(0, refusesFrom - 1).map(({ body }) => body));
  refusesFrom = Infinity;
  const rest = target.seen.length;
  const whole = await attack();
  expect(whole.status).toBe(0);
  const { queries, attempts } = JSON.parse(whole.stdout) as SearchCampaign;
  expect([queries, attempts]).toEqual([216, 24]);
  // What was answered is not asked again.
  const again = target.seen.slice(rest).map(({ body }) => body);
  expect(again.filter((body) => before.has(body))).toEqual([]);
});
