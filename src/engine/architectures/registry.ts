import { TemperError } from '../../core/errors.ts';
import type { Architecture } from '../architecture.ts';
import { llama } from './llama.ts';

export const ARCHITECTURES: Readonly<Record<string, Architecture>> = { llama };

export function architecture(id: string): Architecture {
  const found = Object.hasOwn(ARCHITECTURES, id) ? ARCHITECTURES[id] : undefined;
  if (found) return found;
  throw new TemperError('model', `the architecture '${id}' is not known`, {
    hint: `Known: ${Object.keys(ARCHITECTURES).join(', ')}.`,
  });
}
