/** A model from a GGUF file: its metadata as the keys of config.json, its tensors under their Hugging Face names. */
import { TemperError } from '../core/errors.ts';
import { type Architecture, EMBEDDING, FINAL_NORM, type ModelConfig, OUTPUT } from './architecture.ts';
import { ARCHITECTURES, byGgufName } from './architectures/registry.ts';
import { readConfig } from './config.ts';
import { dequantize } from './dequantize.ts';
import { type Gguf, type GgufTensor, metadataSettings, readGguf, readTensorBytes } from './gguf.ts';
import { Settings } from './settings.ts';
import { ggufTokenizer } from './tokenizer-gguf.ts';
import { collectWeights, type LoadedModel, type StoredTensor, unknownArchitecture } from './weights.ts';

/** Parts of a block in GGUF and in Hugging Face checkpoints. */
const BLOCK_PARTS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    attn_norm: 'input_layernorm',
    attn_q: 'self_attn.q_proj',
    attn_k: 'self_attn.k_proj',
    attn_v: 'self_attn.v_proj',
    attn_qkv: 'self_attn.qkv_proj',
    attn_q_norm: 'self_attn.q_norm',
    attn_k_norm: 'self_attn.k_norm',
    attn_output: 'self_attn.o_proj',
    post_attention_norm: 'post_attention_layernorm',
    ffn_norm: 'post_attention_layernorm',
    ffn_gate: 'mlp.gate_proj',
    ffn_up: 'mlp.up_proj',
    ffn_down: 'mlp.down_proj',
    post_ffw_norm: 'post_feedforward_layernorm',
  }),
);
const OTHER_TENSORS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'token_embd.weight': EMBEDDING,
    'output_norm.weight': FINAL_NORM,
    'output.weight': OUTPUT,
  }),
);
/** Divisors of the rotary frequencies; part of the configuration rather than weights. */
const ROPE_TENSORS = {
  divisors: 'rope_freqs.weight',
  long: 'rope_factors_long.weight',
  short: 'rope_factors_short.weight',
};

function huggingFaceName(name: string, { layout }: Architecture): string {
  const match = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name);
  if (!match) return OTHER_TENSORS.get(name) ?? name;
  const [, layer, part, kind] = match as unknown as [string, string, string, string];
  let theirs = BLOCK_PARTS.get(part) ?? part;
  if (part === 'ffn_norm' && layout.norms === 'both') theirs = 'pre_feedforward_layernorm';
  if (part === 'ffn_up' && layout.fused) theirs = 'mlp.gate_up_proj';
  return `model.layers.${layer}.${theirs}.${kind}`;
}

/** The inverse: GGUF's name of a tensor of the blocks. */
export function ggufName(name: string, family: Architecture): string {
  const layer = /^model\.layers\.(\d+)\./.exec(name)?.[1];
  const kind = name.slice(name.lastIndexOf('.') + 1);
  const found = [...BLOCK_PARTS.keys()]
    .map((part) => `blk.${layer}.${part}.${kind}`)
    .find((theirs) => huggingFaceName(theirs, family) === name);
  if (found === undefined) throw new RangeError(`no tensor of a block: ${name}`);
  return found;
}

const readTensor = (gguf: Gguf, tensor: GgufTensor): Float32Array =>
  dequantize(tensor.type, readTensorBytes(gguf.path, tensor));

/** Reads a GGUF file. Errors: `model`, naming the file and what is wrong or missing. */
export function loadGguf(path: string): LoadedModel {
  const gguf = readGguf(path);
  const id = String(gguf.metadata.get('general.architecture') ?? 'unnamed');
  if (Number(gguf.metadata.get('split.count') ?? 1) > 1) {
    throw new TemperError('model', `${path}: it is one part of a model that is split over several files`, {
      hint: 'Merge the parts with llama-gguf-split --merge.',
    });
  }
  const family = byGgufName(id);
  if (!family) {
    const names = (as: Architecture): string[] =>
      [...gguf.tensors.keys()].map((name) => huggingFaceName(name, as));
    throw unknownArchitecture(path, id, Object.values(ARCHITECTURES), names);
  }
  const settings = ggufSettings(gguf, family);
  const config = readConfig(family, settings);
  const tensors = new Map<string, StoredTensor>();
  for (const tensor of gguf.tensors.values()) {
    if (Object.values(ROPE_TENSORS).includes(tensor.name)) continue;
    const name = huggingFaceName(tensor.name, family);
    tensors.set(name, {
      name: tensor.name,
      shape: tensor.shape,
      read: () => {
        const data = readTensor(gguf, tensor);
        if (family.gguf?.pairedRows) separateRotaryPairs(name, data, config);
        return data;
      },
    });
  }
  const weights = collectWeights(path, config, tensors);
  const tokenizer = ggufTokenizer(gguf, config.vocabularySize);
  return { config, weights, tokenizer, settings: settings.values };
}

