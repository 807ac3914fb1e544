/**
 * The trainings of a round, each from the adapter that the one before made: SFT on the chosen answers, DPO on their openings,
 * and SFT on the words of answers alone, as DPO on openings takes care of none that come after them.
 */
import type { PreferenceExample } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { SftRecipe } from '../training/recipe.ts';
import { pairsFor, type RoundDpo } from './pairs.ts';

export const TRAININGS = ['sft', 'dpo', 'words'] as const;
export type TrainingName = (typeof TRAININGS)[number];

/** SFT, on so many examples of each purpose at most. */
export interface RoundWords extends SftRecipe {
  readonly examples: Readonly<Record<PreferenceExample['purpose'], number>>;
}

export interface RoundRecipes {
  readonly sft: SftRecipe;
  readonly dpo: RoundDpo | null;
  readonly words: RoundWords | null;
}

export type TrainingStep =
  | { readonly name: 'sft'; readonly recipe: SftRecipe }
  | { readonly name: 'dpo'; readonly recipe: RoundDpo }
  | { readonly name: 'words'; readonly recipe: RoundWords };

/** In their order. Without DPO there are no words to bring back. */
export function trainingSteps({ sft, dpo, words }: RoundRecipes): TrainingStep[] {
  const first = { name: 'sft', recipe: sft } as const;
  if (dpo === null) return [first];
  const second = { name: 'dpo', recipe: dpo } as const;
  return words === null ? [first, second] : [first, second, { name: 'words', recipe: words }];
}

/** The name under which a run keeps what a training made. */
export const trainingStage = (name: TrainingName): `train-${TrainingName}` => `train-${name}`;

/** The examples that teach words: so many of each purpose, drawn by the recipe's seed. */
export function wordsFor(
  { seed, examples: most }: RoundWords,
  examples: readonly PreferenceExample[],
): PreferenceExample[] {
  const drawn = rng('words', seed).shuffle([...examples]);
  return (['harm', 'benign', 'general'] as const).flatMap((purpose) =>
    drawn.filter((example) => example.purpose === purpose).slice(0, most[purpose]),
  );
}

/** Which of a dataset's examples a training learns from. */
export function learntBy(
  { name, recipe }: TrainingStep,
  examples: readonly PreferenceExample[],
): readonly PreferenceExample[] {
  if (name === 'dpo') return pairsFor(recipe, examples);
  return name === 'words' ? wordsFor(recipe, examples) : examples;
}
