/** A LoRA adapter in memory and on disk in PEFT's format (`adapter_config.json`, `adapter_model.safetensors`). */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, TemperError } from '../core/errors.ts';
import { replaceFolder } from '../core/folder.ts';
import { contentHash, sha256 } from '../core/ids.ts';
import { rng } from '../core/rng.ts';
import type { LinearLayer, ModelConfig } from './architecture.ts';
import { architecture } from './architectures/registry.ts';
import { linearLayers } from './blocks.ts';
import { loraA, loraB, type LoraShape } from './build.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

export interface Adapter {
  readonly rank: number;
  readonly alpha: number;
  readonly shape: LoraShape;
  /** `<layer>.lora_A` (rank, in) and `<layer>.lora_B` (out, rank). */
  readonly matrices: Map<string, Float32Array>;
}

/** PEFT's names of the linear layers that an adapter may attach to; all of them by default. */
export const ALL_TARGETS = [
  'q_proj',
  'k_proj',
  'v_proj',
  'o_proj',
  'gate_proj',
  'up_proj',
  'down_proj',
] as const;

/** Names of fused projections (Phi-3); the names of what they fuse mean them too. */
export const FUSED_TARGETS = ['qkv_proj', 'gate_up_proj'] as const;

const projection = (layer: string): string => layer.slice(layer.lastIndexOf('.') + 1);

const blockOf = (layer: string): number => Number(/^model\.layers\.(\d+)\./.exec(layer)![1]);

const layersOf = (config: ModelConfig): LinearLayer[] =>
  linearLayers(architecture(config.architecture), config);

/** The layers of these targets; a fused one (`qkv_proj`) is meant by its own name and by those that it fuses. */
function targetLayers(config: ModelConfig, targets: readonly string[]): LinearLayer[] {
  return layersOf(config).filter(({ name, fuses }) =>
    [projection(name), ...fuses].some((target) => targets.includes(target)),
  );
}

/** What a folder of an adapter holds. */
export const ADAPTER_FILES = ['adapter_config.json', 'adapter_model.safetensors', 'metrics.jsonl'] as const;

/** A fresh adapter: A uniform in +-1 / sqrt(in) (Kaiming with a = sqrt(5), as PEFT), B zero, so it changes nothing. Errors: `config` if no layer is meant. */
export function freshAdapter(
  config: ModelConfig,
  options: {
    readonly rank: number;
    readonly alpha: number;
    readonly rslora?: boolean;
    readonly targets: readonly string[];
    /** Share of the blocks, from below, that stay as they are; 0 by default. */
    readonly frozen?: number;
    readonly seed: number;
  },
): Adapter {
  const firstBlock = Math.floor((options.frozen ?? 0) * config.layers);
  const layers = targetLayers(config, options.targets).filter(({ name }) => blockOf(name) >= firstBlock);
  if (layers.length === 0) {
    const known = new Set(layersOf(config).flatMap(({ name, fuses }) => [projection(name), ...fuses]));
    throw new TemperError('config', `no layer of this model is called ${options.targets.join(' or ')}`, {
      hint: `It has ${[...known].join(', ')}: set lora.targets to some of these.`,
    });
  }
  const matrices = new Map<string, Float32Array>();
  for (const layer of layers) {
    const random = rng('lora', options.seed, layer.name);
    const bound = 1 / Math.sqrt(layer.inputs);
    const a = Float32Array.from(
      { length: options.rank * layer.inputs },
      () => (2 * random.next() - 1) * bound,
    );
    matrices.set(loraA(layer.name), a);
    matrices.set(loraB(layer.name), new Float32Array(layer.outputs * options.rank));
  }
  const shape = { rank: options.rank, layers: new Set(layers.map((layer) => layer.name)) };
  // alpha / sqrt(rank) is alpha' / rank for alpha' = alpha sqrt(rank): what follows knows one kind of scale.
  const alpha = options.rslora ? options.alpha * Math.sqrt(options.rank) : options.alpha;
  return { rank: options.rank, alpha, shape, matrices };
}

