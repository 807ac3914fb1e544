/**
 * The golden numbers made anew by the tools themselves, against those of the repository, which all other tests hold the engine
 * to; and what temper writes, read by those tools. Needs Python with torch, transformers, peft, trl, gguf, sentencepiece and
 * xllamacpp: TEMPER_TRL_PYTHON=.../python npm run test:parity
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const python = process.env['TEMPER_TRL_PYTHON'];
const out = mkdtempSync(join(tmpdir(), 'temper-parity-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

function run(program: string, ...args: string[]): string {
  const env = { ...process.env, HF_HUB_OFFLINE: '1', CUDA_VISIBLE_DEVICES: '' };
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env, maxBuffer: 1 << 28 });
  expect(status, stderr.slice(-2000)).toBe(0);
  return stdout;
}

const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

/** The largest difference of numbers at the same place, relative above 1; what else differs, by its path. */
function difference(ours: unknown, theirs: unknown, path = ''): { worst: number; other: string[] } {
  if (typeof ours === 'number' && typeof theirs === 'number')
    return { worst: Math.abs(ours - theirs) / Math.max(1, Math.abs(theirs)), other: [] };
  if (typeof ours !== 'object' || ours === null || typeof theirs !== 'object' || theirs === null)
    return { worst: 0, other: ours === theirs ? [] : [path] };
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  const each = [...keys].map((key) =>
    difference(
      (ours as Record<string, unknown>)[key],
      (theirs as Record<string, unknown>)[key],
      `${path}/${key}`,
    ),
  );
  return { worst: Math.max(0, ...each.map(({ worst }) => worst)), other: each.flatMap(({ other }) => other) };
}

/** Versions of the tools may differ; what they compute may not. */
function agree(name: string, made: unknown, tolerance: number): void {
  const { worst, other } = difference(json(`test/fixtures/${name}`), made);
  expect(other.filter((path) => !/^\/(peft|trl|torch|transformers|versions)\b/.test(path))).toEqual([]);
  expect(worst).toBeLessThan(tolerance);
}

describe.skipIf(python === undefined)('golden numbers made anew', { timeout: 3_600_000 }, () => {
  test('blocks of GGUF, by gguf', () => {
    agree('blocks.json', JSON.parse(run(python!, 'bench/parity/blocks.py')), 1e-6);
  });

  test('families, by transformers and PEFT', () => {
    const folder = join(out, 'families');
    run(python!, 'bench/parity/families.py', folder);
    const golden = readdirSync('test/fixtures/families').filter((name) => name.endsWith('.json'));
    expect(golden.length).toBeGreaterThan(8);
    for (const name of golden) agree(`families/${name}`, json(join(folder, name)), 1e-4);
    agree(
      'families/tokenizer/sentencepiece.json',
      json(join(folder, 'tokenizer', 'sentencepiece.json')),
      1e-6,
    );
  });

  test('losses, gradients and curves, by TRL; adapters, by PEFT', () => {
    const folder = join(out, 'tiny');
    run(python!, 'bench/parity/trl.py', folder);
    agree('tiny/trl.json', json(join(folder, 'trl.json')), 1e-4);
    run(python!, 'bench/parity/adapters.py', 'golden', folder);
    agree('tiny/adapters.json', json(join(folder, 'adapters.json')), 1e-4);
  });

  test('what temper writes, in PEFT, transformers and llama.cpp', () => {
    const folder = join(out, 'written');
    run(process.execPath, 'bench/parity/adapters.ts', folder);
    run(python!, 'bench/parity/adapters.py', 'verify', folder);
  });
});
