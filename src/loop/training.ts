/** The training of a round: SFT, DPO on what it made, words on what that made, what lies between, and the release of what was chosen. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { contentHash } from '../core/ids.ts';
import { type Adapter, freshAdapter, loadAdapter, saveAdapter } from '../engine/adapter.ts';
import type { Emit } from '../core/events.ts';
import type { Store } from '../store/store.ts';
import { MetricsLog } from '../training/metrics.ts';
import { type Recipe, trainingId } from '../training/recipe.ts';
import { FileTrainingState } from '../training/state.ts';
import { type Chain, startOf } from './chain.ts';
import { bestCheckpoint, type Frontier } from './frontier.ts';
import type { RoundOptions } from './round.ts';
import type { FrontierPoint } from './select.ts';
import type { Stages } from './stages.ts';
import { learntBy, trainingStage, type TrainingStep, trainingSteps } from './steps.ts';
import type { EmbeddedTargets, NamedAdapter } from './targets.ts';
import { adapterPath, between, type Checkpoint, elsewhere, trainerOf } from './trainer.ts';

export interface TrainingDependencies {
  readonly store: Pick<Store, 'dataset'>;
  readonly stages: Pick<Stages, 'stage' | 'emit'>;
  readonly weights: EmbeddedTargets;
  readonly signal?: AbortSignal | undefined;
}

type Options = Pick<RoundOptions, 'training' | 'directory' | 'selection'> & {
  readonly chain?: Pick<Chain, 'start' | 'from'> | undefined;
};

const NOTHING_LEFT = {
  dpo: 'no example has two answers that mean something: SFT alone',
  words: 'no example is left to teach words: DPO is the end',
};

/** What training starts from. Errors: those of a fresh adapter that fits nothing of the model. */
export function startingAdapter(
  weights: EmbeddedTargets,
  { training, chain }: Pick<Options, 'training' | 'chain'>,
): NamedAdapter {
  const known = startOf(weights, chain?.from === 'base' ? undefined : chain?.start);
  if (known) return known;
  const { lora, sft } = training;
  const adapter = freshAdapter(weights.model.config, { ...lora, seed: sft.seed });
  return { id: contentHash({ fresh: lora, seed: sft.seed }), adapter };
}

export const loadCheckpoint = (weights: EmbeddedTargets, { directory }: Checkpoint): Adapter =>
  loadAdapter(directory, weights.model.config);

/** Id of a training of a round. */
export const roundTraining = (
  recipe: Recipe,
  dataset: string,
  start: string,
  { weights, training }: { readonly weights: EmbeddedTargets } & Pick<Options, 'training'>,
): string => trainingId({ recipe, data: dataset, model: weights.file.id, start, ...elsewhere(training) });

/**
 * One training; every checkpoint is an adapter on disk, the last one the result. With `selection.patience` that is the best on
 * the held-out scenarios, and training ends where so many have not been better.
 */
async function train(
  step: TrainingStep,
  dataset: string,
  start: NamedAdapter,
  { store, stages, weights, signal, frontier }: TrainingDependencies & { readonly frontier: Frontier | null },
  { training, directory, selection: { patience } }: Options,
): Promise<Checkpoint[]> {
  const { file } = weights;
  const { name: called, recipe } = step;
  const id = roundTraining(recipe, dataset, start.id, { weights, training });
  const trainer = trainerOf(training, { id, path: file.path, folder: join(directory, 'training', id) });
  const state = new FileTrainingState(join(directory, 'training', `${id}.safetensors`));
  // A trainer names what it tells by the recipe's kind, and there are two of SFT.
  const emit: Emit = (event) =>
    stages.emit(
      'stage' in event && event.stage === `train ${recipe.kind}`
        ? { ...event, stage: `train ${called}` }
        : event,
    );
  const result = await stages.stage(trainingStage(called), [`train ${called}`], async () => {
    await weights.close(); // training needs the memory
    const { examples } = (await store.dataset(dataset))!;
    const used = learntBy(step, examples);
    const checkpoints: Checkpoint[] = [];
    if (called !== 'sft' && used.length === 0) {
      const message = NOTHING_LEFT[called];
      stages.emit({ type: 'note', level: 'info', message });
      return checkpoints;
    }
    const plannedAt = (at: number): Checkpoint => ({
      id: `${id}-${at}`,
      directory: join(directory, 'adapters', `${id}-${at}`),
      name: `${called} step ${at}`,
    });
    await trainer(weights.model, start.adapter, used, recipe, {
      emit,
      state,
      metrics: new MetricsLog(join(directory, 'adapters', `${id}.metrics.jsonl`)),
      ...(signal ? { signal } : {}),
      onCheckpoint: async (adapter, at, steps) => {
        const checkpoint = plannedAt(at);
        saveAdapter(checkpoint.directory, adapter, { base: file.name });
        if (patience === undefined || frontier === null || at === steps) return;
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

/**
 * All candidates of a round: what SFT made, what the last training made, and what lies between the two. What DPO made is none where
 * words follow it. Without a frontier `selection.patience` ends nothing.
 */
export async function trainRound(
  dataset: string,
  start: NamedAdapter,
  dependencies: TrainingDependencies & { readonly frontier: Frontier | null },
  options: Options,
): Promise<Checkpoint[]> {
  const { weights } = dependencies;
  const [first, ...further] = trainingSteps(options.training);
  const tuned = await train(first!, dataset, start, dependencies, options);
  let last = tuned;
  for (const step of further) {
    const end = last.at(-1) as Checkpoint;
    const from = { id: end.id, adapter: loadCheckpoint(weights, end) };
    const made = await train(step, dataset, from, dependencies, options);
    if (made.length === 0) break;
    last = made;
  }
  if (last === tuned) return tuned;
  const { model, file } = weights;
  const place = { config: model.config, base: file.name };
  const ends = [tuned.at(-1)!, last.at(-1)!] as const;
  return [...tuned, ...between(ends, options.selection.between, place), ...last];
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
