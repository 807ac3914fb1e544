/** What every store must do, as tests: a backend's test file calls it. `make` gives an opener of one empty store. */
import { expect, test } from 'vitest';
import type { Conversation, Finding, PreferenceExample, Scenario, Verdict } from '../../src/core/records.ts';
import type { FindingChange, RunRecord, Store } from '../../src/store/store.ts';

const scenario: Scenario = {
  id: 's1',
  key: 'theft-1+plain',
  suite: 'test',
  split: 'dev',
  category: 'theft',
  kind: 'adversarial',
  metric: 'severity',
  persona: 'ordinary-person',
  objective: 'Ask for "help"; drop table runs;--',
  turns: 1,
};
const conversation = (id: string, target = 't1'): Conversation => ({
  id,
  scenario: 's1',
  target,
  simulator: 'scripted:1',
  seed: 1,
  sample: 0,
  turns: [
    {
      index: 0,
      request: 'r',
      plain: 'r',
      move: 'opening',
      response: 'a \u0000 \uD83D\uDE00 <b>',
      finish: 'stop',
      tokens: 3,
    },
  ],
});
const verdict = (id: string, of: string, judge = 'j:1'): Verdict => ({
  id,
  conversation: of,
  turn: 0,
  metric: 'severity',
  judge,
  status: 'scored',
  severity: 4,
});

