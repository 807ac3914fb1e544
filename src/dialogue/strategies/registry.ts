/** Attackers by kind. A new one is one file and one line here. */
import { TemperError } from '../../core/errors.ts';
import type { OpenRole } from '../../models/role.ts';
import { LlmProposer } from './llm-proposer.ts';
import { type Proposer, SCRIPTED_PROPOSER } from './proposer.ts';

/** The model that an attacker calls; null: none. Errors: `config`. */
export function attackerModel(spec: string): string | null {
  if (spec === 'scripted') return null;
  if (spec.startsWith('llm:') && spec.length > 'llm:'.length) return spec.slice('llm:'.length);
  throw new TemperError('config', `unknown attacker \`${spec}\``, {
    hint: 'Use scripted, llm:provider:model[@address], or llm:NAME for a name under `targets`.',
  });
}

/** Errors: `config`; those of opening the model. */
export async function createProposer(spec: string, openRole: OpenRole): Promise<Proposer> {
  const model = attackerModel(spec);
  return model === null ? SCRIPTED_PROPOSER : new LlmProposer(await openRole(model));
}
