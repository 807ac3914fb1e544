/**
 * Templates: text around the request that competes with the model's safety objective ("competing objectives", Wei
 * et al. 2023, arXiv 2307.02483). The texts are data (prompts/attacks.json); a family's variants are chosen by seed.
 */
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import { BUILT_IN } from '../../scenarios/built-in.ts';
import { parseData } from '../../scenarios/data-file.ts';
import { type Attack, templateAttack, templateText } from './attack.ts';

const schema = z.strictObject({
  id: z.string(),
  version: z.string(),
  templates: z.record(z.string(), z.array(templateText).min(1)),
});

const data = parseData(BUILT_IN.prompts('attacks'), schema, 'prompts');

/** Version of the template texts; part of the simulator's identity. */
export const TEMPLATES_VERSION = data.version;

/** Variants of each template, for tests and for the firewall that keeps wrappers apart. */
export const TEMPLATE_TEXTS: Readonly<Record<string, readonly string[]>> = data.templates;

function template(id: string, family: string, description: string, source: string): Attack {
  const variants = data.templates[id];
  if (variants === undefined) {
    throw new TemperError('data', `prompts/attacks.json lacks the template '${id}'`, {
      hint: 'Restore the file from the repository.',
    });
  }
  return templateAttack({ id, family, description, source }, variants);
}

export const rolePlay = template(
  'role-play',
  'role-play',
  'A character in a play, novel or game is asked.',
  'Wei et al. 2023 (role play); own wording',
);
export const refusalSuppression = template(
  'refusal-suppression',
  'refusal-suppression',
  'Rules that forbid the words of a refusal.',
  'Wei et al. 2023 (refusal suppression); own wording',
);
export const prefixInjection = template(
  'prefix-injection',
  'prefix-injection',
  'The answer must begin with words of consent.',
  'Wei et al. 2023 (prefix injection); own wording',
);
export const hypothetical = template(
  'hypothetical',
  'hypothetical',
  'The request inside a thought experiment.',
  'own',
);
export const authorityClaim = template(
  'authority-claim',
  'authority-claim',
  'Claims a right to the answer: police, staff, research.',
  'own',
);
export const policyUpdate = template(
  'policy-update',
  'policy-update',
  'Claims that the rules now ask for a warning instead of a refusal, in one turn.',
  'after Skeleton Key (Microsoft 2024); own wording',
);
