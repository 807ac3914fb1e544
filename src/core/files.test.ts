import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensureFolder, ensureWritableFile, isSameFile, writeWhole } from './files.ts';

const place = (): string => mkdtempSync(join(tmpdir(), 'temper-files-'));
const resource = expect.objectContaining({ code: 'resource' }) as Error;
const device = existsSync('/dev/full');

describe('whole files', () => {
  test('folders are made, links followed, nothing left beside', () => {
    const folder = place();
    const path = join(folder, 'a', 'b.txt');
    writeWhole(path, 'one');
    symlinkSync(path, join(folder, 'link'));
    writeWhole(join(folder, 'link'), 'two');
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(readdirSync(join(folder, 'a'))).toEqual(['b.txt']);
    expect(readdirSync(folder).sort()).toEqual(['a', 'link']);
  });
  test('what fails leaves neither a file nor its beginning', () => {
    const folder = place();
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'file'), 'x');
    for (const path of ['sub', 'file/x', `sub/${'n'.repeat(300)}`])
      expect(() => writeWhole(join(folder, path), 'data'), path).toThrow(resource);
    expect(readdirSync(folder).sort()).toEqual(['file', 'sub']);
    expect(readdirSync(join(folder, 'sub'))).toEqual([]);
  });
  test.runIf(device)('a device stays a device, and a full one is told', () => {
    expect(() => writeWhole('/dev/full', 'data')).toThrow(/disk is full/);
    writeWhole('/dev/null', 'data');
    expect(readFileSync('/dev/null', 'utf8')).toBe('');
  });
});

test.runIf(existsSync('/proc/self'))('a folder where none can be made is an error and not a loop', () => {
  expect(() => ensureFolder('/proc/temper/x')).toThrow(resource);
});

test('whether a file can be written is known before, and nothing is left of the question', () => {
  const folder = place();
  ensureWritableFile(join(folder, 'new', 'file'));
  expect(readdirSync(join(folder, 'new'))).toEqual([]);
  expect(() => ensureWritableFile(folder)).toThrow(/it is a folder/);
});

test('the same file under two names', () => {
  const folder = place();
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('a'), 'x');
  writeFileSync(at('b'), 'x');
  linkSync(at('a'), at('hard'));
  symlinkSync(at('a'), at('soft'));
  expect(['a', 'hard', 'soft', 'b', 'none'].map((name) => isSameFile(at('a'), at(name)))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});
