import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TemperError } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import type { Scenario } from '../core/records.ts';
import { BUILT_IN } from './built-in.ts';
import { sharedWords } from './contrast.ts';
import { expandSuite } from './expand.ts';
import { loadSuites } from './suite.ts';
import { loadTaxonomy } from './taxonomy.ts';

const suites = loadSuites(BUILT_IN.suites);
const dev = suites.find((suite) => suite.split === 'dev')!;
const sealed = suites.find((suite) => suite.split === 'sealed')!;
const regression = suites.find((suite) => suite.split === 'regression')!;
const leaves = loadTaxonomy(BUILT_IN.taxonomy).leaves.map((leaf) => leaf.id);
const count = (scenarios: readonly Scenario[], kind: string): number =>
  scenarios.filter((scenario) => scenario.kind === kind).length;

describe('expandSuite', () => {
  it.each([
    [dev, 110],
    [sealed, 90],
  ])('has the quick sizes and every category', (suite, pairs) => {
    const quick = expandSuite(suite, { preset: 'quick' });
    expect(count(quick, 'adversarial')).toBe(pairs);
    expect(count(quick, 'benign')).toBe(pairs);
    expect(count(quick, 'grounded')).toBe(12);
    expect(count(quick, 'general')).toBe(30);
    for (const kind of ['adversarial', 'benign']) {
      const categories = new Set(
        quick.filter((scenario) => scenario.kind === kind).map((scenario) => scenario.category),
      );
      expect([...categories].sort()).toEqual([...leaves].sort());
    }
    expect(new Set(quick.map((scenario) => scenario.row).filter((row) => row !== undefined)).size).toBe(5);
  });

  it('hashes everything but the key into the id, and no id or key repeats', () => {
    const all = [...expandSuite(dev), ...expandSuite(sealed)];
    expect(new Set(all.map((scenario) => scenario.id)).size).toBe(all.length);
    expect(new Set(expandSuite(dev).map((scenario) => scenario.key)).size).toBe(expandSuite(dev).length);
    const { id, key: _, ...rest } = all[0]!;
    expect(id).toBe(contentHash(rest));
  });

  it('is repeatable, and another seed chooses other cells', () => {
    const ids = (seed: number): string[] =>
      expandSuite(dev, { preset: 'quick', seed }).map((scenario) => scenario.id);
    expect(ids(3)).toEqual(ids(3));
    expect(ids(3)).not.toEqual(ids(4));
  });

  it('puts the same attacks around look-alikes as around objectives', () => {
    const full = expandSuite(dev);
    const byKey = new Map(full.map((scenario) => [scenario.key, scenario]));
    const attacked = full.filter(
      (scenario) => scenario.kind === 'adversarial' && scenario.attack !== undefined,
    );
    expect(attacked.length).toBeGreaterThan(100);
    for (const scenario of attacked) {
      expect(scenario.row).toBe('jailbreak');
      expect(byKey.get(scenario.partner!)).toMatchObject({
        kind: 'benign',
        attack: scenario.attack,
        partner: scenario.key,
      });
    }
  });

  it('keeps nearly all pairs together under a limit', () => {
    const quick = expandSuite(dev, { preset: 'quick' });
    const keys = new Set(quick.map((scenario) => scenario.key));
    const asks = quick.filter(
      (scenario) => scenario.kind === 'adversarial' && scenario.partner !== undefined,
    );
    const kept = asks.filter((scenario) => keys.has(scenario.partner!));
    expect(kept.length / asks.length).toBeGreaterThan(0.9);
  });

  it('takes the objectives whose look-alikes are closest first, other ones in each arm, and loses none', () => {
    const shared = (scenarios: readonly Scenario[]): number => {
      const shares = scenarios.flatMap(({ kind, partner, objective }) => {
        const other = dev.items.find(({ key }) => key === partner?.split('+')[0]);
        return kind === 'benign' && other
          ? [sharedWords(objective, (other as { prompt: string }).prompt)]
          : [];
      });
      return shares.reduce((sum, share) => sum + share, 0) / shares.length;
    };
    const limit = { benign: 300, adversarial: 300 };
    const close = expandSuite(dev, { limit, closest: true });
    expect(shared(close)).toBeGreaterThan(shared(expandSuite(dev, { limit })) + 0.1);
    const objectives = (attack: boolean): Set<string> =>
      new Set(close.filter((one) => (one.attack !== undefined) === attack).map((one) => one.objective));
    expect([...objectives(true)].filter((text) => objectives(false).has(text)).length).toBeLessThan(60);
    const plain = (scenarios: readonly Scenario[]): string[] =>
      scenarios.filter(({ attack, turns }) => attack === undefined && turns === 1).map(({ id }) => id);
    expect(plain(expandSuite(dev, { closest: true })).toSorted()).toEqual(plain(expandSuite(dev)).toSorted());
  });

  it('never exceeds a limit and takes subsets', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 160 }), (limit) => {
        const some = expandSuite(sealed, {
          limit: { adversarial: limit, benign: limit, grounded: limit, general: limit },
        });
        for (const kind of ['adversarial', 'benign', 'grounded', 'general']) {
          expect(count(some, kind)).toBeLessThanOrEqual(limit);
        }
        const all = new Set(expandSuite(sealed).map((scenario) => scenario.id));
        expect(some.every((scenario) => all.has(scenario.id))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('gives nothing for the empty regression suite and refuses an unknown preset', () => {
    expect(expandSuite(regression, { preset: 'quick' })).toEqual([]);
    expect(() => expandSuite(dev, { preset: 'tiny' })).toThrow(TemperError);
  });
});
