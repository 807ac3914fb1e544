import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { replaceFolder } from './folder.ts';

const root = mkdtempSync(join(tmpdir(), 'temper-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const put = (value: string) => (folder: string) => writeFileSync(join(folder, 'a'), value);

test('a folder of the same kind is replaced, and nothing stays beside it', () => {
  const path = join(root, 'deep', 'one');
  replaceFolder(path, ['a', 'b'], put('first'));
  writeFileSync(join(path, 'b'), 'more');
  mkdirSync(`${path}.tmp`); // what a killed run left
  replaceFolder(path, ['a', 'b'], put('second'));
  expect(readFileSync(join(path, 'a'), 'utf8')).toBe('second');
  expect(readdirSync(path)).toEqual(['a']);
  expect(readdirSync(join(root, 'deep'))).toEqual(['one']);
});

test('what holds anything else, or is a file, is left alone', () => {
  const path = join(root, 'two');
  mkdirSync(join(path, 'notes'), { recursive: true });
  writeFileSync(join(path, 'a'), 'old');
  writeFileSync(join(root, 'file'), 'old');
  expect(() => replaceFolder(path, ['a'], put('new'))).toThrow(/notes/);
  expect(() => replaceFolder(join(root, 'file'), ['a'], put('new'))).toThrow(/not a folder/);
  expect(readFileSync(join(path, 'a'), 'utf8')).toBe('old');
  expect(readFileSync(join(root, 'file'), 'utf8')).toBe('old');
});

test('a write that fails leaves the old folder and no other', () => {
  const path = join(root, 'three');
  replaceFolder(path, ['a'], put('old'));
  const fail = (folder: string) => {
    put('half')(folder);
    throw new Error('disk full');
  };
  expect(() => replaceFolder(path, ['a'], fail)).toThrow('disk full');
  expect(readFileSync(join(path, 'a'), 'utf8')).toBe('old');
  expect(existsSync(`${path}.tmp`)).toBe(false);
});
