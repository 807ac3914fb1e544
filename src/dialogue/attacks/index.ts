/** The attack registry. A new attack is one entry here and, if it has texts, one in prompts/attacks.json. */
import { TemperError } from '../../core/errors.ts';
import type { Attack } from './attack.ts';
import { base64, characterSpacing, flip, homoglyph, leetspeak, rot13 } from './converters.ts';
import {
  authorityClaim,
  hypothetical,
  policyUpdate,
  prefixInjection,
  refusalSuppression,
  rolePlay,
} from './templates.ts';

export type { Attack } from './attack.ts';
export { TEMPLATES_VERSION, TEMPLATE_TEXTS } from './templates.ts';

export const ATTACKS = {
  base64,
  rot13,
  leetspeak,
  homoglyph,
  'character-spacing': characterSpacing,
  flip,
  'role-play': rolePlay,
  'refusal-suppression': refusalSuppression,
  'prefix-injection': prefixInjection,
  hypothetical,
  'authority-claim': authorityClaim,
  'policy-update': policyUpdate,
} as const satisfies Record<string, Attack>;

/** The attack of that id. */
export function attackById(id: string): Attack {
  const attack = (ATTACKS as Readonly<Record<string, Attack>>)[id];
  if (attack === undefined || !Object.hasOwn(ATTACKS, id)) {
    throw new TemperError('data', `unknown attack '${id}'`, {
      hint: `Use one of: ${Object.keys(ATTACKS).join(', ')}.`,
    });
  }
  return attack;
}
