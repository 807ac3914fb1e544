/** What `temper train` understands by a recipe: a kind, a file, and `--set`. */
import { existsSync } from 'node:fs';
import { type Config, configSchema } from '../config/config.ts';
import { readRecipe, RECIPE_KINDS, type RecipeKind } from '../config/recipe-file.ts';
import { TemperError } from '../core/errors.ts';
import { wrapped } from '../report/format.ts';
import { dpoSchema, type LoraOptions, type Recipe, sftSchema } from '../training/recipe.ts';

const DEFAULTS = configSchema.parse({}).training;

/** What `--set` names without a path: keys of the recipe; `lora.` keys shape a fresh adapter. */
const RECIPE_KEYS = {
  sft: new Set(Object.keys(sftSchema.shape)),
  dpo: new Set(Object.keys(dpoSchema.shape)),
};

/** What `--recipe` names: a kind, or a file. Errors: `usage` for neither; `config` for a file that is no recipe. */
export function recipeNamed(name: string): { readonly kind: RecipeKind; readonly file?: string } {
  if (name === 'sft' || name === 'dpo') return { kind: name };
  if (existsSync(name)) return { kind: readRecipe(name).kind, file: name };
  throw new TemperError('usage', `--recipe ${name}: neither sft nor dpo, and no such file`, {
    hint: 'examples/recipes has recipes to start from.',
  });
}

/** `--set` as paths of the configuration. Errors: `usage` for a key that belongs neither to it nor to the recipe. */
export function recipePaths(
  recipe: RecipeKind,
  { set, backend }: { readonly set: readonly string[]; readonly backend?: string },
): string[] {
  const first = backend === undefined ? [] : [`training.backend=${backend}`];
  return [...first, ...set].map((override) => {
    const key = /^[^.=]*/.exec(override)![0];
    if (key === 'kind')
      throw new TemperError('usage', `--set kind contradicts --recipe ${recipe}`, {
        hint: 'Leave the kind to --recipe.',
      });
    if (key === 'lora' || key === 'trl') return `training.${override}`;
    if (RECIPE_KEYS[recipe].has(key)) return `training.${recipe}.${override}`;
    if (key === '' || !override.includes('=') || Object.hasOwn(configSchema.shape, key)) return override;
    throw new TemperError('usage', `--set ${key}: the recipe ${recipe} has no such key`, {
      hint: `Its keys: ${[...RECIPE_KEYS[recipe]].filter((name) => name !== 'kind').join(', ')}; or a path of the configuration, such as lora.rank or training.${recipe}.epochs.`,
    });
  });
}

/** The recipe as the configuration and `--set` have it: the same as a run's. */
export function recipeOf(name: RecipeKind, { sft, dpo }: Config['training']): Recipe {
  if (name === 'sft') return sft;
  // How many pairs a run takes of its own dataset is no matter of the recipe.
  const { pairs: _pairs, ...recipe } = dpo ?? DEFAULTS.dpo!;
  return recipe;
}

/** What matters most of a recipe, as `--set` takes it. */
export function recipeText(recipe: Recipe, lora: LoraOptions | null): string {
  const { kind, learningRate, epochs, batch, maxLength, maxCompletionLength } = recipe;
  const shown = {
    learningRate,
    epochs,
    batch,
    maxLength,
    maxCompletionLength,
    ...(recipe.kind === 'sft' && recipe.opening
      ? { opening: `{tokens: ${recipe.opening.tokens}, weight: ${recipe.opening.weight}}` }
      : {}),
    ...(recipe.kind === 'dpo' ? { loss: recipe.loss, beta: recipe.beta, nll: recipe.nll } : {}),
    ...(lora ? { 'lora.rank': lora.rank, 'lora.alpha': lora.alpha } : {}),
  };
  return `${kind}: ${Object.entries(shown)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')}`;
}

export const RECIPE_HELP = `
Recipe, unless a file, the configuration or --set says otherwise (a run's is the same):
${RECIPE_KINDS.map((name) => `${wrapped(recipeText(recipeOf(name, DEFAULTS), null), 96, '     ').join('\n  ')}`).join('\n')}`;
