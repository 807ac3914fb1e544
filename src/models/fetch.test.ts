import { mkdtempSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256 } from '../core/ids.ts';
import { type CatalogModel, DEFAULT_MODEL } from './catalog.ts';
import { cachedPath, ensureModel } from './fetch.ts';

const content = 'a model';
const model: CatalogModel = { ...DEFAULT_MODEL, bytes: content.length, sha256: sha256(content) };

test('a cached file is believed for its content, not for its size', async () => {
  const cache = mkdtempSync(join(tmpdir(), 'temper-cache-'));
  const path = cachedPath(model, cache);
  const ensured = () => ensureModel(model, { cache, sources: [] });
  writeFileSync(path, content);
  utimesSync(path, 1, 1);
  expect(await ensured()).toBe(path);
  expect(readdirSync(cache)).toHaveLength(2);
  // By the same size, time and file it is known without being read.
  writeFileSync(path, 'A MODEL');
  utimesSync(path, 1, 1);
  expect(await ensured()).toBe(path);
  utimesSync(path, 2, 2);
  await expect(ensured()).rejects.toMatchObject({ code: 'model' });
  writeFileSync(path, content);
  expect(await ensured()).toBe(path);
});

test('a cache that cannot be made is told once, with the setting that names it', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'temper-cache-')), 'file');
  writeFileSync(file, '');
  const error = await ensureModel(model, { cache: join(file, 'x'), sources: [] }).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'resource', hint: expect.stringContaining('models.cache') as string });
  expect((error as Error).message.match(/cannot/g)).toHaveLength(1);
});
