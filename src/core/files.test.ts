import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
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
  test('a link whose file is still to be made stays one; the mode stays, whatever the umask', () => {
    const folder = place();
    mkdirSync(join(folder, 'sub'));
    symlinkSync('sub/made', join(folder, 'link'));
    ensureWritableFile(join(folder, 'link'));
    writeWhole(join(folder, 'link'), 'one');
    expect(readFileSync(join(folder, 'sub', 'made'), 'utf8')).toBe('one');
    expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
    chmodSync(join(folder, 'sub', 'made'), 0o666);
    writeWhole(join(folder, 'link'), 'two');
    expect(statSync(join(folder, 'sub', 'made')).mode & 0o777).toBe(0o666);
    symlinkSync('circle', join(folder, 'circle'));
    expect(() => writeWhole(join(folder, 'circle'), 'x')).toThrow(/go in a circle/);
  });
  test.each([
    ['its folder may not be written', 0o555],
    ["it is another user's, in a folder for all", 0o1777],
  ])('a file that no other may take the place of is written in place: %s', (_name, mode) => {
    const folder = place();
    const path = join(folder, 'report.html');
    writeFileSync(path, 'a longer text than the new one');
    chmodSync(path, 0o666);
    chmodSync(folder, mode);
    const inode = statSync(path).ino;
    const user = process.getuid?.();
    if (user === 0) process.seteuid?.(65534);
    try {
      ensureWritableFile(path);
      writeWhole(path, 'new');
      if (mode === 0o555) expect(() => ensureWritableFile(join(folder, 'other'))).toThrow(resource);
    } finally {
      if (user === 0) process.seteuid?.(0);
      chmodSync(folder, 0o755);
    }
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(readdirSync(folder)).toEqual(['report.html']);
    if (user === 0 || mode === 0o555) expect(statSync(path).ino).toBe(inode);
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
