/** Which side each family of attacks is on (prompts/attack-families.json): dev, or sealed, never both. */
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import { BUILT_IN } from '../../scenarios/built-in.ts';
import { parseData } from '../../scenarios/data-file.ts';

const schema = z.strictObject({
  id: z.string(),
  version: z.string(),
  families: z.record(
    z.string(),
    z.strictObject({ split: z.enum(['dev', 'sealed']), description: z.string().min(1) }),
  ),
});

const data = parseData(BUILT_IN.prompts('attack-families'), schema, 'prompts');

export const FAMILIES: Readonly<
  Record<string, { readonly split: 'dev' | 'sealed'; readonly description: string }>
> = data.families;

/** The side of a family, or of a chain's (`encoding+role-play`). Errors: `data` for families of both sides, or unknown. */
export function splitOf(family: string): 'dev' | 'sealed' {
  const names = family.split('+');
  const sides = new Set(
    names.map((name) => {
      if (Object.hasOwn(FAMILIES, name)) return FAMILIES[name]!.split;
      throw new TemperError('data', `the attack family '${name}' is on no side`, {
        hint: 'Add it to prompts/attack-families.json.',
      });
    }),
  );
  if (sides.size === 1) return [...sides][0]!;
  throw new TemperError('data', `a chain of dev and sealed families: ${names.join(', ')}`, {
    hint: 'Chain attacks of one side: `temper attack --list` shows it.',
  });
}
