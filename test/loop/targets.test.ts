/** A model folder as the target of a run. */
import { cpSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { EmbeddedTargets, locateModel } from '../../src/loop/targets.ts';

const fixtures = fileURLToPath(new URL('../fixtures/families/', import.meta.url));
const models = { cache: '', sources: [] };

test('a folder is named by the content of its files, and answers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'temper-folder-'));
  cpSync(join(fixtures, 'phi3'), folder, { recursive: true });
  cpSync(join(fixtures, 'tokenizer'), folder, { recursive: true });
  const file = await locateModel({ path: folder }, models);
  expect(file.id).toBe((await locateModel({ path: folder }, models)).id);
  const settings = { path: folder, temperature: 0, topP: 1, maxTokens: 4, batch: 2 };
  await using targets = new EmbeddedTargets(file, { ...settings, adapter: join(folder, 'adapter') });
  expect(targets.start?.adapter.shape.layers).toContain('model.layers.0.self_attn.qkv_proj');
  expect(await targets.base()).toBeDefined();
  writeFileSync(join(folder, 'chat_template.jinja'), 'another');
  expect((await locateModel({ path: folder }, models)).id).not.toBe(file.id);
  const gguf = await locateModel({ path: join(fixtures, 'phi3.gguf') }, models);
  expect(gguf.id).toMatch(/^[0-9a-f]{64}$/);
  await expect(locateModel({ path: join(folder, 'none') }, models)).rejects.toMatchObject({ code: 'model' });
});
