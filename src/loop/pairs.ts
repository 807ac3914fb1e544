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

/**
 * The pairs of DPO: those in which both answers mean something, so many of each purpose; what broke before the rest, and what a mix
 * repeats after all others.
 */
export function pairsFor(
  { seed, pairs }: RoundDpo,
  examples: readonly PreferenceExample[],
): PreferenceExample[] {
  const fit = examples.filter((example) => example.rejected[0]?.content.trim() !== '');
  const once = [...new Set(fit)];
  const ordered = (some: readonly PreferenceExample[]): PreferenceExample[] =>
    rng('pairs', seed)
      .shuffle(some)
      .sort((a, b) => Number(WRONG.has(b.lineage.source)) - Number(WRONG.has(a.lineage.source)));
  const usable = [...ordered(once), ...ordered(repeatsIn(fit))];
  return (['harm', 'benign', 'general'] as const).flatMap((purpose) =>
    usable.filter((example) => example.purpose === purpose).slice(0, pairs[purpose]),
  );
}

/** All but the first of each. */
function repeatsIn(examples: readonly PreferenceExample[]): PreferenceExample[] {
  const seen = new Set<PreferenceExample>();
  return examples.filter((example) => seen.size === seen.add(example).size);
}
