/** A model folder as the target of a run. */
import { cpSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { knownProviders } from '../../src/engine/provider.ts';
import { PROVIDERS } from '../../src/engine/provider-names.ts';
import { tryProvider } from '../../src/engine/session.ts';
import { EmbeddedTargets, locateModel } from '../../src/loop/targets.ts';

const fixtures = fileURLToPath(new URL('../fixtures/families/', import.meta.url));
const place = { models: { cache: '', sources: [] }, engine: { provider: 'cpu' as const } };

test('a folder is named by the content of its files, and answers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'temper-folder-'));
  cpSync(join(fixtures, 'phi3'), folder, { recursive: true });
  cpSync(join(fixtures, 'tokenizer'), folder, { recursive: true });
  const file = await locateModel({ path: folder }, place);
  expect(file.id).toBe((await locateModel({ path: folder }, place)).id);
  const settings = { path: folder, temperature: 0, topP: 1, maxTokens: 4, batch: 2 };
  await using targets = new EmbeddedTargets(file, { ...settings, adapter: join(folder, 'adapter') });
  expect(targets.start?.adapter.shape.layers).toContain('model.layers.0.self_attn.qkv_proj');
  expect(await targets.base()).toBeDefined();
  writeFileSync(join(folder, 'chat_template.jinja'), 'another');
  expect((await locateModel({ path: folder }, place)).id).not.toBe(file.id);
  const gguf = await locateModel({ path: join(fixtures, 'phi3.gguf') }, place);
  expect(gguf.id).toMatch(/^[0-9a-f]{64}$/);
  await expect(locateModel({ path: join(folder, 'none') }, place)).rejects.toMatchObject({ code: 'model' });
});

test('another provider makes another model of the same file; what this build lacks is said, not replaced', async () => {
  const path = join(fixtures, 'phi3.gguf');
  const known = knownProviders();
  const missing = PROVIDERS.find((provider) => !known.includes(provider))!;
  const file = await locateModel({ path }, { ...place, engine: { provider: missing } });
  expect(file.id).not.toBe((await locateModel({ path }, place)).id);
  const targets = new EmbeddedTargets(file, { path, temperature: 0, topP: 1, maxTokens: 4, batch: 2 });
  await expect(targets.base()).rejects.toMatchObject({
    code: 'resource',
    message: `engine.provider: this build of onnxruntime-node has no ${missing} (it has ${known.join(', ')})`,
  });
  await expect(tryProvider('cpu')).resolves.toBeUndefined();
  // Known here, without a device or its libraries.
  for (const provider of known.filter((name) => name !== 'cpu'))
    await tryProvider(provider).catch((error: unknown) =>
      expect(error).toMatchObject({
        code: 'resource',
        message: expect.stringContaining(`${provider} does not start`),
      }),
    );
});
