/**
 * A model from a folder as the Hugging Face hub holds it: config.json, model.safetensors (or shards with their index),
 * tokenizer.json and its neighbours.
 */
import { join } from 'node:path';
import { TemperError } from '../core/errors.ts';
import { ARCHITECTURES, byModelType } from './architectures/registry.ts';
import { readConfig } from './config.ts';
import { readJson } from './json-file.ts';
import { readSafetensor, readSafetensorsHeader } from './safetensors.ts';
import { Settings, type Values } from './settings.ts';
import { folderTokenizer } from './tokenizer-folder.ts';
import {
  collectWeights,
  isNorm,
  type LoadedModel,
  type StoredTensor,
  unknownArchitecture,
} from './weights.ts';

export const CONFIG_FILE = 'config.json';
const WEIGHTS_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';

/** The safetensors files of a folder, in order. */
export function weightFiles(folder: string): string[] {
  const index = readJson(join(folder, INDEX_FILE), true);
  if (!index) return [WEIGHTS_FILE];
  const map = new Settings(join(folder, INDEX_FILE), index).record('weight_map');
  const files = map ? [...new Set(Object.values(index['weight_map'] as Values))] : [];
  // A name is a file beside the index, never a path out of the folder.
  if (
    files.length > 0 &&
    files.every((file) => typeof file === 'string' && /^[\w.-]+\.safetensors$/.test(file))
  )
    return (files as string[]).sort();
  throw new TemperError('model', `${join(folder, INDEX_FILE)}: 'weight_map' names no safetensors files`);
}

/** Tensors that old checkpoints carry and nothing reads. */
const IGNORED = /\.rotary_emb\.inv_freq$/;

function readTensors(folder: string): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const file of weightFiles(folder)) {
    const path = join(folder, file);
    for (const entry of readSafetensorsHeader(path)) {
      if (IGNORED.test(entry.name)) continue;
      if (tensors.has(entry.name))
        throw new TemperError('model', `${path}: tensor '${entry.name}' is in another file as well`);
      const { name, shape } = entry;
      tensors.set(name, { name, shape, read: () => readSafetensor(path, entry) });
    }
  }
  return tensors;
}

/** Reads a model folder. Errors: `model`, naming the file and what is wrong or missing. */
export function loadFolder(folder: string): LoadedModel {
  const path = join(folder, CONFIG_FILE);
  const settings = new Settings(path, readJson(path));
  const modelType = settings.text('model_type') ?? 'unnamed';
  const family = byModelType(modelType);
  const tensors = readTensors(folder);
  if (!family) throw unknownArchitecture(path, modelType, Object.values(ARCHITECTURES), () => tensors.keys());
  const quantised = settings.record('quantization_config');
  if (quantised) {
    throw settings.fail(
      `its weights are quantised (${quantised.text('quant_method') ?? 'unnamed'}), which is not supported`,
      'Use the original checkpoint, or a GGUF file.',
    );
  }
  const config = readConfig(family, settings);
  const weights = collectWeights(folder, config, tensors);
  if (family.layout.normOffset !== 0) {
    for (const [name, data] of weights)
      if (isNorm(name)) data.forEach((value, i) => (data[i] = value + family.layout.normOffset));
  }
  const tokenizer = folderTokenizer(folder, settings, config.vocabularySize);
  return { config, weights, tokenizer, settings: settings.values };
}
