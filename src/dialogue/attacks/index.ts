/**
 * The attack registry. A new attack is one entry here or, if it is a template, one in prompts/attack-library.json; its
 * family must have a side in prompts/attack-families.json.
 */
import { TemperError } from '../../core/errors.ts';
import { type Attack, CHAIN, chain } from './attack.ts';
import { base64, characterSpacing, flip, homoglyph, leetspeak, rot13 } from './converters.ts';
import { DISGUISES } from './disguises.ts';
import { ENCODINGS } from './encodings.ts';
import { GLYPHS } from './glyphs.ts';
import { LIBRARY, LIBRARY_TEXTS } from './library.ts';
import { REARRANGING } from './rearranging.ts';
import {
  TEMPLATE_TEXTS as SUITE_TEXTS,
  authorityClaim,
  hypothetical,
  policyUpdate,
  prefixInjection,
  refusalSuppression,
  rolePlay,
} from './templates.ts';

export type { Attack } from './attack.ts';
export { CHAIN } from './attack.ts';
export { FAMILIES, splitOf } from './families.ts';
export { TEMPLATES_VERSION } from './templates.ts';

/** Variants of each template. */
export const TEMPLATE_TEXTS: Readonly<Record<string, readonly string[]>> = {
  ...SUITE_TEXTS,
  ...LIBRARY_TEXTS,
};

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
  ...ENCODINGS,
  ...GLYPHS,
  ...REARRANGING,
  ...DISGUISES,
  ...LIBRARY,
} as const satisfies Record<string, Attack>;

const MOST_IN_CHAIN = 4;

/** Whether there is such an attack, or such a chain. */
export const isAttack = (id: string): boolean => {
  const parts = id.split(CHAIN);
  return parts.length <= MOST_IN_CHAIN && parts.every((part) => Object.hasOwn(ATTACKS, part));
};

/** The attack of that id, or the chain (`base64+role-play`). Errors: `data`. */
export function attackById(id: string): Attack {
  if (!isAttack(id))
    throw new TemperError('data', `unknown attack '${id}'`, {
      hint: `Use one of these, or a chain of at most ${MOST_IN_CHAIN} (base64+role-play): ${Object.keys(ATTACKS).join(', ')}.`,
    });
  const parts = id.split(CHAIN).map((part) => (ATTACKS as Readonly<Record<string, Attack>>)[part]!);
  return parts.length === 1 ? parts[0]! : chain(parts);
}
