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
import { plainFrequencies } from './rope.ts';
import { type TensorData, writeSafetensors } from './safetensors.ts';

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

/** The base of a plain rotary embedding: frequency 1 of n is base^(-1 / n). Errors: `model` for a scaled one. */
function ropeBase({ ropes, headSize }: ModelConfig): number {
  const frequencies = ropes[0]?.frequencies ?? [];
  const n = frequencies.length;
  const base = Math.round((frequencies[1] ?? 1) ** -n);
  const plain = plainFrequencies(headSize, base);
  const same =
    n === plain.length && frequencies.every((f, i) => Math.abs(f / (plain[i] as number) - 1) < 1e-4);
  if (ropes.length === 1 && same) return base;
  throw new TemperError('model', 'there is no merged export of models with scaled rotary embeddings', {
    hint: 'Export the adapter instead: --format gguf or peft.',
  });
}

/** What transformers calls the sizes of an architecture. */
const CONFIGURATIONS: Readonly<Record<string, (config: ModelConfig) => Record<string, unknown>>> = {
  llama: (config) => ({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: config.vocabularySize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headSize,
    hidden_act: 'silu',
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.normEpsilon,
    rope_theta: ropeBase(config),
    rope_parameters: { rope_type: 'default', rope_theta: ropeBase(config) },
    tie_word_embeddings: config.tied,
    attention_bias: false,
    mlp_bias: false,
  }),
};

const MERGED_FILES = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'model.safetensors',
] as const;

/**
 * Writes the model with the adapter merged in, float32, as a folder that transformers loads with its tokenizer. The folder
 * appears whole or not at all. Errors: `model` for an architecture that has no such export, `usage` if
 * `directory` holds anything else.
 */
export function exportMerged(directory: string, model: LoadedModel, adapter: Adapter): void {
  const { config, tokenizer } = model;
  const sizes = CONFIGURATIONS[config.architecture];
  if (!sizes)
    throw new TemperError('model', `there is no merged export of the architecture '${config.architecture}'`, {
      hint: 'Export the adapter instead: --format gguf or peft.',
    });
  const shapes = new Map([...expectedShapes(config)].filter(([name]) => name !== OUTPUT || !config.tied));
  const tokens = {
    bos_token_id: tokenizer.files.beginning,
    eos_token_id: tokenizer.endOfTurn,
    pad_token_id: tokenizer.paddingToken,
  };
  replaceFolder(directory, MERGED_FILES, (folder) => {
    const json = (name: (typeof MERGED_FILES)[number], value: unknown): void =>
      writeFileSync(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
    json('config.json', { ...sizes(config), ...tokens, dtype: 'float32', torch_dtype: 'float32' });
    json('generation_config.json', { ...tokens, eos_token_id: [...tokenizer.stopTokens] });
    json('tokenizer.json', tokenizer.files.tokenizer);
    json('tokenizer_config.json', tokenizer.files.configuration);
    writeSafetensors(
      join(folder, 'model.safetensors'),
      shapes,
      (name) => (name === EMBEDDING ? model.weights.get(name)! : mergedWeight(model, adapter, name)),
      { format: 'pt' },
    );
  });
}
