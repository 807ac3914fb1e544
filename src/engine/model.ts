/** A model in memory: configuration, float32 weights under their Hugging Face names, tokenizer. */
import { TemperError } from '../core/errors.ts';
import { EMBEDDING, type ModelConfig, OUTPUT } from './architecture.ts';
import { architecture } from './architectures/registry.ts';
import { dequantize } from './dequantize.ts';
import { type Gguf, type GgufTensor, readGguf, readTensorBytes } from './gguf.ts';
import { ChatTokenizer } from './tokenizer.ts';

export interface LoadedModel {
  readonly config: ModelConfig;
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly tokenizer: ChatTokenizer;
}

/** GGUF name -> Hugging Face name, for the tensors of one block. */
const BLOCK_TENSORS: Readonly<Record<string, string>> = {
  'attn_norm.weight': 'input_layernorm.weight',
  'attn_q.weight': 'self_attn.q_proj.weight',
  'attn_k.weight': 'self_attn.k_proj.weight',
  'attn_v.weight': 'self_attn.v_proj.weight',
  'attn_output.weight': 'self_attn.o_proj.weight',
  'ffn_norm.weight': 'post_attention_layernorm.weight',
  'ffn_gate.weight': 'mlp.gate_proj.weight',
  'ffn_up.weight': 'mlp.up_proj.weight',
  'ffn_down.weight': 'mlp.down_proj.weight',
};
const OTHER_TENSORS: Readonly<Record<string, string>> = {
  'token_embd.weight': EMBEDDING,
  'output_norm.weight': 'model.norm.weight',
  'output.weight': OUTPUT,
};
/** Tables that llama.cpp stores and the engine computes. */
const IGNORED = new Set(['rope_freqs.weight']);

function huggingFaceName(name: string): string | undefined {
  const block = /^blk\.(\d+)\.(.+)$/.exec(name);
  if (!block) return OTHER_TENSORS[name];
  const rest = BLOCK_TENSORS[block[2] as string];
  return rest && `model.layers.${block[1]}.${rest}`;
}

/** The inverse: GGUF's name of a tensor of the blocks. */
export function ggufName(name: string): string {
  const block = /^model\.layers\.(\d+)\.(.+)$/.exec(name);
  const rest = Object.entries(BLOCK_TENSORS).find(([, theirs]) => theirs === block?.[2]);
  if (!block || !rest) throw new RangeError(`no tensor of a block: ${name}`);
  return `blk.${block[1]}.${rest[0]}`;
}

/** Reads a GGUF file. Errors: `model`, naming the file and what is wrong or missing. */
export function loadGguf(path: string): LoadedModel {
  const gguf = readGguf(path);
  const config = readConfig(gguf);
  const expected = expectedShapes(config);
  const weights = new Map<string, Float32Array>();
  for (const tensor of gguf.tensors.values()) {
    if (IGNORED.has(tensor.name)) continue;
    const name = huggingFaceName(tensor.name);
    const shape = name === undefined ? undefined : expected.get(name);
    if (name === undefined || !shape) {
      throw new TemperError(
        'model',
        `${path}: tensor '${tensor.name}' is not part of a plain ${config.architecture} model`,
        {
          hint: 'Models with biases, experts or other extra tensors are not supported yet.',
        },
      );
    }
    checkShape(path, tensor, shape);
    const data = dequantize(tensor.type, readTensorBytes(path, tensor));
    const heads = rotaryHeads(name, config);
    if (heads !== null) undoRopePermutation(data, heads, config.hiddenSize);
    weights.set(name, data);
  }
  for (const name of expected.keys()) {
    if (weights.has(name) || name === OUTPUT) continue;
    throw new TemperError('model', `${path}: the tensor for '${name}' is missing`, {
      hint: 'Fetch the file again.',
    });
  }
  const tokenizer = ChatTokenizer.fromGguf(gguf);
  return { config: { ...config, tied: !weights.has(OUTPUT) }, weights, tokenizer };
}

