/** Imports point one way, and the few other rules that a reader relies on. It fails when it saw no files. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../src/', import.meta.url));
const ORDER = [
  'core',
  'store',
  'engine',
  'models',
  'scenarios',
  'dialogue',
  'judges',
  'metrics',
  'calibration',
  'findings',
  'curation',
  'training',
  'report',
  'config',
  'loop',
  'server',
  'cli',
];

const files = globSync('**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'));
const source = (file: string): string => readFileSync(join(root, file), 'utf8');
const folderOf = (file: string): string => file.split(sep)[0] as string;

/** Relative imports of a file, as paths below src/. */
function importsOf(file: string): string[] {
  const found = source(file).matchAll(/(?:\bfrom\s*|\bimport\s*\(\s*|^import\s+)['"](\.[^'"]+)['"]/gm);
  return [...found].map((match) => relative(root, join(root, dirname(file), match[1] as string)));
}

test('it sees the files and their imports', () => {
  expect(files.length).toBeGreaterThan(60);
  expect(files.flatMap(importsOf).length).toBeGreaterThan(150);
  expect(new Set(files.map(folderOf)).size).toBeGreaterThan(10);
});

describe.each(files)('%s', (file) => {
  const text = source(file);

  test('imports only from its own folder or from earlier ones', () => {
    const own = ORDER.indexOf(folderOf(file));
    expect(own, `${folderOf(file)} is not in the order`).toBeGreaterThanOrEqual(0);
    for (const path of importsOf(file)) {
      const theirs = ORDER.indexOf(folderOf(path));
      expect(theirs, `${file} imports ${path}`).toBeGreaterThanOrEqual(0);
      expect(theirs, `${file} imports ${path}`).toBeLessThanOrEqual(own);
    }
  });

  test('prints only in cli/, reads the environment only in config/ and cli/', () => {
    if (folderOf(file) !== 'cli') expect(text).not.toMatch(/\bconsole\.|process\.std(out|err)/);
    // The one variable that is written, for a library that would call elsewhere.
    if (file.endsWith('no-telemetry.ts')) expect(text.match(/process\.env.*/g)).toHaveLength(1);
    else if (!['cli', 'config'].includes(folderOf(file))) expect(text).not.toMatch(/process\.env/);
  });

  test('has at most 360 lines and begins with what it is', () => {
    expect(text.split('\n').length).toBeLessThanOrEqual(360);
    if (folderOf(file) !== 'cli')
      expect(text.trimStart().startsWith('/**') || text.split('\n').length < 30).toBe(true);
  });
});
