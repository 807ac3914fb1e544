import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configSchema } from '../config/config.ts';
import type { Scenario } from '../core/records.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { sharedWords } from '../scenarios/contrast.ts';
import { loadSuites, suiteTexts } from '../scenarios/suite.ts';
import { evenlyByAttack, loadSplits, roundScenarios } from './scenarios.ts';

describe('what training may not see', () => {
  test.each([{}, { sealed: { adversarial: 1, benign: 0, grounded: 0, general: 0 } }])(
    'is the whole sealed suite, whichever of it runs: %j',
    (suites) => {
      const config = configSchema.parse({ suites });
      const splits = loadSplits(config);
      const { guarded, sealed, holdout } = roundScenarios(config, splits);
      const texts = new Set(guarded.map(({ text }) => text));
      const all = splits.sealed.flatMap(suiteTexts).map(({ text }) => text);
      expect(all.length).toBeGreaterThan(500);
      expect(all.filter((text) => !texts.has(text))).toEqual([]);
      expect(new Set(sealed.map(({ objective }) => objective)).size).toBeLessThan(all.length * 0.6);
      expect(holdout.length).toBeGreaterThan(20);
      for (const { objective } of holdout) expect(texts).toContain(objective);
    },
  );
});

test('candidates are chosen by what the limits leave out of training, too, unless the run is a small one', () => {
  const held = (adversarial: number) => {
    const config = configSchema.parse({ suites: { dev: { adversarial } } });
    const { holdout, train } = roundScenarios(config, loadSplits(config));
    const asked = holdout.filter(({ kind }) => kind === 'adversarial');
    const learnt = new Set(train.map(({ objective }) => objective));
    expect(asked.filter(({ objective }) => learnt.has(objective))).toEqual([]);
    return asked.length;
  };
  expect([held(8), held(140)]).toEqual([8, 80]);
});

test('look-alikes that choose are close to their partners, in single turns; two suites choose with as many as one', () => {
  const config = configSchema.parse({});
  const splits = loadSplits(config);
  const { holdout, train } = roundScenarios(config, splits);
  const texts = new Map(splits.dev.flatMap(({ items }) => items.map((item) => [item.key, item])));
  const closeness = (scenarios: readonly Scenario[]): number => {
    const shares = scenarios.flatMap(({ kind, partner, objective, attack }) => {
      const other = texts.get(partner?.split('+')[0] ?? '');
      return kind === 'benign' && attack !== undefined && other && 'prompt' in other
        ? [sharedWords(objective, other.prompt)]
        : [];
    });
    return shares.toSorted((a, b) => a - b)[Math.floor(shares.length / 2)]!;
  };
  expect(closeness(holdout)).toBeGreaterThan(closeness(train) + 0.05);
  expect(new Set(holdout.map(({ turns }) => turns))).toEqual(new Set([1]));
  const [dev] = splits.dev;
  const twice = roundScenarios(config, { ...splits, dev: [dev!, { ...dev!, id: 'second' }] });
  const asked = (scenarios: readonly Scenario[]) =>
    scenarios.filter(({ kind }) => kind === 'adversarial').length;
  expect(asked(twice.holdout)).toBe(asked(holdout));
});

test('texts to continue and to sum up choose, too', () => {
  const config = configSchema.parse({});
  const splits = loadSplits(config);
  const texts = new Set(
    [...splits.dev, ...splits.sealed].flatMap(({ items }) =>
      items.flatMap((item) => ('task' in item && item.task !== 'ask' ? [item.prompt] : [])),
    ),
  );
  const { holdout, sealed } = roundScenarios(config, splits);
  for (const kind of ['adversarial', 'benign'])
    for (const scenarios of [holdout, sealed]) {
      const some = scenarios.filter((scenario) => scenario.kind === kind);
      const share = some.filter(({ objective }) => texts.has(objective)).length / some.length;
      expect(share).toBeGreaterThan(0.1);
      expect(share).toBeLessThan(0.25);
    }
});

test('a persona or an attack that nobody knows is found when the suites are loaded, all at once', () => {
  const directory = mkdtempSync(join(tmpdir(), 'temper-suites-'));
  for (const suite of loadSuites(BUILT_IN.suites)) {
    const [plain, attack, ...arms] = suite.arms;
    const broken = [
      { ...plain!, personas: { ...plain!.personas, benign: 'nobody' } },
      { ...attack!, attacks: [{ id: 'spell', family: 'magic' }] },
      ...arms,
    ];
    const changed = suite.split === 'dev' ? { ...suite, arms: broken } : suite;
    writeFileSync(join(directory, `${suite.split}.json`), JSON.stringify(changed));
  }
  const config = configSchema.parse({ suites: { directory } });
  expect(() => loadSplits(config)).toThrow(
    /arm 'plain': unknown persona 'nobody'\n.*arm 'attack': unknown attack 'spell'/,
  );
});

test('a small limit of attacks takes as many of each attack', () => {
  const config = configSchema.parse({ suites: { dev: { adversarial: null } } });
  const { dev } = roundScenarios(config, loadSplits(config));
  const all = dev.filter(({ kind }) => kind === 'adversarial');
  const attacks = new Set(all.map(({ attack }) => attack));
  const few = evenlyByAttack(all, attacks.size + 1);
  expect(few).toHaveLength(attacks.size + 1);
  expect(new Set(few.map(({ attack }) => attack))).toEqual(attacks);
  expect(evenlyByAttack(all, null)).toEqual(all);
  expect(evenlyByAttack(all, 0)).toEqual([]);
});