/** Identity of an adapter by its content. */
export function adapterHash(adapter: Adapter): string {
  const parts = [...adapter.matrices]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, data]) => [name, sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))]);
  return contentHash({ rank: adapter.rank, alpha: adapter.alpha, parts });
}

export function cloneAdapter(adapter: Adapter): Adapter {
  return { ...adapter, matrices: new Map([...adapter.matrices].map(([name, data]) => [name, data.slice()])) };
}

/**
 * Writes the adapter so that PEFT loads it. `strength` is folded into B. The folder appears whole or not at all.
 * Errors: `usage` if `directory` holds anything but an adapter.
 */
export function saveAdapter(
  directory: string,
  adapter: Adapter,
  options: { base: string; strength?: number },
): void {
  const { strength = 1 } = options;
  const targets = new Set([...adapter.shape.layers].map(projection));
  const blocks = [...new Set([...adapter.shape.layers].map(blockOf))].sort((a, b) => a - b);
  const config = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: options.base,
    r: adapter.rank,
    lora_alpha: adapter.alpha,
    lora_dropout: 0,
    target_modules: [...targets].sort(),
    bias: 'none',
    fan_in_fan_out: false,
    use_rslora: false,
    use_dora: false,
    rank_pattern: {},
    alpha_pattern: {},
    modules_to_save: null,
    // Where the lowest blocks have no adapter, PEFT needs to know which have one.
    layers_to_transform: blocks[0] === 0 ? null : blocks,
    inference_mode: true,
  };
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  for (const layer of adapter.shape.layers) {
    const a = adapter.matrices.get(loraA(layer)) as Float32Array;
    const b = adapter.matrices.get(loraB(layer)) as Float32Array;
    const prefix = `base_model.model.${layer}`;
    tensors.set(`${prefix}.lora_A.weight`, { shape: [adapter.rank, a.length / adapter.rank], data: a });
    const scaled = strength === 1 ? b : b.map((x) => x * strength);
    tensors.set(`${prefix}.lora_B.weight`, { shape: [b.length / adapter.rank, adapter.rank], data: scaled });
  }
  replaceFolder(directory, ADAPTER_FILES, (folder) => {
    writeFileSync(join(folder, 'adapter_config.json'), `${JSON.stringify(config, null, 2)}\n`);
    writeFileSync(join(folder, 'adapter_model.safetensors'), encodeSafetensors(tensors, { format: 'pt' }));
  });
}

/**
 * Reads a PEFT LoRA adapter for a model of this configuration. rsLoRA, ranks and alphas by layer come down to one rank and
 * one alpha: B takes the scale, and lower ranks are filled up with zeros. Errors: `model`, naming the file and the
 * problem.
 */
