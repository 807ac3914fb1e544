/** Simulators by kind. A new simulator is one file and one line here. */
import { TemperError } from '../core/errors.ts';
import type { OpenRole } from '../models/role.ts';
import { LlmSimulator } from './llm-simulator.ts';
import { SCRIPTED, type Simulator } from './simulator.ts';

/** The model that a simulator calls; null: none. Errors: `config`. */
export function simulatorModel(spec: string): string | null {
  if (spec === 'scripted') return null;
  if (spec.startsWith('llm:') && spec.length > 'llm:'.length) return spec.slice('llm:'.length);
  throw new TemperError('config', `unknown simulator \`${spec}\``, {
    hint: 'Use scripted, llm:provider:model[@address], or llm:NAME for a name under `targets`.',
  });
}

/** Errors: `config`; those of opening the model. */
export async function createSimulator(spec: string, openRole: OpenRole): Promise<Simulator> {
  const model = simulatorModel(spec);
  return model === null ? SCRIPTED : new LlmSimulator(await openRole(model));
}
