import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorMessage } from './errors.ts';
import { canonicalJson, contentHash } from './ids.ts';
import { readJsonl } from './jsonl.ts';
import { printable, printableInLine } from './limits.ts';
import { rng } from './rng.ts';

const file = (content: string | Uint8Array): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'temper-core-')), 'x.jsonl');
  writeFileSync(path, content);
  return path;
};

test('an error of the file system is told without its code and path; others as they are', () => {
  const failing = (path: string): unknown => {
    try {
      return readFileSync(path);
    } catch (error) {
      return error;
    }
  };
  expect(errorMessage(failing("/no 'such', place"))).toBe('no such file or directory');
  expect(errorMessage(failing(tmpdir()))).toBe('illegal operation on a directory');
  expect(errorMessage(new Error('EAT: this, now'))).toBe('EAT: this, now');
  expect(errorMessage('text')).toBe('text');
});

describe('ids', () => {
  test('do not depend on the order of keys or on undefined members', () => {
    expect(contentHash({ a: 1, b: [{ d: 2, c: 3 }] })).toBe(
      contentHash({ b: [{ c: 3, d: 2 }], a: 1, e: undefined }),
    );
    expect(contentHash([1, 2])).not.toBe(contentHash([2, 1]));
  });
  test('stay as they were: stores and exports hold them', () => {
    const value = { role: 'user', content: 'a "quoted" line\n', more: [1, null, { b: undefined, a: 2 }] };
    expect(contentHash({ ...value, é: 1, Z: 0 })).toBe('f67d724f9837f662a221');
  });
  test('canonical JSON parses back to the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
  test('what has no JSON has no id', () => {
    expect(() => contentHash({ x: Number.NaN })).toThrow(TypeError);
    expect(() => contentHash(undefined)).toThrow(TypeError);
  });
});

describe('rng', () => {
  test('streams are determined by their name and differ by it', () => {
    const take = (...name: unknown[]) => Array.from({ length: 5 }, rng(...name).next);
    expect(take('a', 1)).toEqual(take('a', 1));
    expect(take('a', 1)).not.toEqual(take('a', 2));
  });
  test('uniform and normal have the moments that they should', () => {
    const random = rng('moments');
    const uniform = Array.from({ length: 20_000 }, random.next);
    const normal = Array.from({ length: 20_000 }, random.normal);
    const mean = (x: number[]) => x.reduce((a, b) => a + b, 0) / x.length;
    expect(Math.abs(mean(uniform) - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(mean(normal))).toBeLessThan(0.03);
    expect(Math.abs(mean(normal.map((x) => x * x)) - 1)).toBeLessThan(0.05);
  });
  test('a shuffle is a permutation', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (items) => {
        expect(rng('s').shuffle(items).sort()).toEqual([...items].sort());
      }),
    );
  });
});

describe('jsonl', () => {
  test('reads back what was written, with or without CR, blank lines and BOM', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue().filter((v) => v !== null)), async (values) => {
        const path = file(`\uFEFF${values.map((value) => JSON.stringify(value)).join('\r\n\n')}`);
        const read = (await Array.fromAsync(readJsonl(path))).map((line) => line.value);
        expect(read).toEqual(values.map((value) => JSON.parse(JSON.stringify(value)) as unknown));
      }),
      { numRuns: 40 },
    );
  });
  test('a broken line is named', async () => {
    await expect(Array.fromAsync(readJsonl(file('{"a":1}\n\n{"a":')))).rejects.toThrow(/x\.jsonl, line 3/);
  });
  test('a line that is not UTF-8 is named, not mended', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"a":"\u00E9"}\n{"a":"'),
      Buffer.of(0xff),
      Buffer.from('"}\n'),
    ]);
    await expect(Array.fromAsync(readJsonl(file(bytes)))).rejects.toThrow(
      /x\.jsonl, line 2: not valid UTF-8/,
    );
  });
  test('numbers beyond a double come back with their digits', async () => {
    const line = '{"id":12345678901234567891,"far":[1e400],"near":1.5,"exact":0.30000000000000004}';
    const [read] = await Array.fromAsync(readJsonl(file(line)));
    expect(JSON.stringify(read?.value)).toBe(line);
    expect(read?.value).toMatchObject({ near: 1.5, exact: 0.1 + 0.2 });
  });
  test('a line without end is refused, not read into memory', async () => {
    await expect(Array.fromAsync(readJsonl(file('x'.repeat((16 << 20) + 300_000))))).rejects.toThrow(
      /longer than/,
    );
  });
});

test('printable text carries no control characters and is bounded', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).not.toMatch(
        // oxlint-disable-next-line no-control-regex
        /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/,
      );
    }),
  );
  expect(printable('\u001B[31mred\u001B[0m \u202Eevil')).toBe('\uFFFD[31mred\uFFFD[0m \uFFFDevil');
  expect(printable('a\u061Cb')).toBe('a\uFFFDb');
  expect(printableInLine('a\n\tb\u0007')).toBe('a b\uFFFD');
  expect(printable('x'.repeat(10_000), 100).length).toBeLessThan(140);
});