function readConfig(gguf: Gguf): ModelConfig {
  const number = (key: string, fallback?: number): number => {
    const value = gguf.metadata.get(key) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw new TemperError(
      'model',
      `${gguf.path}: metadata key '${key}' is missing or not a positive number`,
      {
        hint: 'Is this a complete language model (not an adapter or a vocabulary file)?',
      },
    );
  };
  const id = String(gguf.metadata.get('general.architecture') ?? 'unnamed');
  architecture(id);
  if (
    gguf.metadata.has(`${id}.rope.scaling.type`) &&
    gguf.metadata.get(`${id}.rope.scaling.type`) !== 'none'
  ) {
    throw new TemperError('model', `${gguf.path}: rope scaling is not supported yet`);
  }
  const heads = number(`${id}.attention.head_count`);
  const hiddenSize = number(`${id}.embedding_length`);
  const config: ModelConfig = {
    architecture: id,
    vocabularySize: gguf.tensors.get('token_embd.weight')?.shape[0] ?? number(`${id}.vocab_size`),
    hiddenSize,
    layers: number(`${id}.block_count`),
    intermediateSize: number(`${id}.feed_forward_length`),
    heads,
    kvHeads: number(`${id}.attention.head_count_kv`, heads),
    headSize: number(`${id}.attention.key_length`, hiddenSize / heads),
    ropeBase: number(`${id}.rope.freq_base`, 10000),
    normEpsilon: number(`${id}.attention.layer_norm_rms_epsilon`),
    contextLength: number(`${id}.context_length`),
    tied: true,
  };
  const whole = [
    config.hiddenSize,
    config.layers,
    config.intermediateSize,
    heads,
    config.kvHeads,
    config.headSize,
  ];
  if (!whole.every(Number.isInteger) || heads % config.kvHeads !== 0 || config.layers > 1000) {
    throw new TemperError('model', `${gguf.path}: the sizes in its metadata do not fit together`);
  }
  return config;
}

/** Shape of every weight of a model with this configuration, `[out, in]`. */
export function expectedShapes(config: ModelConfig): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>([
    [EMBEDDING, [config.vocabularySize, config.hiddenSize]],
    ['model.norm.weight', [config.hiddenSize]],
    [OUTPUT, [config.vocabularySize, config.hiddenSize]],
  ]);
  for (const layer of architecture(config.architecture).linearLayers(config)) {
    shapes.set(`${layer.name}.weight`, [layer.outputs, layer.inputs]);
  }
  for (let i = 0; i < config.layers; i++) {
    shapes.set(`model.layers.${i}.input_layernorm.weight`, [config.hiddenSize]);
    shapes.set(`model.layers.${i}.post_attention_layernorm.weight`, [config.hiddenSize]);
  }
  return shapes;
}

function checkShape(path: string, tensor: GgufTensor, shape: readonly number[]): void {
  if (tensor.shape.length === shape.length && tensor.shape.every((d, i) => d === shape[i])) return;
  throw new TemperError(
    'model',
    `${path}: tensor '${tensor.name}' has the shape [${tensor.shape.join(', ')}], expected [${shape.join(', ')}]`,
    { hint: 'The file contradicts its own metadata; fetch it again.' },
  );
}

/** Heads whose rows GGUF stores in another order; null where it does not. */
function rotaryHeads(name: string, config: ModelConfig): number | null {
  if (name.endsWith('q_proj.weight')) return config.heads;
  return name.endsWith('k_proj.weight') ? config.kvHeads : null;
}

/** Rows (out, columns) of a weight, or of a matrix with the same rows, in GGUF's order. */
export function toGgufRows(
  name: string,
  data: Float32Array,
  config: ModelConfig,
  columns: number,
): Float32Array {
  const heads = rotaryHeads(name, config);
  if (heads === null) return data;
  const size = data.length / columns / heads;
  const ordered = new Float32Array(data.length);
  for (let row = 0; row < size * heads; row++) {
    const [head, inner] = [Math.floor(row / size), row % size];
    const to = head * size + (inner % (size / 2)) * 2 + Math.floor(inner / (size / 2));
    ordered.set(data.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return ordered;
}

/**
 * llama.cpp stores the rows of q and k so that its rotary pairs are neighbours; Hugging Face (and the engine)
 * pairs row i with row i + size / 2. Turns the former into the latter, in place (rows (size/2, 2) ->
 * (2, size/2) within each head).
 */
function undoRopePermutation(data: Float32Array, heads: number, columns: number): void {
  const size = data.length / columns / heads;
  const copy = new Float32Array(size * columns);
  for (let head = 0; head < heads; head++) {
    const start = head * size * columns;
    copy.set(data.subarray(start, start + size * columns));
    for (let row = 0; row < size; row++) {
      const from = (row % (size / 2)) * 2 + Math.floor(row / (size / 2));
      data.set(copy.subarray(from * columns, (from + 1) * columns), start + row * columns);
    }
  }
}
