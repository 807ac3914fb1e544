/**
 * The training of a round: SFT, DPO on what it made, what lies between the two; the same again for each variant of the recipes; and
 * the release of what was chosen.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TemperError } from '../core/errors.ts';
import { canonicalJson, contentHash } from '../core/ids.ts';
import { type Adapter, freshAdapter, loadAdapter, saveAdapter } from '../engine/adapter.ts';
import type { Store } from '../store/store.ts';
import { MetricsLog } from '../training/metrics.ts';
import type { Mix } from '../training/mix.ts';
import { type SftRecipe, trainingId } from '../training/recipe.ts';
import { FileTrainingState } from '../training/state.ts';
import { type Chain, startOf } from './chain.ts';
import { bestCheckpoint, type Frontier } from './frontier.ts';
import { mixed } from './mix.ts';
import { pairsFor, type RoundDpo } from './pairs.ts';
import type { Phase } from './phases.ts';
import type { RoundOptions } from './round.ts';
import type { FrontierPoint } from './select.ts';
import type { Stages } from './stages.ts';
import type { EmbeddedTargets, NamedAdapter } from './targets.ts';
import {
  adapterPath,
  between,
  type Checkpoint,
  elsewhere,
  trainerOf,
  type TrainingPlace,
} from './trainer.ts';

export interface TrainingDependencies {
  readonly store: Pick<Store, 'dataset'>;
  readonly stages: Pick<Stages, 'stage' | 'emit'>;
  readonly weights: EmbeddedTargets;
  readonly signal?: AbortSignal | undefined;
}

type Options = Pick<RoundOptions, 'training' | 'directory' | 'selection'> & {
  readonly chain?: Pick<Chain, 'start' | 'from'> | undefined;
};

/** What training starts from. Errors: those of a fresh adapter that fits nothing of the model. */
export function startingAdapter(
  weights: EmbeddedTargets,
  {
    training,
    chain,
  }: Pick<Options, 'chain'> & { readonly training: Pick<Options['training'], 'lora' | 'sft'> },
): NamedAdapter {
  const known = startOf(weights, chain?.from === 'base' ? undefined : chain?.start);
  if (known) return known;
  const { lora, sft } = training;
  const adapter = freshAdapter(weights.model.config, { ...lora, seed: sft.seed });
  return { id: contentHash({ fresh: lora, seed: sft.seed }), adapter };
}

/** The recipes of a round: those of its configuration (null), then its variants, by name. */
export interface NamedRecipes {
  readonly name: string | null;
  readonly sft: SftRecipe;
  readonly dpo: RoundDpo | null;
  /** Of a variant with data of its own; absent: the dataset as it is. */
  readonly mix?: Mix | undefined;
}

export interface RoundTraining extends TrainingPlace, Pick<NamedRecipes, 'sft' | 'dpo' | 'mix'> {
  /** Further recipes, from the same dataset and start. */
  readonly variants?: readonly (NamedRecipes & { readonly name: string })[];
}

export const recipesOf = ({ sft, dpo, mix, variants = [] }: RoundTraining): NamedRecipes[] => [
  { name: null, sft, dpo, mix },
  ...variants,
];

/** Recipes with the same begin with one training of SFT. */
export const sftKey = ({ sft, mix = {} }: Pick<NamedRecipes, 'sft' | 'mix'>): string =>
  canonicalJson({ sft, mix });

/** Stage under which a training keeps its checkpoints. */
export const trainingStage = (kind: 'sft' | 'dpo', name: string | null): string =>
  `train-${kind}${name === null ? '' : `: ${name}`}`;

const trainingPhase = (kind: 'sft' | 'dpo', name: string | null): Phase =>
  name === null ? `train ${kind}` : `train ${kind}: ${name}`;

/** The trainings of a round as they are told; recipes that begin with the same SFT share it. */
export function trainingPhases(training: RoundTraining): Phase[] {
  const made = new Set<string>();
  return recipesOf(training).flatMap((recipes) => {
    const { name, dpo } = recipes;
    const known = made.has(sftKey(recipes));
    made.add(sftKey(recipes));
    return [
      ...(known ? [] : [trainingPhase('sft', name)]),
      ...(dpo === null ? [] : [trainingPhase('dpo', name)]),
    ];
  });
}

export const loadCheckpoint = (weights: EmbeddedTargets, { directory }: Checkpoint): Adapter =>
  loadAdapter(directory, weights.model.config);

/** One training of a recipe. */
interface RecipeTraining extends Pick<NamedRecipes, 'name' | 'mix'> {
  readonly recipe: SftRecipe | RoundDpo;
}

/** Id of a training of a round. */
export const roundTraining = (
  { recipe, mix }: Omit<RecipeTraining, 'name'>,
  dataset: string,
  start: string,
  { weights, training }: { readonly weights: EmbeddedTargets } & Pick<Options, 'training'>,
): string => {
  const data = mix ? { dataset, mix } : dataset;
  return trainingId({ recipe, data, model: weights.file.id, start, ...elsewhere(training) });
};

/**
 * Trains one recipe; every checkpoint is an adapter on disk, the last one the result. With `selection.patience` that is the best on
 * the held-out scenarios, and training ends where so many have not been better.
 */
