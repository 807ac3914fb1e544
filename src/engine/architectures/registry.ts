/** The families that the engine knows; a new one is a file beside this and a line here. */
import { TemperError } from '../../core/errors.ts';
import type { Architecture } from '../architecture.ts';
import { gemma2 } from './gemma2.ts';
import { gemma3 } from './gemma3.ts';
import { granite } from './granite.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { olmo2 } from './olmo2.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { smollm3 } from './smollm3.ts';

export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama,
  mistral,
  qwen2,
  qwen3,
  phi3,
  gemma2,
  gemma3,
  olmo2,
  smollm3,
  granite,
};

export function architecture(id: string): Architecture {
  const found = Object.hasOwn(ARCHITECTURES, id) ? ARCHITECTURES[id] : undefined;
  if (found) return found;
  throw new TemperError('internal', `the architecture '${id}' is not registered`);
}

/** The family that a config.json means by `model_type`. */
export const byModelType = (modelType: string): Architecture | undefined =>
  Object.values(ARCHITECTURES).find(({ modelTypes }) => modelTypes.includes(modelType));

/** The family that a GGUF file means by `general.architecture`. */
export const byGgufName = (name: string): Architecture | undefined =>
  Object.values(ARCHITECTURES).find(({ gguf }) => gguf?.name === name);
