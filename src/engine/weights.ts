/** What a loaded model is, and the collecting of its weights from whatever file holds them. */
import { TemperError } from '../core/errors.ts';
import { type Architecture, FINAL_NORM, type ModelConfig, OUTPUT } from './architecture.ts';
import { architecture } from './architectures/registry.ts';
import { weightShapes } from './blocks.ts';
import { requireMemory, weightBytes } from './memory.ts';
import type { Provider } from './provider-names.ts';
import type { Values } from './settings.ts';
import type { ChatTokenizer } from './tokenizer.ts';

/** A model in memory: configuration, float32 weights under their Hugging Face names, tokenizer. */
export interface LoadedModel {
  readonly config: ModelConfig;
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly tokenizer: ChatTokenizer;
  /** The keys of its config.json; of a GGUF file, its metadata as such. */
  readonly settings: Values;
  /** What computes it; the processor by default. */
  readonly provider?: Provider;
}

/** Whether a weight is that of a norm, to which some families add 1. */
export const isNorm = (name: string): boolean => name === FINAL_NORM || name.endsWith('norm.weight');

/** A tensor that lies in a file. */
export interface StoredTensor {
  /** Its name there. */
  readonly name: string;
  readonly shape: readonly number[];
  read(): Float32Array;
}

/** Shape of every weight of a model with this configuration, `[out, in]`. */
export const expectedShapes = (config: ModelConfig): Map<string, readonly number[]> =>
  weightShapes(architecture(config.architecture), config);

/**
 * Reads the weights that `config` asks for. `tensors` are keyed by Hugging Face names; one that the model has no
 * place for is an error, since leaving it out would change what the model says.
 */
export function collectWeights(
  source: string,
  config: ModelConfig,
  tensors: ReadonlyMap<string, StoredTensor>,
): Map<string, Float32Array> {
  const expected = expectedShapes(config);
  if (config.tied) expected.delete(OUTPUT);
  for (const [name, { name: stored, shape }] of tensors) {
    if (config.tied && name === OUTPUT) continue;
    const wanted = expected.get(name);
    if (!wanted) {
      throw new TemperError(
        'model',
        `${source}: tensor '${stored}' is not part of a plain ${config.architecture} model`,
        { hint: 'Models with experts, images or other extra parts are not supported yet.' },
      );
    }
    if (shape.length !== wanted.length || !shape.every((d, i) => d === wanted[i])) {
      throw new TemperError(
        'model',
        `${source}: tensor '${stored}' has the shape [${shape.join(', ')}], expected [${wanted.join(', ')}]`,
        { hint: 'The file contradicts its own configuration; fetch it again.' },
      );
    }
  }
  const missing = [...expected.keys()].find((name) => !tensors.has(name));
  if (missing !== undefined) {
    throw new TemperError('model', `${source}: the tensor for '${missing}' is missing`, {
      hint: 'Fetch the file again.',
    });
  }
  requireMemory(
    source,
    { 'weights as float32': weightBytes(expected.values()) },
    'Close other programs, take a smaller model, or train it elsewhere with --backend trl (docs/training.md).',
  );
  const weights = new Map<string, Float32Array>();
  for (const name of expected.keys()) weights.set(name, tensors.get(name)!.read());
  return weights;
}

/** Layers are numbered; the rest of a name says what part of a block it is. */
const part = (name: string): string => name.replace(/^model\.layers\.\d+\./, '').replace(/\.\d+\./g, '.*.');

/** Parts of a block of this family, with those biases that are in `present`. */
function partsOf(family: Architecture, present: ReadonlySet<string>): Set<string> {
  const biases = [...present].flatMap((name) => /\.(\w+)\.bias$/.exec(name)?.[1] ?? []);
  const one = {
    vocabularySize: 1,
    hiddenSize: 1,
    intermediateSize: 1,
    heads: 1,
    kvHeads: 1,
    headSize: 1,
    layers: 1,
  };
  const shapes = weightShapes(family, { ...one, biases });
  return new Set([...shapes.keys()].map(part));
}

const listed = (parts: readonly string[]): string =>
  parts.length > 4 ? `${parts.slice(0, 4).join(', ')} and ${parts.length - 4} more` : parts.join(', ');

/**
 * The error for a model of no known family: the nearest one, by the parts of its blocks and its name, and what differs.
 * `tensorNames` gives Hugging Face names, read as those of a family.
 */
export function unknownArchitecture(
  source: string,
  named: string,
  families: readonly Architecture[],
  tensorNames: (as: Architecture) => Iterable<string>,
): TemperError {
  const sameStart = (id: string): number => {
    let length = 0;
    while (length < id.length && id[length] === named[length]) length++;
    return length;
  };
  const ranked = families
    .map((family) => {
      const present = new Set([...tensorNames(family)].map(part));
      const parts = partsOf(family, present);
      const extra = [...present].filter((name) => !parts.has(name));
      const lacking = [...parts].filter((name) => !present.has(name) && name !== OUTPUT);
      return { id: family.id, extra, lacking, distance: extra.length + lacking.length };
    })
    .sort((a, b) => a.distance - b.distance || sameStart(b.id) - sameStart(a.id));
  const { id, extra, lacking } = ranked[0]!;
  const differences = [
    ...(extra.length > 0 ? [`this one also has ${listed(extra)}`] : []),
    ...(lacking.length > 0 ? [`it lacks ${listed(lacking)}`] : []),
  ];
  const differs =
    differences.length > 0 ? differences.join('; ') : 'the tensors are the same, the computation may not be';
  return new TemperError(
    'model',
    `${source}: the architecture '${named}' is not known; the nearest known one is ${id}: ${differs}`,
    { hint: `Known: ${families.map((family) => family.id).join(', ')}.` },
  );
}
