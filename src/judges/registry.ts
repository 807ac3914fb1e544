/** Judges by kind. A new judge is one file and one line here. */
import { TemperError } from '../core/errors.ts';
import { embeddedJudge } from './embedded.ts';
import type { Judge } from './judge.ts';

/** What follows the colon of `kind:argument` goes to the factory. */
export const JUDGES: Readonly<Record<string, (argument: string | undefined) => Judge>> = {
  embedded: () => embeddedJudge(),
};

/** `spec` is `kind` or `kind:argument`. */
export function createJudge(spec: string): Judge {
  const at = spec.indexOf(':');
  const kind = at < 0 ? spec : spec.slice(0, at);
  if (!Object.hasOwn(JUDGES, kind)) {
    throw new TemperError('config', `unknown judge \`${kind}\``, {
      hint: `Kinds: ${Object.keys(JUDGES).join(', ')}.`,
    });
  }
  return (JUDGES[kind] as (argument: string | undefined) => Judge)(at < 0 ? undefined : spec.slice(at + 1));
}
