/** The set-up script on a machine that lacks something. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, mkdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));

test('a registry that cannot be reached: one clear line, exit 8, no lock left', () => {
  const copy = mkdtempSync(join(tmpdir(), 'temper-setup-'));
  for (const name of ['bin', 'package.json', 'package-lock.json', '.npmrc'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  const environment = {
    ...process.env,
    npm_config_registry: 'http://127.0.0.1:9',
    npm_config_fetch_retries: '0',
    npm_config_cache: join(copy, 'cache'),
  };
  for (let i = 0; i < 2; i++) {
    const { status, stderr } = spawnSync(process.execPath, [join(copy, 'bin', 'setup.mjs'), 'start'], {
      encoding: 'utf8',
      env: environment,
      timeout: 100_000,
    });
    expect(stderr).toMatch(/^error: the npm registry cannot be reached \(E\w+\)$/m);
    expect(status).toBe(8);
  }
});

test('the command works through a symlink and from another folder', () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'temper-link-'));
  mkdirSync(join(elsewhere, 'bin'));
  symlinkSync(join(root, 'bin', 'temper'), join(elsewhere, 'bin', 'temper'));
  const { status, stdout } = spawnSync(process.execPath, [join(elsewhere, 'bin', 'temper'), '--version'], {
    encoding: 'utf8',
    cwd: elsewhere,
  });
  expect(status).toBe(0);
  expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
});
