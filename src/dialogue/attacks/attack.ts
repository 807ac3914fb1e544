/** What an attack is: a pure rewriting of one plain request. Multi-turn searches drive the dialogue and live elsewhere. */
import { z } from 'zod';
import type { Rng } from '../../core/rng.ts';

export interface Attack {
  readonly id: string;
  /** Attacks of one family share a mechanism; a family belongs to dev or to sealed suites, never to both. */
  readonly family: string;
  /** converter: re-encodes the text; template: puts text around it. */
  readonly kind: 'converter' | 'template';
  readonly description: string;
  /** Paper or tool that it follows, or `own`. */
  readonly source: string;
  readonly options: z.ZodType;
  /** The request as the target receives it. Must not depend on anything but its arguments. */
  apply(plain: string, rng: Rng): string;
  /** Inverse of `apply` where there is one, to tell "could not read it" from "declined". */
  decode?(converted: string): string;
  /** The characters for which `decode` gives back the request as it was; absent: all. */
  readonly alphabet?: string;
}

/** What joins the attacks of a chain: `base64+role-play` encodes first, then puts the play around the code. */
export const CHAIN = '+';

/** Attacks one after the other, the first on the plain request. A chain can be undone where each of them can. */
export function chain(parts: readonly Attack[]): Attack {
  const family = [...new Set(parts.map((part) => part.family))].join(CHAIN);
  const decodes = parts.every((part) => part.decode !== undefined);
  return {
    id: parts.map((part) => part.id).join(CHAIN),
    family,
    kind: parts.some((part) => part.kind === 'converter') ? 'converter' : 'template',
    description: parts.map((part) => part.description).join(' Then: '),
    source: parts.map((part) => part.source).join('; '),
    options: z.strictObject({}),
    apply: (plain, rng) => parts.reduce((text, part) => part.apply(text, rng), plain),
    ...(decodes
      ? { decode: (text: string) => parts.reduceRight((rest, part) => part.decode!(rest), text) }
      : {}),
  };
}

const REQUEST = '{request}';

/** A text of a template: it has a place for the request. */
export const templateText = z
  .string()
  .refine((text) => text.split(REQUEST).length === 2, `needs ${REQUEST} exactly once`);

/** An attack that puts one of `texts`, chosen by seed, around the request. */
export const templateAttack = (
  about: Pick<Attack, 'id' | 'family' | 'description' | 'source'>,
  texts: readonly string[],
): Attack => ({
  ...about,
  kind: 'template',
  options: z.strictObject({}),
  // A replacer function, because a request may hold `$&`.
  apply: (plain, rng) => rng.pick(texts).replace(REQUEST, () => plain),
});