async function train(
  { recipe, name, mix }: RecipeTraining,
  dataset: string,
  start: NamedAdapter,
  { store, stages, weights, signal, frontier }: TrainingDependencies & { readonly frontier: Frontier | null },
  { training, directory, selection: { patience } }: Options,
): Promise<Checkpoint[]> {
  const { file } = weights;
  const id = roundTraining({ recipe, mix }, dataset, start.id, { weights, training });
  const trainer = trainerOf(training, { id, path: file.path, folder: join(directory, 'training', id) });
  const state = new FileTrainingState(join(directory, 'training', `${id}.safetensors`));
  const [stage, phase] = [trainingStage(recipe.kind, name), trainingPhase(recipe.kind, name)];
  const result = await stages.stage(stage, [phase], async () => {
    await weights.close(); // training needs the memory
    const examples = mixed((await store.dataset(dataset))!.examples, mix);
    if (mix && examples.length === 0) throw nothingLeft(name);
    const used = recipe.kind === 'dpo' ? pairsFor(recipe, examples) : examples;
    const checkpoints: Checkpoint[] = [];
    if (recipe.kind === 'dpo' && used.length === 0) {
      const message = 'no example has two answers that mean something: SFT alone';
      stages.emit({ type: 'note', level: 'info', message });
      return checkpoints;
    }
    const plannedAt = (step: number): Checkpoint => ({
      id: `${id}-${step}`,
      directory: join(directory, 'adapters', `${id}-${step}`),
      name: named(name, `${recipe.kind} step ${step}`),
    });
    await trainer(weights.model, start.adapter, used, recipe, {
      emit: stages.emit,
      state,
      metrics: new MetricsLog(join(directory, 'adapters', `${id}.metrics.jsonl`)),
      ...(signal ? { signal } : {}),
      onCheckpoint: async (adapter, step, steps) => {
        const checkpoint = plannedAt(step);
        saveAdapter(checkpoint.directory, adapter, { base: file.name });
        if (patience === undefined || frontier === null || step === steps) return;
        const made = checkpoints.slice(0, checkpoints.findIndex((each) => each.id === checkpoint.id) + 1);
        const best = await bestCheckpoint(frontier, made);
        if (made.length - 1 - best < patience) return;
        const message = `stopped: no checkpoint after ${made[best]!.name} is better on the held-out scenarios`;
        stages.emit({ type: 'note', level: 'info', message });
        return 'stop';
      },
      // Steps are known from the plan, so a continued run lists the checkpoints of its first part too.
      onPlan: (steps) => {
        checkpoints.push(...steps.map(plannedAt));
        return !checkpoints.every(({ directory }) => existsSync(directory));
      },
    });
    const made = checkpoints.filter((each) => existsSync(each.directory));
    if (patience === undefined || frontier === null) return made;
    return made.slice(0, (await bestCheckpoint(frontier, made)) + 1);
  });
  state.clear();
  return result.map((made) => ({ ...made, directory: adapterPath(directory, made.directory) }));
}

const nothingLeft = (name: string | null): TemperError =>
  new TemperError('config', `training.variants.${name}.mix leaves none of this round's examples`, {
    hint: '`temper curate` counts them by purpose and by source; give one of those a weight above 0.',
  });

const named = (variant: string | null, name: string): string =>
  variant === null ? name : `${variant}: ${name}`;

/** All candidates of a round, each once. Without a frontier `selection.patience` ends nothing. */
export async function trainRound(
  dataset: string,
  start: NamedAdapter,
  dependencies: TrainingDependencies & { readonly frontier: Frontier | null },
  options: Options,
): Promise<Checkpoint[]> {
  const { weights } = dependencies;
  const { model, file } = weights;
  const place = { config: model.config, base: file.name };
  const candidates: Checkpoint[] = [];
  const bySft = new Map<string, Checkpoint[]>();
  for (const recipes of recipesOf(options.training)) {
    const { name, sft, dpo, mix } = recipes;
    const key = sftKey(recipes);
    const known = bySft.get(key);
    const tuned = known ?? (await train({ recipe: sft, name, mix }, dataset, start, dependencies, options));
    bySft.set(key, tuned);
    if (!known) candidates.push(...tuned);
    if (!dpo) continue;
    const last = tuned.at(-1) as Checkpoint;
    const from = { id: last.id, adapter: loadCheckpoint(weights, last) };
    const preferred = await train({ recipe: dpo, name, mix }, dataset, from, dependencies, options);
    const end = preferred.at(-1);
    if (!end) continue;
    const mixed = between([last, end], options.selection.between, place);
    candidates.push(...mixed.map((each) => ({ ...each, name: named(name, each.name) })), ...preferred);
  }
  return candidates;
}

/** The chosen candidate as an adapter of its own, its strength folded in. */
export function release(
  weights: EmbeddedTargets,
  checkpoints: readonly Checkpoint[],
  { adapter: id, strength }: FrontierPoint,
  { directory: place }: Options,
): string {
  const directory = join(place, 'adapters', `${id}-x${strength}`);
  if (existsSync(directory)) return directory;
  const checkpoint = checkpoints.find((each) => each.id === id) as Checkpoint;
  saveAdapter(directory, loadCheckpoint(weights, checkpoint), { base: weights.name, strength });
  return directory;
}
