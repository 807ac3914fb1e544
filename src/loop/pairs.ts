/** Which of a dataset's examples DPO learns from. */
import type { PreferenceExample } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { DpoRecipe } from '../training/recipe.ts';

/** DPO, on so many pairs of each purpose at most. */
export interface RoundDpo extends DpoRecipe {
  readonly pairs: Readonly<Record<PreferenceExample['purpose'], number>>;
}

/** What the target did wrong goes before what it did well. */
const WRONG: ReadonlySet<string> = new Set(['finding', 'over-refusal']);

/** The pairs of DPO: those in which both answers mean something, so many of each purpose; what broke before the rest. */
export function pairsFor(
  { seed, pairs }: RoundDpo,
  examples: readonly PreferenceExample[],
): PreferenceExample[] {
  const usable = rng('pairs', seed)
    .shuffle(examples.filter((example) => example.rejected[0]?.content.trim() !== ''))
    .sort((a, b) => Number(WRONG.has(b.lineage.source)) - Number(WRONG.has(a.lineage.source)));
  return (['harm', 'benign', 'general'] as const).flatMap((purpose) =>
    usable.filter((example) => example.purpose === purpose).slice(0, pairs[purpose]),
  );
}
