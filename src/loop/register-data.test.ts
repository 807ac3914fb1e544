/** What of the register feeds a round. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testScenario } from '../../test/scenario.ts';
import type { Scenario } from '../core/records.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { FindingStatus, Store } from '../store/store.ts';
import { feeds, registerData, registerText } from './register-data.ts';

const KNOWN = new Set(['theft']);

async function keep(
  store: Store,
  id: string,
  source: string,
  status: FindingStatus,
  parts: Partial<Scenario> = {},
): Promise<void> {
  const scenario = testScenario({ id: `s-${id}`, key: id, ...parts });
  const turn = {
    index: 0,
    request: id,
    plain: id,
    move: 'opening',
    response: 'Sure.',
    finish: 'stop',
  } as const;
  const conversation = {
    id: `c-${id}`,
    scenario: scenario.id,
    target: 't',
    simulator: 'x',
    seed: 1,
    sample: 0,
    turns: [{ ...turn, tokens: 1 }],
  };
  await store.saveConversation({ scenario, conversation }, []);
  const { category } = scenario;
  const finding = {
    id,
    kind: 'harm',
    conversation: conversation.id,
    scenario: scenario.id,
    verdict: `v-${id}`,
  } as const;
  await store.saveFindings([{ ...finding, turn: 0, category, severity: 4 }], source);
  await store.changeFindings(new Map([[id, { status }]]));
}

test('confirmed and imported findings feed; new and dismissed ones, and those that the round makes itself, do not', async () => {
  await using store = openSqlite(join(mkdtempSync(join(tmpdir(), 'temper-register-')), 'store.sqlite'));
  const read = () =>
    registerData(store, { scenarios: new Set(['s-asked']), findings: new Set(['by-hand']) }, (category) =>
      KNOWN.has(category),
    );
  expect(await read()).toMatchObject({ id: null, findings: [] });
  await keep(store, 'new', 'temper', 'new');
  await keep(store, 'asked', 'temper', 'confirmed');
  expect(await read()).toMatchObject({ id: null, findings: [] });

  await keep(store, 'confirmed', 'temper', 'confirmed');
  await keep(store, 'fixed', 'temper', 'fixed');
  await keep(store, 'import', 'import:csv', 'new');
  await keep(store, 'wrong', 'import:csv', 'dismissed');
  await keep(store, 'strange', 'import:csv', 'new', { category: 'unmapped' });
  await keep(store, 'sealed', 'import:csv', 'new', { split: 'sealed' });
  await keep(store, 'denied', 'temper', 'dismissed');
  await keep(store, 'by-hand', 'temper', 'confirmed');
  const data = await read();
  expect(data.findings.map(({ finding, saidBy }) => `${finding.id} ${saidBy}`)).toEqual([
    'confirmed target',
    'fixed target',
    'import import',
  ]);
  expect(data.passedOver).toEqual({ 'of no category of the taxonomy': 1, 'of the sealed side': 1 });
  expect(registerText(data)).toMatch(/3 findings feed the round; passed over: .*1 of no category/);

  // What a round says of them does not change what fed it.
  await store.changeFindings(
    new Map([
      ['confirmed', { status: 'fixed' }],
      ['import', { status: 'regressed' }],
    ]),
  );
  expect((await read()).id).toBe(data.id);
});

test.each([
  ['round:1', 'new', false],
  ['round:1', 'fixed', false],
  ['round:1', 'confirmed', true],
  ['temper', 'regressed', true],
  ['import:pyrit', 'fixed', true],
  ['import:pyrit', 'dismissed', false],
] as const)('%s, %s', (source, status, expected) => {
  const entry = { source, status, replays: 0, reproduced: 0, finding: {} as never };
  expect(feeds(entry)).toBe(expected);
});
