/** What an attack is: a pure rewriting of one plain request. Multi-turn searches drive the dialogue and live elsewhere. */
import type { z } from 'zod';
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
}
