/** How much of a dataset's kinds a training learns from. */
import { z } from 'zod';

const weight = z.number().min(0).max(10);
const weights = <Name extends string>(names: readonly Name[]) => z.partialRecord(z.enum(names), weight);

const SOURCES = [
  'finding',
  'unrefused',
  'declined',
  'augmentation',
  'look-alike',
  'over-refusal',
  'general',
  'import',
] as const;

/** 1: as in the dataset; 0: none; 0.5: half of them; 2: each twice. What is not named is as in the dataset. */
export const mixSchema = z.strictObject({
  /** What examples teach. */
  purposes: weights(['harm', 'benign', 'general'])
    .refine(
      ({ harm, benign, general }) => harm !== 0 || benign !== 0 || general !== 0,
      'nothing would be learnt',
    )
    .optional(),
  /** Where they come from, as in their lineage (docs/concepts.md). */
  sources: weights(SOURCES)
    .refine((named) => SOURCES.some((source) => named[source] !== 0), 'nothing would be learnt')
    .optional(),
});

export type Mix = z.infer<typeof mixSchema>;

/** Without the weights that change nothing; undefined: none does. */
export function ownMix(mix: Mix | undefined): Mix | undefined {
  const parts = Object.entries(mix ?? {}).flatMap(([part, named]) => {
    const other = Object.entries(named ?? {}).filter(([, each]) => each !== 1);
    return other.length > 0 ? [[part, Object.fromEntries(other)] as const] : [];
  });
  return parts.length > 0 ? (Object.fromEntries(parts) as Mix) : undefined;
}
