/**
 * A recipe in a file of its own, for `temper train --recipe FILE` and, by its path in place of the keys, for `training.sft` and
 * `training.dpo` of a configuration: `kind`, the keys of that recipe, and under `lora` those of a fresh adapter.
 */
import { TemperError } from '../core/errors.ts';
import { readYaml } from './yaml.ts';

export const RECIPE_KINDS = ['sft', 'dpo'] as const;
export type RecipeKind = (typeof RECIPE_KINDS)[number];

type Values = Record<string, unknown>;

interface RecipeFile {
  readonly path: string;
  readonly kind: RecipeKind;
  readonly keys: Values;
  readonly lora: Values | null;
}

const isMapping = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads a recipe; what its keys hold is checked with the rest of the configuration. Errors: `config`. */
export function readRecipe(path: string): RecipeFile {
  const { kind, lora = null, ...keys } = readYaml(path, 'Give the path of a recipe, or sft or dpo.');
  const problems = [
    ...(RECIPE_KINDS.includes(kind as RecipeKind) ? [] : ['  kind: write sft or dpo']),
    ...(lora === null || isMapping(lora) ? [] : ['  lora: write keys such as rank']),
  ];
  if (problems.length > 0)
    throw new TemperError('config', `${path}: no recipe\n${problems.join('\n')}`, {
      hint: 'examples/recipes has one of each kind, with every key explained.',
    });
  return { path, kind: kind as RecipeKind, keys, lora: lora as Values | null };
}

/** Where the parts of a configuration come from, if from recipes: files by `training.sft`, `training.dpo`, `training.lora`. */
export type RecipeOrigins = Map<string, string>;

/** Puts a recipe in the place of what a configuration says. Errors: `config` where two recipes want different adapters. */
function place(config: Values, recipe: RecipeFile, origins: RecipeOrigins): void {
  const training = isMapping(config['training']) ? config['training'] : {};
  config['training'] = training;
  training[recipe.kind] = recipe.keys;
  origins.set(`training.${recipe.kind}`, recipe.path);
  if (!recipe.lora) return;
  const other = origins.get('training.lora');
  if (other !== undefined && JSON.stringify(training['lora']) !== JSON.stringify(recipe.lora))
    throw new TemperError('config', `${other} and ${recipe.path} say different things under lora`, {
      hint: 'Both trainings of a run work on one adapter: leave lora to one of the files.',
    });
  training['lora'] = { ...recipe.lora };
  origins.set('training.lora', recipe.path);
}

/**
 * Replaces `training.sft`, `training.dpo` and those of variants by the recipes whose paths they are.
 * Errors: `config` for a file that cannot be read or is of the other kind, and for a variant's that has `lora`.
 */
export function placeRecipes(config: Values, origins: RecipeOrigins): void {
  const { training } = config;
  if (!isMapping(training)) return;
  for (const kind of RECIPE_KINDS) {
    const path = training[kind];
    if (typeof path === 'string') place(config, recipeOf(kind, path, `training.${kind}`), origins);
  }
  const { variants } = training;
  for (const [name, own] of isMapping(variants) ? Object.entries(variants) : []) {
    for (const kind of isMapping(own) ? RECIPE_KINDS : []) {
      const key = `training.variants.${name}.${kind}`;
      const path = (own as Values)[kind];
      if (typeof path !== 'string') continue;
      const { keys, lora } = recipeOf(kind, path, key);
      if (lora)
        throw new TemperError('config', `${key}: ${path} has lora, and all trainings work on one adapter`, {
          hint: 'Leave lora to the configuration.',
        });
      (own as Values)[kind] = keys;
      origins.set(key, path);
    }
  }
}

/** A recipe that has to be of a kind. */
function recipeOf(kind: RecipeKind, path: string, key: string): RecipeFile {
  const recipe = readRecipe(path);
  if (recipe.kind === kind) return recipe;
  throw new TemperError('config', `${key}: ${path} is a recipe of the kind ${recipe.kind}`);
}

/** Puts the recipe of a file into a configuration. */
export function placeRecipe(config: Values, path: string, origins: RecipeOrigins): void {
  place(config, readRecipe(path), origins);
}

/** The file and key that a path of the configuration means, or null where no recipe said it. */
export function recipeOrigin(path: string, origins: RecipeOrigins): { file: string; key: string } | null {
  for (const [part, file] of origins) {
    if (path !== part && !path.startsWith(`${part}.`)) continue;
    const below = path.slice(part.length + 1);
    const key = part === 'training.lora' ? ['lora', below].filter(Boolean).join('.') : below;
    return { file, key: key || '(top level)' };
  }
  return null;
}
