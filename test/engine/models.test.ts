/** Reading models: configurations old and new, families that are not known, files that are not there. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { architecture } from '../../src/engine/architectures/registry.ts';
import { freshAdapter } from '../../src/engine/adapter.ts';
import { readConfig } from '../../src/engine/config.ts';
import { loadModel, modelFiles } from '../../src/engine/model.ts';
import { encodeSafetensors } from '../../src/engine/safetensors.ts';
import { Settings } from '../../src/engine/settings.ts';

const fixtures = fileURLToPath(new URL('../fixtures/families/', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'temper-models-'));
type Values = Record<string, unknown>;
const configOf = (family: string): Values =>
  JSON.parse(readFileSync(join(fixtures, family, 'config.json'), 'utf8')) as Values;
const read = (family: string, values: Values) => readConfig(architecture(family), new Settings('x', values));

function folder(name: string, change: (config: Values) => Values = (config) => config): string {
  const path = join(work, name);
  cpSync(join(fixtures, 'qwen3'), path, { recursive: true });
  cpSync(join(fixtures, 'tokenizer'), path, { recursive: true });
  writeFileSync(join(path, 'config.json'), JSON.stringify(change(configOf('qwen3'))));
  return path;
}

describe('configurations of transformers 4 mean what those of 5 mean', () => {
  test.each(['llama', 'qwen2', 'qwen3', 'phi3', 'smollm3', 'olmo2'])('%s', (family) => {
    const { rope_parameters: parameters, ...rest } = configOf(family) as { rope_parameters: Values };
    const { rope_theta: theta, partial_rotary_factor: part, ...scaling } = parameters;
    const { rope_type: type, ...options } = scaling;
    const old = {
      ...rest,
      rope_theta: theta,
      ...(part === undefined ? {} : { partial_rotary_factor: part }),
      rope_scaling: type === 'default' ? null : { type, ...options },
    };
    expect(read(family, old)).toEqual(read(family, configOf(family)));
  });

  test('gemma3: two bases, and a pattern in place of a list', () => {
    const { rope_parameters: _, layer_types: _types, ...rest } = configOf('gemma3');
    const old = {
      ...rest,
      rope_theta: 100000,
      rope_local_base_freq: 1000,
      rope_scaling: { rope_type: 'linear', factor: 8 },
      sliding_window_pattern: 2,
    };
    expect(read('gemma3', old)).toEqual(read('gemma3', configOf('gemma3')));
  });

  test("phi3's first files called LongRoPE su", () => {
    const config = configOf('phi3') as { rope_parameters: Values };
    const named = { ...config, rope_parameters: { ...config.rope_parameters, rope_type: 'su' } };
    expect(read('phi3', named)).toEqual(read('phi3', config));
  });
});

test('windows: every layer, the upper ones, every other one, or none', () => {
  const windowed = (family: string, values: Values) => {
    const { layer_types: _, ...rest } = configOf(family);
    return read(family, { ...rest, num_hidden_layers: 4, ...values }).attention.map(
      (layer) => layer.windowed,
    );
  };
  expect(windowed('mistral', {})).toEqual([true, true, true, true]);
  expect(windowed('mistral', { sliding_window: null })).toEqual([false, false, false, false]);
  expect(windowed('mistral', { sliding_window: 128 })).toEqual([false, false, false, false]); // the whole context
  const upper = { use_sliding_window: true, sliding_window: 8, max_window_layers: 3 };
  expect(windowed('qwen2', upper)).toEqual([false, false, false, true]);
  expect(windowed('qwen2', { ...upper, use_sliding_window: false })).toEqual([false, false, false, false]);
  expect(windowed('gemma2', {})).toEqual([true, false, true, false]);
  expect(windowed('gemma3', {})).toEqual([true, true, true, true]);
});

test('what a family does not do is refused by name', () => {
  expect(() => read('gemma2', { ...configOf('gemma2'), num_hidden_layers: 3 })).toThrow(
    "'layer_types' lists 2 of 3 layers",
  );
  expect(() => read('llama', { ...configOf('llama'), hidden_act: 'relu' })).toThrow(
    "the activation 'relu' is not the one of llama (silu)",
  );
  const scaled = { ...configOf('llama'), rope_parameters: { rope_type: 'spiral', rope_theta: 1e4 } };
  expect(() => read('llama', scaled)).toThrow("the rope scaling 'spiral' is not known");
  expect(() => read('llama', { ...configOf('llama'), num_key_value_heads: 3 })).toThrow(
    'do not fit together',
  );
});

describe('an unknown architecture names the nearest known one and what differs', () => {
  test('in a folder', () => {
    const path = folder('moe', (config) => ({ ...config, model_type: 'qwen3_moe' }));
    const names = ['mlp.gate.weight', 'mlp.experts.0.up_proj.weight', 'mlp.experts.1.up_proj.weight'];
    const common = ['input_layernorm', 'post_attention_layernorm', ...'qkvo'].map((name) =>
      name.length > 1 ? `${name}.weight` : `self_attn.${name}_proj.weight`,
    );
    const all = [...common, 'self_attn.q_norm.weight', 'self_attn.k_norm.weight', ...names];
    const tensors = new Map(
      [...all.map((name) => `model.layers.0.${name}`), 'model.embed_tokens.weight', 'model.norm.weight'].map(
        (name) => [name, { shape: [1], data: Float32Array.of(0) }],
      ),
    );
    writeFileSync(join(path, 'model.safetensors'), encodeSafetensors(tensors, { format: 'pt' }));
    expect(() => loadModel(path)).toThrow(
      "the architecture 'qwen3_moe' is not known; the nearest known one is qwen3: " +
        'this one also has mlp.experts.*.up_proj.weight, mlp.gate.weight; ' +
        'it lacks mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight',
    );
  });

  test('in GGUF', () => {
    const bytes = readFileSync(join(fixtures, 'gemma3.gguf'));
    const path = join(work, 'gemma9.gguf');
    bytes.write('gemma9', bytes.indexOf('gemma3'));
    writeFileSync(path, bytes);
    expect(() => loadModel(path)).toThrow(
      "the architecture 'gemma9' is not known; the nearest known one is gemma3: the tensors are the same",
    );
  });

  test('of which the tensors are all known', () => {
    const path = folder('twin', (config) => ({ ...config, model_type: 'qwen9' }));
    expect(() => loadModel(path)).toThrow('nearest known one is qwen3: the tensors are the same');
  });
});

test('a path may be a folder of the hub, a folder with one GGUF file, or that file', () => {
  const path = folder('whole');
  expect(modelFiles(path).map((file) => file.slice(path.length + 1))).toEqual([
    'chat_template.jinja',
    'config.json',
    'generation_config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  const single = join(work, 'single');
  mkdirSync(single);
  expect(() => loadModel(single)).toThrow('neither config.json nor a GGUF file');
  cpSync(join(fixtures, 'olmo2.gguf'), join(single, 'a.gguf'));
  expect(loadModel(single).config.architecture).toBe('olmo2');
  expect(modelFiles(single)).toEqual([join(single, 'a.gguf')]);
  cpSync(join(fixtures, 'olmo2.gguf'), join(single, 'b.gguf'));
  expect(() => loadModel(single)).toThrow('the folder has 2 GGUF files');
  expect(() => loadModel(join(work, 'nowhere'))).toThrow(expect.objectContaining({ code: 'model' }));
});

test('weights that are quantised, missing, superfluous or of another shape are refused', () => {
  const quantised = folder('awq', (config) => ({ ...config, quantization_config: { quant_method: 'awq' } }));
  expect(() => loadModel(quantised)).toThrow('its weights are quantised (awq)');
  expect(() =>
    loadModel(folder('deep', (config) => ({ ...config, num_hidden_layers: 3, layer_types: null }))),
  ).toThrow("the tensor for 'model.layers.2.");
  expect(() => loadModel(folder('flat', (config) => ({ ...config, num_hidden_layers: 1 })))).toThrow(
    'is not part of a plain qwen3 model',
  );
  expect(() => loadModel(folder('wide', (config) => ({ ...config, hidden_size: 64 })))).toThrow(
    'has the shape',
  );
  expect(() => loadModel(folder('untied', (config) => ({ ...config, tie_word_embeddings: false })))).toThrow(
    "'lm_head.weight' is missing",
  );
});

test('tensors that share bytes are refused: a small file cannot ask for a large model', () => {
  const path = folder('shared');
  const entry = { dtype: 'BF16', shape: [300, 32], data_offsets: [0, 19200] };
  const header = Buffer.from(JSON.stringify({ 'model.embed_tokens.weight': entry, 'lm_head.weight': entry }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(join(path, 'model.safetensors'), Buffer.concat([length, header, Buffer.alloc(19200)]));
  expect(() => loadModel(path)).toThrow('its tensors overlap');
});

test('an adapter of Phi-3 attaches to the fused projections, by their name or by those of their parts', () => {
  const config = read('phi3', configOf('phi3'));
  const layers = (...targets: string[]) =>
    [...freshAdapter(config, { rank: 1, alpha: 1, targets, seed: 1 }).shape.layers].filter((name) =>
      name.startsWith('model.layers.0.'),
    );
  expect(layers('q_proj', 'v_proj')).toEqual(['model.layers.0.self_attn.qkv_proj']);
  expect(layers('gate_up_proj', 'down_proj')).toEqual([
    'model.layers.0.mlp.gate_up_proj',
    'model.layers.0.mlp.down_proj',
  ]);
});
