import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BUILT_IN } from './built-in.ts';
import { heldOut } from './held-out.ts';
import { loadSuites, type Suite } from './suite.ts';

const dev = loadSuites(BUILT_IN.suites).filter(({ split }) => split === 'dev');
const item = (key: string, kind: 'adversarial' | 'benign', partner?: string, task = 'ask') =>
  ({
    key,
    kind,
    task,
    category: 'c',
    prompt: key,
    ...(partner ? { partner } : {}),
  }) as Suite['items'][number];
const suite = (items: Suite['items']): Suite => ({ ...dev[0]!, items });

test('of every task, of pairs and of items alone, the same share is held out', () => {
  const held = heldOut(dev, () => 0.2);
  const items = dev.flatMap(({ items }) => items);
  const stratum = (one: (typeof items)[number]): string =>
    'task' in one ? `${one.task} ${one.kind} ${one.partner !== undefined}` : one.kind;
  for (const [, some] of Map.groupBy(items, stratum)) {
    const share = some.filter(({ key }) => held.has(key)).length / some.length;
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.25);
  }
});

test('a pair goes the same way, whichever of the two names the other', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('left', 'right', 'both', 'none'), { minLength: 1, maxLength: 30 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
      (pairs, share, backwards) => {
        const items = pairs.flatMap((named, i) => [
          item(`a${i}`, 'adversarial', named === 'left' || named === 'both' ? `b${i}` : undefined),
          item(`b${i}`, 'benign', named === 'right' || named === 'both' ? `a${i}` : undefined),
        ]);
        const held = heldOut([suite(backwards ? items.toReversed() : items)], () => share);
        for (const [i, named] of pairs.entries())
          if (named !== 'none') expect(held.has(`a${i}`)).toBe(held.has(`b${i}`));
      },
    ),
  );
});

test('of a suite of few items some are held out all the same', () => {
  const items = ['a', 'b'].flatMap((key) => [
    item(key, 'adversarial', `${key}-calm`),
    item(`${key}-calm`, 'benign', key),
  ]);
  expect(heldOut([suite(items)], () => 0.2).size).toBe(2);
  expect(heldOut([suite(items)], () => 0).size).toBe(0);
});

test('a look-alike of two objectives, and the same key in two suites, join what names them', () => {
  const items = [item('a', 'adversarial', 'c'), item('b', 'adversarial', 'c'), item('c', 'benign')];
  const held = [0, 1].map((share) => heldOut([suite(items)], () => share).size);
  expect(held).toEqual([0, 3]);
  const second = [item('b', 'adversarial', 'd'), item('d', 'benign')];
  for (const share of [0.3, 0.5, 0.7]) {
    const keys = heldOut([suite(items), suite(second)], () => share);
    expect(['a', 'b', 'c', 'd'].filter((key) => keys.has(key)).length % 4).toBe(0);
  }
});
