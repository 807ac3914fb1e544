/** The door to models on disk: a GGUF file, or a folder as Hugging Face writes it. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, TemperError } from '../core/errors.ts';
import { CONFIG_FILE, loadFolder, weightFiles } from './folder-model.ts';
import { loadGguf } from './gguf-model.ts';
import type { Provider } from './provider-names.ts';
import type { LoadedModel } from './weights.ts';

export { expectedShapes, type LoadedModel } from './weights.ts';

/** What else a folder may hold that decides what the model says. */
const NEIGHBOURS = [
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'chat_template.jinja',
  'model.safetensors.index.json',
];

/** What lies at a path: one GGUF file, or a folder with a configuration and weights. */
function lookAt(path: string): { kind: 'gguf'; file: string } | { kind: 'folder' } {
  const hint = 'Point to a GGUF file, or to a folder with config.json, safetensors and tokenizer.json.';
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (cause) {
    throw new TemperError('model', `cannot read the model ${path}: ${errorMessage(cause)}`, {
      hint,
      cause,
    });
  }
  if (!isFolder) return { kind: 'gguf', file: path };
  if (existsSync(join(path, CONFIG_FILE))) return { kind: 'folder' };
  const ggufs = readdirSync(path).filter((name) => name.endsWith('.gguf'));
  if (ggufs.length === 1) return { kind: 'gguf', file: join(path, ggufs[0] as string) };
  const found = ggufs.length === 0 ? 'neither config.json nor a GGUF file' : `${ggufs.length} GGUF files`;
  throw new TemperError('model', `${path}: the folder has ${found}`, { hint });
}

/** Whether a path names a model, and not a folder of something else, such as an adapter. */
export const isModel = (path: string): boolean =>
  path.endsWith('.gguf') || existsSync(join(path, CONFIG_FILE));

/**
 * Reads a model, to be computed by `provider`. Errors: `model`, naming the file and what is wrong or missing.
 */
export function loadModel(path: string, provider: Provider = 'cpu'): LoadedModel {
  const found = lookAt(path);
  const model = found.kind === 'gguf' ? loadGguf(found.file) : loadFolder(path);
  return provider === 'cpu' ? model : { ...model, provider };
}

/** The files that make up a model: paths, sorted. Errors as `loadModel`. */
export function modelFiles(path: string): string[] {
  const found = lookAt(path);
  if (found.kind === 'gguf') return [found.file];
  const present = NEIGHBOURS.filter((name) => existsSync(join(path, name)));
  return [CONFIG_FILE, ...present, ...weightFiles(path)].sort().map((name) => join(path, name));
}
