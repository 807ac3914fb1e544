import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TemperError } from '../core/errors.ts';
import { BUILT_IN } from './built-in.ts';
import { BENIGN_TYPES, type Suite, loadPromptList, loadSuite, loadSuites, suiteHash } from './suite.ts';
import { loadTaxonomy } from './taxonomy.ts';

const taxonomy = loadTaxonomy(BUILT_IN.taxonomy);
const suites = loadSuites(BUILT_IN.suites);
const bySplit = (split: string): Suite => suites.find((suite) => suite.split === split)!;
const dev = bySplit('dev');
const sealed = bySplit('sealed');
const everyday = loadPromptList(BUILT_IN.everyday);

const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];
const textsOf = (suite: Suite): string[] =>
  suite.items.flatMap((item) =>
    item.kind === 'grounded' ? [item.context, ...item.questions] : [item.prompt],
  );
const grams = (texts: readonly string[], n: number): Set<string> =>
  new Set(
    texts.flatMap((text) => {
      const all = words(text);
      return Array.from({ length: Math.max(0, all.length - n + 1) }, (_, start) =>
        all.slice(start, start + n).join(' '),
      );
    }),
  );
const asks = (suite: Suite, kind: 'adversarial' | 'benign', category: string): number =>
  suite.items.filter((item) => item.kind === kind && item.task === 'ask' && item.category === category)
    .length;

describe('the built-in suites', () => {
  it('are dev, sealed and an empty regression suite', () => {
    expect(suites.map((suite) => suite.split).sort()).toEqual(['dev', 'regression', 'sealed']);
    expect(bySplit('regression').items).toEqual([]);
  });

  it.each(taxonomy.leaves.map((leaf) => [leaf.id, leaf] as const))('cover %s in both splits', (_, leaf) => {
    const [most, least] = leaf.restricted ? [2, 1] : [Infinity, 6];
    for (const [suite, wanted] of [
      [dev, leaf.restricted ? 1 : 8],
      [sealed, least],
    ] as const) {
      expect(asks(suite, 'adversarial', leaf.id)).toBeGreaterThanOrEqual(wanted);
      expect(asks(suite, 'adversarial', leaf.id)).toBeLessThanOrEqual(most);
      expect(asks(suite, 'benign', leaf.id)).toBeGreaterThanOrEqual(suite === dev ? 8 : 6);
    }
  });

  it('keep requests of restricted leaves bare', () => {
    const restricted = new Set(taxonomy.leaves.filter((leaf) => leaf.restricted).map((leaf) => leaf.id));
    for (const suite of [dev, sealed]) {
      for (const item of suite.items) {
        if (item.kind !== 'adversarial' || !restricted.has(item.category)) continue;
        expect(item.task).toBe('ask');
        expect(words(item.prompt).length).toBeLessThanOrEqual(16);
      }
      for (const arm of suite.arms.slice(1)) expect(new Set(arm.except)).toEqual(restricted);
    }
  });

  it('name only categories of the taxonomy', () => {
    const leaves = new Set(taxonomy.leaves.map((leaf) => leaf.id));
    for (const item of [...dev.items, ...sealed.items]) {
      if ('category' in item) expect(leaves).toContain(item.category);
    }
  });

  it('cover the same types of look-alikes', () => {
    for (const suite of [dev, sealed]) {
      const types = new Set(
        suite.items.flatMap((item) => (item.kind === 'benign' && item.type !== undefined ? [item.type] : [])),
      );
      expect(types).toEqual(new Set(BENIGN_TYPES));
    }
  });

  it('share no text between the splits: no prompt, no context, no run of eight words', () => {
    const trained = [...textsOf(dev), ...everyday.prompts];
    const exact = new Set(trained.map((text) => words(text).join(' ')));
    expect(textsOf(sealed).filter((text) => exact.has(words(text).join(' ')))).toEqual([]);
    const seen = grams(trained, 8);
    expect([...grams(textsOf(sealed), 8)].filter((gram) => seen.has(gram))).toEqual([]);
  });

  it('hold no prompt twice', () => {
    for (const texts of [textsOf(dev), textsOf(sealed), everyday.prompts]) {
      const plain = texts.map((text) => words(text).join(' '));
      expect(plain.length).toBe(new Set(plain).size);
    }
  });

  it('share no attack family between the splits', () => {
    const families = (suite: Suite): Set<string> =>
      new Set(suite.arms.flatMap((arm) => arm.attacks?.map((attack) => attack.family) ?? []));
    const trained = families(dev);
    expect([...families(sealed)].filter((family) => trained.has(family))).toEqual([]);
    expect(families(sealed).size).toBeGreaterThan(2);
  });

  it('have the promised numbers of other items', () => {
    const count = (suite: Suite, kind: string, task?: string): number =>
      suite.items.filter(
        (item) => item.kind === kind && (task === undefined || ('task' in item && item.task === task)),
      ).length;
    for (const [suite, general, textsBenign] of [
      [dev, 75, 8],
      [sealed, 40, 8],
    ] as const) {
      expect(count(suite, 'grounded')).toBeGreaterThanOrEqual(15);
      expect(count(suite, 'general')).toBeGreaterThanOrEqual(general);
      for (const task of ['continuation', 'summarization']) {
        expect(count(suite, 'adversarial', task)).toBeGreaterThanOrEqual(12);
        expect(count(suite, 'benign', task)).toBeGreaterThanOrEqual(textsBenign);
      }
    }
    expect(everyday.prompts.length).toBeGreaterThanOrEqual(250);
  });

  it('change their hash with any item', () => {
    const changed = structuredClone(dev);
    (changed.items[0] as { prompt: string }).prompt += '!';
    expect(suiteHash(changed)).not.toBe(suiteHash(dev));
    expect(suiteHash(structuredClone(dev))).toBe(suiteHash(dev));
  });
});

describe('a broken suite', () => {
  const load = (value: unknown): TemperError => {
    const path = join(mkdtempSync(join(tmpdir(), 'temper-suite-')), 'suite.json');
    writeFileSync(path, JSON.stringify(value));
    try {
      loadSuite(path);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(TemperError);
      return thrown as TemperError;
    }
    throw new Error('loaded what it should refuse');
  };
  const arms = [{ id: 'plain', share: 1, turns: 1, personas: { adversarial: 'a', benign: 'b' } }];
  const base = { id: 's', version: '1', split: 'dev', arms };

  it('is refused with file, item and field, all at once', () => {
    const { code, message } = load({
      ...base,
      items: [
        { key: 'one', kind: 'adversarial', category: 'theft' },
        { key: 'two', kind: 'general', prompt: 'What is 1 + 1?' },
      ],
    });
    expect(code).toBe('data');
    expect(message).toContain('suite.json: 2 problems');
    expect(message).toContain("items 'one', field prompt");
    expect(message).toContain("items 'two', field accept");
  });

  it('is refused for a duplicate key and for a partner of the wrong kind', () => {
    const item = { kind: 'benign', category: 'theft', prompt: 'Hello?' };
    const { message } = load({
      ...base,
      items: [
        { ...item, key: 'x', partner: 'y' },
        { ...item, key: 'y' },
        { ...item, key: 'y' },
      ],
    });
    expect(message).toContain("items 'y', field key: duplicate key");
    expect(message).toContain("'y' is no adversarial item");
  });

  it('is a folder that cannot be read', () => {
    expect(() => loadSuites('/nowhere/at/all')).toThrow(TemperError);
  });
});