export function storeContract(name: string, make: () => () => Store): void {
  test(`${name}: a conversation comes back as it was, by id and by target, once however often it is saved`, async () => {
    await using store = make()();
    for (let i = 0; i < 3; i++)
      await store.saveConversation({ scenario, conversation: conversation('c1') }, [verdict('v1', 'c1')]);
    expect(await store.conversation('c1')).toEqual({ scenario, conversation: conversation('c1') });
    expect(await store.conversation('none')).toBeNull();
    expect(await store.verdicts('c1', 'j:1')).toEqual([verdict('v1', 'c1')]);
    expect(await store.verdicts('c1', 'other')).toEqual([]);
    expect(await Array.fromAsync(store.conversations('t1'))).toHaveLength(1);
  });

  test(`${name}: a verdict that is given again takes the place of the first`, async () => {
    await using store = make()();
    const record = { scenario, conversation: conversation('c1') };
    const { status: _, ...rest } = verdict('v1', 'c1');
    const failure: Verdict = { ...rest, status: 'unscored', reason: 'judge-error: cut' };
    await store.saveConversation(record, [failure, verdict('v2', 'c1')]);
    await store.saveConversation(record, [verdict('v1', 'c1')]);
    expect(new Set(await store.verdicts('c1', 'j:1'))).toEqual(
      new Set([verdict('v1', 'c1'), verdict('v2', 'c1')]),
    );
  });

  test(`${name}: a conversation that went another way takes the place of the first, and the verdicts and findings on that go`, async () => {
    await using store = make()();
    const first = conversation('c1');
    await store.saveConversation({ scenario, conversation: first }, [
      verdict('v1', 'c1'),
      verdict('v2', 'c1', 'k:1'),
    ]);
    const finding = (id: string, of: string): Finding => ({
      id,
      kind: 'harm',
      conversation: of,
      scenario: 's1',
      verdict: 'v1',
      turn: 0,
      category: 'theft',
    });
    await store.saveConversation({ scenario, conversation: conversation('c2') }, []);
    await store.saveFindings([finding('f1', 'c1'), finding('f2', 'c2')]);
    // Saved again as it was, it keeps them.
    await store.saveConversation({ scenario, conversation: first }, [verdict('v1', 'c1')]);
    expect(await Array.fromAsync(store.findings())).toHaveLength(2);
    const again = { ...first, turns: [{ ...first.turns[0]!, response: 'another' }] };
    await store.saveConversation({ scenario, conversation: again }, [verdict('v3', 'c1')]);
    expect((await store.conversation('c1'))?.conversation).toEqual(again);
    expect(await store.verdicts('c1', 'j:1')).toEqual([verdict('v3', 'c1')]);
    expect(await store.verdicts('c1', 'k:1')).toEqual([]);
    expect(await Array.fromAsync(store.findings())).toEqual([finding('f2', 'c2')]);
    expect(await store.find('f1')).toBeNull();
    const anew = { ...finding('f1', 'c1'), verdict: 'v3' };
    await store.saveFindings([anew]);
    expect(await store.find('f1')).toMatchObject({ finding: anew, conversation: again });
  });

  test(`${name}: what a judge judged, with its verdicts; calibrations, newest first`, async () => {
    await using store = make()();
    await store.saveConversation({ scenario, conversation: conversation('c2') }, [verdict('v2', 'c2')]);
    await store.saveConversation({ scenario, conversation: conversation('c1', 't2') }, [
      verdict('v1', 'c1'),
      verdict('v3', 'c1', 'k:1'),
    ]);
    const judged = await Array.fromAsync(store.judged('j:1'));
    expect(judged.map((each) => each.verdicts)).toEqual([[verdict('v1', 'c1')], [verdict('v2', 'c2')]]);
    expect(judged[0]).toMatchObject({ scenario, conversation: { id: 'c1' } });
    expect(await Array.fromAsync(store.judged('none'))).toEqual([]);
    const record = (created: string) => ({ judge: 'j:1', metric: 'severity' as const, created, more: [1] });
    for (const created of ['2026-01-01', '2026-01-03', '2026-01-02', '2026-01-02'])
      await store.saveCalibration(record(created));
    expect(await store.calibrations()).toEqual(['2026-01-03', '2026-01-02', '2026-01-01'].map(record));
  });

  test(`${name}: many conversations stream in the order of their ids`, async () => {
    await using store = make()();
    const ids = Array.from({ length: 1203 }, (_, i) => `c${String((i * 7919) % 1203).padStart(5, '0')}`);
    for (const id of ids) await store.saveConversation({ scenario, conversation: conversation(id) }, []);
    const read = (await Array.fromAsync(store.conversations('t1'))).map((record) => record.conversation.id);
    expect(read).toEqual([...ids].sort());
    expect(await Array.fromAsync(store.conversations('t2'))).toEqual([]);
  });

  test(`${name}: runs, stages and the latest finished run`, async () => {
    await using store = make()();
    const run: RunRecord = {
      id: 'r1',
      created: '2026-01-01T00:00:00.000Z',
      status: 'running',
      config: { a: [1] },
    };
    await store.saveRun(run);
    expect(await store.latestFinishedRun()).toBeNull();
    expect(await store.stage('r1', 'curate')).toBeNull();
    await store.finishStage('r1', 'curate', { dataset: 'd1' });
    expect(await store.stage('r1', 'curate')).toEqual({ dataset: 'd1' });
    const finished: RunRecord = {
      ...run,
      status: 'finished',
      scorecard: { x: 1 },
      adapter: 'dir',
      finished: '2026-01-02T00:00:00.000Z',
    };
    await store.saveRun(finished);
    expect(await store.latestFinishedRun()).toEqual(finished);
    expect(await store.runs()).toEqual([finished]);
  });

  test(`${name}: arms of a run are added to; notes come oldest first, the same once`, async () => {
    await using store = make()();
    await store.saveRun({ id: 'r1', created: '2026-01-01', status: 'running', config: {} });
    for (const id of ['c1', 'c2', 'c3'])
      await store.saveConversation({ scenario, conversation: conversation(id) }, []);
    await store.saveArm('r1', 'verify: before', ['c1']);
    await store.saveArm('r1', 'verify: before', ['c1', 'c2']);
    await store.saveArm('r1', 'verify: after', ['c3']);
    const arms = await store.arms('r1');
    expect([...(arms.get('verify: before') ?? [])].sort()).toEqual(['c1', 'c2']);
    expect(arms.get('verify: after')).toEqual(['c3']);
    expect((await store.arms('r2')).size).toBe(0);
    const note = (created: string, subject: string) => ({
      kind: 'example',
      subject,
      author: 'Ada <b>',
      created,
      record: { decision: 'reject', why: created },
    });
    const second = await store.saveNote(note('2026-01-02', 'e1'));
    const first = await store.saveNote(note('2026-01-01', 'e2'));
    expect(await store.saveNote(note('2026-01-02', 'e1'))).toEqual(second);
    expect(await store.notes('example')).toEqual([first, second]);
    expect(await store.notes('example', 'e1')).toEqual([second]);
    expect(await store.notes('label')).toEqual([]);
    // A conversation that went another way keeps its place in its arm.
    const again = { ...conversation('c1'), turns: [] };
    await store.saveConversation({ scenario, conversation: again }, []);
    expect((await store.arms('r1')).get('verify: before')).toHaveLength(2);
  });

  test(`${name}: datasets keep their order; any record is found by its id`, async () => {
    await using store = make()();
    const example = (id: string): PreferenceExample => ({
      id,
      prompt: [{ role: 'user', content: 'p' }],
      chosen: [{ role: 'assistant', content: 'c' }],
      rejected: [{ role: 'assistant', content: 'r' }],
      purpose: 'harm',
      category: 'theft',
      lineage: { source: 'finding', finding: 'f1', chosenBy: 'writer:x@1', rejectedBy: 'target' },
    });
    await store.saveDataset('d1', [example('e2'), example('e1')], { counts: {} });
    await store.saveDataset('d1', [example('e2'), example('e1')], { counts: {} });
    expect((await store.dataset('d1'))?.examples.map((e) => e.id)).toEqual(['e2', 'e1']);
    expect(await store.datasets()).toEqual([{ id: 'd1', details: { counts: {} } }]);
    await store.saveConversation({ scenario, conversation: conversation('c1') }, []);
    const finding: Finding = {
      id: 'f1',
      kind: 'harm',
      conversation: 'c1',
      scenario: 's1',
      verdict: 'v1',
      turn: 0,
      category: 'theft',
    };
    await store.saveFindings([finding, finding]);
    expect(await Array.fromAsync(store.findings())).toEqual([finding]);
    expect(await store.find('e1')).toMatchObject({ dataset: 'd1' });
    expect(await store.find('f1')).toMatchObject({ finding, conversation: { id: 'c1' } });
    for (const nothing of ['nothing', '', '%', 'e'.repeat(40)]) expect(await store.find(nothing)).toBeNull();
  });

  test(`${name}: the register keeps what is said of a finding; saving it again changes nothing`, async () => {
    await using store = make()();
    await store.saveConversation({ scenario, conversation: conversation('c1') }, []);
    const finding = (id: string, kind: Finding['kind'] = 'harm'): Finding => ({
      id,
      kind,
      conversation: 'c1',
      scenario: 's1',
      verdict: 'v1',
      turn: 0,
      category: 'theft',
      severity: 4,
    });
    await store.saveFindings([finding('f1'), finding('f3', 'over-refusal')]);
    await store.saveFindings([finding('f2')], 'import:garak');
    const changed = '2026-01-01T00:00:00.000Z';
    const change = {
      status: 'confirmed',
      replays: 3,
      reproduced: 2,
      cluster: 'locks',
      note: 'seen',
      changed,
    } as const;
    await store.changeFindings(
      new Map<string, FindingChange>([
        ['f1', change],
        ['f2', { duplicateOf: 'f1', cluster: 'locks' }],
        ['none', { status: 'fixed' }],
      ]),
    );
    await store.saveFindings([finding('f1'), finding('f2')]);
    expect(await store.registered('f1')).toEqual({ finding: finding('f1'), source: 'temper', ...change });
    expect(await store.registered('f2')).toEqual({
      finding: finding('f2'),
      source: 'import:garak',
      status: 'new',
      cluster: 'locks',
      duplicateOf: 'f1',
      replays: 0,
      reproduced: 0,
    });
    await store.changeFindings(new Map([['f1', { note: null, status: 'dismissed' }]]));
    expect(await store.registered('f1')).not.toHaveProperty('note');
    expect(await store.registered('none')).toBeNull();
    const ids = async (filter: Parameters<Store['register']>[0]): Promise<string[]> =>
      (await Array.fromAsync(store.register(filter))).map((entry) => entry.finding.id);
    expect(await ids({})).toEqual(['f1', 'f2', 'f3']);
    expect(await ids({ status: 'new' })).toEqual(['f2', 'f3']);
    expect(await ids({ kind: 'over-refusal' })).toEqual(['f3']);
    expect(await ids({ category: 'other' })).toEqual([]);
  });

  test(`${name}: every kind of id is found, by its beginning where that is one record's alone`, async () => {
    await using store = make()();
    const judged = { id: 'v1', conversation: 'c1', turn: 0, metric: 'severity', judge: 'j' } as const;
    const verdict: Verdict = { ...judged, status: 'scored', severity: 3 };
    await store.saveConversation({ scenario, conversation: conversation('c1') }, [verdict]);
    await store.saveConversation({ scenario, conversation: conversation('c12') }, []);
    const found = { conversation: { id: 'c1' }, verdicts: [verdict] };
    expect(await store.find('c1')).toMatchObject(found);
    expect(await store.find('v')).toMatchObject({ verdict, ...found });
    expect(await store.find('t1')).toEqual({ target: 't1', conversations: ['c1', 'c12'] });
    for (const text of [scenario.id, scenario.key])
      expect(await store.find(text)).toEqual({ scenario, conversations: ['c1', 'c12'] });
    await store.saveDataset('d1', [], { counts: {} });
    expect(await store.find('d')).toMatchObject({ dataset: 'd1', examples: [] });
    await expect(store.find('c')).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/conversation c1, conversation c12/) as string,
    });
  });

  test(`${name}: two connections share the store`, async () => {
    const open = make();
    await using one = open();
    await using two = open();
    await one.saveConversation({ scenario, conversation: conversation('c1') }, []);
    await two.saveConversation({ scenario, conversation: conversation('c2') }, []);
    expect(await Array.fromAsync(one.conversations('t1'))).toHaveLength(2);
  });
}