/** The metadata under the keys of config.json. */
function ggufSettings(gguf: Gguf, family: Architecture): Settings {
  const id = family.gguf!.name;
  const metadata = metadataSettings(gguf);
  const value = (key: string): unknown => metadata.get(`${id}.${key}`);
  const heads = metadata.whole(`${id}.attention.head_count`);
  const hiddenSize = metadata.whole(`${id}.embedding_length`);
  const headSize = metadata.number(`${id}.attention.key_length`, hiddenSize / heads);
  const rotary = metadata.number(`${id}.rope.dimension_count`, headSize);
  const common: Record<string, unknown> = {
    vocab_size: gguf.tensors.get('token_embd.weight')?.shape[0] ?? value('vocab_size'),
    hidden_size: hiddenSize,
    num_hidden_layers: value('block_count'),
    intermediate_size: value('feed_forward_length'),
    num_attention_heads: heads,
    num_key_value_heads: value('attention.head_count_kv') ?? heads,
    head_dim: headSize,
    rms_norm_eps: metadata.number(`${id}.attention.layer_norm_rms_epsilon`),
    max_position_embeddings: metadata.number(`${id}.context_length`),
    original_max_position_embeddings: value('rope.scaling.original_context_length'),
    rope_theta: metadata.number(`${id}.rope.freq_base`, 10000),
    partial_rotary_factor: rotary / headSize,
    rope_scaling: ropeScaling(gguf, metadata, id),
    sliding_window: value('attention.sliding_window'),
    rope_local_base_freq: value('rope.freq_base_swa'),
    ...windowPattern(value('attention.sliding_window_pattern')),
    attn_logit_softcapping: value('attn_logit_softcapping'),
    final_logit_softcapping: value('final_logit_softcapping'),
    attention_multiplier: value('attention.scale'),
    embedding_multiplier: value('embedding_scale'),
    residual_multiplier: value('residual_scale'),
    logits_scaling: value('logit_scale'),
    tie_word_embeddings: !gguf.tensors.has('output.weight'),
    biases: [...BLOCK_PARTS].flatMap(([part, name]) =>
      gguf.tensors.has(`blk.0.${part}.bias`) ? [name.slice(name.indexOf('.') + 1)] : [],
    ),
  };
  const said = Object.fromEntries(Object.entries(common).filter(([, found]) => found !== undefined));
  const settings = new Settings(gguf.path, said);
  return settings.withDefaults(family.ggufDefaults?.(settings) ?? {});
}

/** Which layers are windowed: all but every nth, or one flag for each. */
function windowPattern(pattern: unknown): Record<string, unknown> {
  if (!Array.isArray(pattern)) return { sliding_window_pattern: pattern };
  return { layer_types: pattern.map((windowed) => (windowed ? 'sliding_attention' : 'full_attention')) };
}

function ropeScaling(gguf: Gguf, metadata: Settings, id: string): Record<string, unknown> | null {
  const list = (name: string): number[] | undefined => {
    const tensor = gguf.tensors.get(name);
    return tensor && [...readTensor(gguf, tensor)];
  };
  const divisors = list(ROPE_TENSORS.divisors);
  if (divisors) return { rope_type: 'divisors', divisors };
  const longFactor = list(ROPE_TENSORS.long);
  const kind = metadata.text(`${id}.rope.scaling.type`) ?? 'none';
  const given = Object.entries({
    rope_type: longFactor ? 'longrope' : kind,
    long_factor: longFactor,
    short_factor: list(ROPE_TENSORS.short),
    factor: metadata.get(`${id}.rope.scaling.factor`),
    attention_factor: metadata.get(`${id}.rope.scaling.attn_factor`),
    beta_fast: metadata.get(`${id}.rope.scaling.yarn_beta_fast`),
    beta_slow: metadata.get(`${id}.rope.scaling.yarn_beta_slow`),
  });
  if (kind === 'none' && !longFactor) return null;
  return Object.fromEntries(given.filter(([, found]) => found !== undefined));
}

/** Heads whose rows GGUF stores in another order in families with paired rows; null where it does not. */
function rotaryHeads(name: string, config: ModelConfig): number | null {
  const projection = /\.self_attn\.([qk])_proj\.(?:weight|bias)$/.exec(name)?.[1];
  if (projection === undefined) return null;
  return projection === 'q' ? config.heads : config.kvHeads;
}

/** Where row i of a head stands once its rotary pairs are neighbours: rows (2, size / 2) -> (size / 2, 2). */
const pairedRow = (row: number, size: number): number =>
  (row % (size / 2)) * 2 + Math.floor(row / (size / 2));

/**
 * llama.cpp stores the rows of q and k (weights and biases) so that rotary pairs are neighbours; Hugging Face and the
 * engine pair row i with row i + size / 2. Turns the former into the latter, in place.
 */
function separateRotaryPairs(name: string, data: Float32Array, config: ModelConfig): void {
  const heads = rotaryHeads(name, config);
  if (heads === null) return;
  const columns = name.endsWith('.weight') ? config.hiddenSize : 1;
  const size = data.length / columns / heads;
  const copy = new Float32Array(size * columns);
  for (let head = 0; head < heads; head++) {
    const start = head * size * columns;
    copy.set(data.subarray(start, start + size * columns));
    for (let row = 0; row < size; row++) {
      const from = pairedRow(row, size);
      data.set(copy.subarray(from * columns, (from + 1) * columns), start + row * columns);
    }
  }
}

/** Rows (out, columns) of a weight, or of a matrix with the same rows, in the order of the family's GGUF files. */
export function toGgufRows(
  name: string,
  data: Float32Array,
  { config, family, columns }: { config: ModelConfig; family: Architecture; columns: number },
): Float32Array {
  const heads = family.gguf?.pairedRows ? rotaryHeads(name, config) : null;
  if (heads === null) return data;
  const size = data.length / columns / heads;
  const ordered = new Float32Array(data.length);
  for (let row = 0; row < size * heads; row++) {
    const to = row - (row % size) + pairedRow(row % size, size);
    ordered.set(data.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return ordered;
}
