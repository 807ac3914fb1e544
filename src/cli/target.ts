/** `--target` of the commands: the default model by name, or a GGUF file by path. */
import { existsSync } from 'node:fs';
import { TemperError } from '../core/errors.ts';

export function targetSettings(target: string): { path?: string } {
  if (target === 'embedded') return {};
  const path = target.startsWith('embedded:') ? target.slice('embedded:'.length) : target;
  if (existsSync(path)) return { path };
  throw new TemperError('model', `--target ${target}: no such model`, {
    hint: "Use 'embedded' for the default model, or the path of a GGUF file.",
  });
}
