/** An adapter for other tools: a GGUF LoRA for llama.cpp, and the model with the adapter merged in for transformers. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TemperError } from '../core/errors.ts';
import { replaceFolder } from '../core/folder.ts';
import type { Adapter } from './adapter.ts';
import { EMBEDDING, type ModelConfig, OUTPUT } from './architecture.ts';
import { loraA, loraB } from './build.ts';
import { writeGguf } from './gguf-writer.ts';
import { architecture } from './architectures/registry.ts';
import { ggufName, toGgufRows } from './gguf-model.ts';
import { expectedShapes, type LoadedModel } from './model.ts';
import { type TensorData, writeSafetensors } from './safetensors.ts';
import { Settings, type Values } from './settings.ts';
import { isNorm } from './weights.ts';

/**
 * Writes the adapter as a GGUF LoRA. llama.cpp scales each tensor by alpha / its rank; rsLoRA and alpha per tensor are
 * already in `alpha` and B. Rows of B for q and k take llama.cpp's rotary order. Errors: `model` for an architecture that
 * llama.cpp does not have.
 */
export function exportGgufAdapter(path: string, adapter: Adapter, config: ModelConfig): void {
  const family = architecture(config.architecture);
  if (!family.gguf)
    throw new TemperError('model', `llama.cpp does not have the architecture '${family.id}'`, {
      hint: 'Export the adapter for PEFT instead: --format peft.',
    });
  const tensors = new Map<string, TensorData>();
  for (const layer of adapter.shape.layers) {
    const a = adapter.matrices.get(loraA(layer)) as Float32Array;
    const b = adapter.matrices.get(loraB(layer)) as Float32Array;
    const { rank } = adapter;
    const weight = `${layer}.weight`;
    const name = ggufName(weight, family);
    tensors.set(`${name}.lora_a`, { shape: [rank, a.length / rank], data: a });
    const data = toGgufRows(weight, b, { config, family, columns: rank });
    tensors.set(`${name}.lora_b`, { shape: [b.length / rank, rank], data });
  }
  writeGguf(
    path,
    [
      ['general.architecture', 'string', family.gguf.name],
      ['general.type', 'string', 'adapter'],
      ['adapter.type', 'string', 'lora'],
      ['adapter.lora.alpha', 'f32', adapter.alpha],
    ],
    tensors,
  );
}

/** W + (alpha / rank) B A for a layer with an adapter, W otherwise. */
export function mergedWeight(model: LoadedModel, adapter: Adapter, name: string): Float32Array {
  const weight = model.weights.get(name) as Float32Array;
  const layer = name.replace(/\.weight$/, '');
  const a = adapter.matrices.get(loraA(layer));
  const b = adapter.matrices.get(loraB(layer));
  if (!a || !b) return weight;
  const { rank, alpha } = adapter;
  const columns = a.length / rank;
  const merged = weight.slice();
  for (let row = 0; row < b.length / rank; row++) {
    for (let r = 0; r < rank; r++) {
      const factor = ((b[row * rank + r] as number) * alpha) / rank;
      if (factor === 0) continue;
      const [to, from] = [row * columns, r * columns];
      for (let i = 0; i < columns; i++)
        merged[to + i] = (merged[to + i] as number) + factor * (a[from + i] as number);
    }
  }
  return merged;
}

/** Projections with a bias, by the key of config.json that says so. */
const BIASES: Readonly<Record<string, readonly string[]>> = {
  attention_bias: ['q_proj', 'k_proj', 'v_proj', 'o_proj'],
  mlp_bias: ['gate_proj', 'up_proj', 'down_proj'],
};

const notMerged = (what: string): TemperError =>
  new TemperError('model', `there is no merged export of ${what}`, {
    hint: 'Export the adapter instead: --format gguf or peft.',
  });

/** The keys of config.json. Errors: `model` for what a GGUF file says and config.json cannot. */
function configuration({ config, settings }: LoadedModel): Values {
  const { id, className, modelTypes, configure } = architecture(config.architecture);
  // Code of the original's own, which transformers has, and which is not handed on.
  const { biases: listed, auto_map: _code, quantization_config: _none, ...rest } = settings;
  const named = {
    architectures: [className],
    model_type: modelTypes[0],
    ...rest,
    dtype: 'float32',
    torch_dtype: 'float32',
  };
  if (listed === undefined) return named;
  const scaling = settings['rope_scaling'] as Values | null;
  if (scaling?.['rope_type'] === 'divisors')
    throw notMerged(
      'a GGUF file with divisors of its rotary frequencies, of which config.json knows only the rule',
    );
  if (configure?.(new Settings(id, settings)).biases) return named; // the family's own
  const flags = Object.entries(BIASES).map(
    ([key, names]) => [key, names.every((name) => config.biases.includes(name))] as const,
  );
  const said = flags.flatMap(([key, flag]) => (flag ? BIASES[key]! : []));
  if (said.length !== config.biases.length)
    throw notMerged(`a model with biases on ${config.biases.join(', ')} alone`);
  return { ...named, ...Object.fromEntries(flags) };
}

const MERGED_FILES = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'model.safetensors',
] as const;

/**
 * Writes the model with the adapter merged in, float32, as a folder that transformers loads with its tokenizer. The folder
 * appears whole or not at all. Errors: `model` for what config.json cannot say, `usage` if `directory` holds anything else.
 */
export function exportMerged(directory: string, model: LoadedModel, adapter: Adapter): void {
  const { config, tokenizer } = model;
  const settings = configuration(model);
  const { normOffset } = architecture(config.architecture).layout;
  const shapes = new Map([...expectedShapes(config)].filter(([name]) => name !== OUTPUT || !config.tied));
  const tokens = {
    bos_token_id: tokenizer.files.beginning,
    eos_token_id: tokenizer.endOfTurn,
    pad_token_id: tokenizer.paddingToken,
  };
  const weight = (name: string): Float32Array => {
    if (name === EMBEDDING) return model.weights.get(name)!;
    const merged = mergedWeight(model, adapter, name);
    return normOffset !== 0 && isNorm(name) ? merged.map((value) => value - normOffset) : merged;
  };
  replaceFolder(directory, MERGED_FILES, (folder) => {
    const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
    const json = (name: (typeof MERGED_FILES)[number], value: unknown): void =>
      writeFileSync(join(folder, name), text(value));
    // transformers takes no whole number for a soft cap, and JavaScript writes 30.0 as 30.
    const configured = text({ ...tokens, ...settings }).replace(/("\w+_softcapping": \d+)(?=[,\n])/g, '$1.0');
    writeFileSync(join(folder, 'config.json'), configured);
    json('generation_config.json', { ...tokens, eos_token_id: [...tokenizer.stopTokens] });
    json('tokenizer.json', tokenizer.files.tokenizer);
    json('tokenizer_config.json', tokenizer.files.configuration);
    writeSafetensors(join(folder, 'model.safetensors'), shapes, weight, { format: 'pt' });
  });
}
