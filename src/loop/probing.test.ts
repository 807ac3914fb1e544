/** Which hidden words a target reads: asked once for each attack that the scenarios have, and kept. */
import { expect, test } from 'vitest';
import { testScenario } from '../../test/scenario.ts';
import { loadConfig } from '../config/config.ts';
import type { Target } from '../models/target.ts';
import { openSqlite } from '../store/sqlite.ts';
import { readBy } from './probing.ts';

const SENTENCES =
  'Please name three fruits that grow on trees in the summer. The train to the coast leaves at nine in the morning.';

test('what comes back was read; what does not, or fails, was not; templates are not asked about', async () => {
  await using store = openSqlite(':memory:');
  const asked: string[] = [];
  const target: Target = {
    id: 't',
    respond: (messages) => {
      const text = messages.at(-1)!.content.split('\n\n').at(-1)!;
      asked.push(text);
      // Hexadecimal cannot be put to it; of the rest it reads what has vowels, or digits for them.
      if (/^[0-9a-f ]+$/.test(text)) return Promise.reject(new Error('no connection'));
      const reads = /[0-9]/.test(text) && text.includes(' ');
      return Promise.resolve({ text: reads ? SENTENCES : 'I see letters.', finish: 'stop', tokens: 3 });
    },
  };
  const place = {
    store,
    config: loadConfig(undefined),
    emit: () => {},
    tools: {},
    targets: { concurrency: 1, base: () => Promise.resolve(target) } as never,
  };
  const scenarios = [undefined, 'leetspeak', 'base64', 'hex', 'leetspeak', 'role-play'].map((attack) =>
    testScenario(attack === undefined ? {} : { attack }),
  );
  expect(await readBy(place, scenarios)).toEqual(['leetspeak']);
  expect(asked).toHaveLength(6);
  // Failed ones alone are asked again.
  expect(await readBy(place, scenarios)).toEqual(['leetspeak']);
  expect(asked).toHaveLength(8);
  expect(await readBy(place, [testScenario()])).toEqual([]);
});
