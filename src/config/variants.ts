/** Further recipes of a run: each says what it does otherwise than `training.sft` and `training.dpo`, and its adapters are candidates, too. */
import { z } from 'zod';
import { canonicalJson } from '../core/ids.ts';
import { type Mix, mixSchema, ownMix } from '../training/mix.ts';
import { overlap } from './problems.ts';

type Values = Readonly<Record<string, unknown>>;

const overrides = z.record(z.string(), z.unknown());

/** By name. No default, as it is part of ids. */
export const variantsSchema = z
  .record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 _-]{0,39}$/, 'a name has letters, digits, spaces, _ or -'),
    z.strictObject({
      sft: overrides.optional(),
      dpo: overrides.nullable().optional(),
      /** Of the round's examples: its own training data. */
      mix: mixSchema.optional(),
    }),
  )
  .optional();

type Written = z.infer<typeof variantsSchema>;

/** Two trainings: SFT, and DPO on what it made. */
export interface Recipes<Sft, Dpo> {
  readonly sft: Sft;
  readonly dpo: Dpo | null;
  /** Absent: all data as they are. */
  readonly mix?: Mix | undefined;
}

/** Recipes beside those of the configuration. */
export interface Variant<Sft, Dpo> extends Recipes<Sft, Dpo> {
  readonly name: string;
}

export interface RecipeSchemas<Sft, Dpo> {
  readonly sft: z.ZodType<Sft>;
  readonly dpo: z.ZodType<Dpo | null>;
}

const isMapping = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What `over` does not say is as in `base`; lists are values. */
const merged = (base: Values, over: Values): Values => ({
  ...base,
  ...Object.fromEntries(
    Object.entries(over).map(([key, value]) => {
      const under = base[key];
      return [key, isMapping(value) && isMapping(under) ? merged(under, value) : value];
    }),
  ),
});

const valuesOf = (recipe: unknown): Values => (recipe ?? {}) as Values;

type Parsed = readonly [key: 'sft' | 'dpo', result: z.ZodSafeParseResult<unknown>];

function parsed<Sft, Dpo>(
  { sft, dpo }: Recipes<Sft, Dpo>,
  own: NonNullable<Written>[string],
  schemas: RecipeSchemas<Sft, Dpo>,
): readonly [Parsed, Parsed] {
  const preferred = own.dpo === undefined ? dpo : own.dpo === null ? null : merged(valuesOf(dpo), own.dpo);
  return [
    ['sft', schemas.sft.safeParse(merged(valuesOf(sft), own.sft ?? {}))],
    ['dpo', schemas.dpo.safeParse(preferred)],
  ];
}

/** Their recipes in full, in the order in which they are written. */
export function variantsOf<Sft, Dpo>(
  training: Recipes<Sft, Dpo> & { readonly variants?: Written },
  schemas: RecipeSchemas<Sft, Dpo>,
): Variant<Sft, Dpo>[] {
  return Object.entries(training.variants ?? {}).map(([name, own]) => {
    const [[, sft], [, dpo]] = parsed(training, own, schemas);
    const mix = ownMix(own.mix);
    return { name, sft: sft.data as Sft, dpo: dpo.data as Dpo | null, ...(mix ? { mix } : {}) };
  });
}

/** The trainings that recipes are made of: DPO starts from its SFT. */
const trainingsOf = ({ sft, dpo, mix = {} }: Recipes<unknown, unknown>): string[] =>
  [[mix, sft], ...(dpo === null ? [] : [[mix, sft, dpo]])].map(canonicalJson);

/** Whether a variant itself holds a value at a path. */
const says = (own: unknown, [key, ...rest]: readonly PropertyKey[]): boolean =>
  key === undefined || (isMapping(own) && Object.hasOwn(own, key) && says(own[String(key)], rest));

/** Reports keys that the recipes do not have or allow, and variants that would add no candidate. */
export function checkVariants<Sft, Dpo>(
  training: Recipes<Sft, Dpo> & { readonly variants?: Written },
  schemas: RecipeSchemas<Sft, Dpo>,
  context: z.RefinementCtx,
): void {
  const known = new Set(trainingsOf(training));
  // What is wrong with the recipes is so with what takes it over, and is told once; so is a variant that is none.
  const told = context.issues.map(({ path = [], code }) => ({ at: path.join('.'), code }));
  for (const [name, own] of Object.entries(training.variants ?? {})) {
    if (told.some(({ at }) => overlap(at, `variants.${name}`))) continue;
    const problems = parsed(training, own, schemas).flatMap(([key, { error }]) =>
      (error?.issues ?? []).map((issue) => ({ ...issue, path: ['variants', name, key, ...issue.path] })),
    );
    for (const problem of problems) {
      const [, , ...at] = problem.path;
      const known = told.some((each) => each.at === at.join('.') && each.code === problem.code);
      if (known && !says(own, at)) continue;
      context.addIssue(problem as Parameters<typeof context.addIssue>[0]);
    }
    if (problems.length > 0) continue;
    const [variant] = variantsOf({ ...training, variants: { [name]: own } }, schemas);
    const made = trainingsOf(variant!);
    if (made.every((each) => known.has(each)))
      context.addIssue({
        code: 'custom',
        path: ['variants', name],
        message: 'it trains nothing that the recipes before it do not',
      });
    for (const each of made) known.add(each);
  }
}