export function loadAdapter(directory: string, config: ModelConfig): Adapter {
  const fail = (what: string, hint = 'Point to a folder that PEFT or temper wrote.'): TemperError =>
    new TemperError('model', `${directory}: ${what}`, { hint });
  let settings: Record<string, unknown>;
  let bytes: Uint8Array;
  try {
    settings = JSON.parse(readFileSync(join(directory, 'adapter_config.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    bytes = readFileSync(join(directory, 'adapter_model.safetensors'));
  } catch (cause) {
    throw fail(`cannot read the adapter: ${errorMessage(cause)}`);
  }
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw fail('adapter_config.json is not an object');
  const { r: rank, lora_alpha: alpha } = settings;
  if (settings['peft_type'] !== 'LORA')
    throw fail(`it is a ${String(settings['peft_type'])} adapter; only LORA is supported`);
  if (typeof rank !== 'number' || !Number.isInteger(rank) || rank < 1 || typeof alpha !== 'number') {
    throw fail('r and lora_alpha are not numbers');
  }
  for (const key of ['use_dora', 'modules_to_save']) {
    const value = settings[key];
    const used = value && (typeof value !== 'object' || Object.keys(value).length > 0);
    if (used) throw fail(`it uses ${key}, which is not supported yet`);
  }
  const tensors = decodeSafetensors(bytes, directory);
  const layers = new Map(layersOf(config).map((layer) => [layer.name, layer]));
  const rankOf = patternOf(settings['rank_pattern'], rank, fail);
  const alphaOf = patternOf(settings['alpha_pattern'], alpha, fail);
  const rankScale = settings['use_rslora'] === true ? Math.sqrt : (r: number): number => r;
  const matrices = new Map<string, Float32Array>();
  const adapted = new Set<string>();
  for (const [name, tensor] of tensors) {
    const match = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(name);
    const layer = match && layers.get(match[1] as string);
    if (!match || !layer)
      throw fail(
        `tensor '${name}' fits no linear layer of this model`,
        'The adapter belongs to another base model.',
      );
    const own = rankOf(layer.name);
    const wanted = match[2] === 'A' ? [own, layer.inputs] : [layer.outputs, own];
    if (tensor.shape.join() !== wanted.join())
      throw fail(
        `tensor '${name}' has the shape [${tensor.shape.join(', ')}], expected [${wanted.join(', ')}]`,
      );
    if (!tensor.data.every(Number.isFinite))
      throw fail(
        `tensor '${name}' holds values that are not finite`,
        'The training that made it went wrong.',
      );
    matrices.set(match[2] === 'A' ? loraA(layer.name) : loraB(layer.name), tensor.data);
    adapted.add(layer.name);
  }
  for (const layer of adapted) {
    if (!matrices.has(loraA(layer)) || !matrices.has(loraB(layer)))
      throw fail(`layer '${layer}' has only one of its two matrices`);
  }
  if (adapted.size === 0) throw fail('it has no matrices');
  const scaled = settings['use_rslora'] === true ? alpha * Math.sqrt(rank) : alpha;
  // An alpha of 0 makes an adapter that changes nothing: B takes the zero.
  const scale = scaled === 0 ? 1 : scaled / rank;
  const widest = Math.max(...[...adapted].map(rankOf));
  for (const layer of adapted) {
    const own = rankOf(layer);
    const factor = alphaOf(layer) / rankScale(own) / scale;
    if (own === widest && factor === 1) continue;
    const a = new Float32Array((matrices.get(loraA(layer))!.length / own) * widest);
    a.set(matrices.get(loraA(layer))!);
    const from = matrices.get(loraB(layer)) as Float32Array;
    const b = new Float32Array((from.length / own) * widest);
    from.forEach((x, i) => (b[Math.floor(i / own) * widest + (i % own)] = x * factor));
    matrices.set(loraA(layer), a);
    matrices.set(loraB(layer), b);
  }
  const effective = widest === rank && scaled !== 0 ? scaled : scale * widest;
  return { rank: widest, alpha: effective, shape: { rank: widest, layers: adapted }, matrices };
}

/** A setting by layer: the first of PEFT's patterns that the layer's name ends with, or the default. */
function patternOf(patterns: unknown, standard: number, fail: (what: string) => TemperError) {
  const entries = Object.entries((patterns ?? {}) as Record<string, unknown>).map(([pattern, value]) => {
    if (typeof value !== 'number' || !(value > 0)) throw fail(`the pattern '${pattern}' has no number`);
    try {
      return [new RegExp(`^(?:.*\\.)?(?:${pattern})$`), value] as const;
    } catch {
      throw fail(`the pattern '${pattern}' cannot be read`);
    }
  });
  return (layer: string): number => entries.find(([pattern]) => pattern.test(layer))?.[1] ?? standard;
}

/** Whether every B is zero, so that the adapter changes nothing. */
export const isUntouched = (adapter: Adapter): boolean =>
  [...adapter.matrices].every(([name, b]) => name.endsWith('_A') || b.every((x) => x === 0));
