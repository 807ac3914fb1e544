import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { replaceFolder } from './folder.ts';

const actual = await vi.importActual<typeof import('node:fs')>('node:fs');
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return { ...fs, renameSync: vi.fn(fs.renameSync) };
});

const root = mkdtempSync(join(tmpdir(), 'temper-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const put = (value: string) => (folder: string) => writeFileSync(join(folder, 'a'), value);

test('a folder of the same kind is replaced, and nothing stays beside it', () => {
  const path = join(root, 'deep', 'one');
  replaceFolder(path, ['a', 'b'], put('first'));
  writeFileSync(join(path, 'b'), 'more');
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
  expect(readdirSync(root).filter((name) => name.startsWith('.temper-') || name.startsWith('three'))).toEqual(
    ['three'],
  );
});

const text = (...parts: string[]): string => readFileSync(join(...parts), 'utf8');

test("folders with like names are somebody else's", () => {
  const path = join(root, 'four', 'sft');
  for (const other of [`${path}.tmp`, `${path}.old`, join(root, 'four', '.temper-notes')]) {
    mkdirSync(other, { recursive: true });
    put('mine')(other);
  }
  replaceFolder(path, ['a'], put('first'));
  replaceFolder(path, ['a'], put('second'));
  expect(readdirSync(join(root, 'four')).sort()).toEqual(['.temper-notes', 'sft', 'sft.old', 'sft.tmp']);
  for (const name of ['.temper-notes', 'sft.old', 'sft.tmp'])
    expect(text(root, 'four', name, 'a')).toBe('mine');
});

test('what cannot be put in place leaves the old folder there', () => {
  const path = join(root, 'five');
  replaceFolder(path, ['a'], put('old'));
  const gone = (folder: string): void => {
    put('new')(folder);
    // The second rename of two fails: something has come in between.
    vi.mocked(renameSync).mockImplementationOnce((from, to) => {
      actual.renameSync(from, to);
      vi.mocked(renameSync).mockImplementationOnce(() => {
        throw Object.assign(new Error('rename'), { code: 'EIO' });
      });
    });
  };
  expect(() => replaceFolder(path, ['a'], gone)).toThrow(/disk reports an error/);
  expect(text(path, 'a')).toBe('old');
  expect(readdirSync(root).filter((name) => name.startsWith('.temper-'))).toEqual([]);
});

test('what dead processes left is removed, and the folder that one had moved away comes back; the rest stays', () => {
  const folder = join(root, 'six');
  const left = (owner: string): string => join(folder, `.temper-${owner}-a1b2C3`);
  const dead = `${hostname()}-${spawnSync('true').pid}`;
  const others = [`elsewhere-1`, `${hostname()}-${process.ppid}`];
  for (const owner of [dead, ...others]) {
    mkdirSync(join(left(owner), 'old', 'moved'), { recursive: true });
    put(owner)(join(left(owner), 'old', 'moved'));
  }
  replaceFolder(join(folder, 'next'), ['a'], put('x'));
  expect(text(folder, 'moved', 'a')).toBe(dead);
  expect(readdirSync(folder).sort()).toEqual(
    [...others.map((owner) => basename(left(owner))), 'moved', 'next'].sort(),
  );
});

test('a link to a folder stays one', () => {
  const path = join(root, 'seven');
  replaceFolder(join(path, 'real'), ['a'], put('old'));
  symlinkSync('real', join(path, 'link'));
  replaceFolder(join(path, 'link'), ['a'], put('new'));
  expect(text(path, 'real', 'a')).toBe('new');
  expect(readdirSync(path).sort()).toEqual(['link', 'real']);
});
