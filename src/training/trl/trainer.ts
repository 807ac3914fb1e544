/** The `trl` backend as a trainer like the own engine's: from a model on disk to an adapter in memory. */
import { cpSync, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TemperError } from '../../core/errors.ts';
import { replaceFolder } from '../../core/folder.ts';
import { freshAdapter, loadAdapter } from '../../engine/adapter.ts';
import { exportMerged } from '../../engine/export.ts';
import type { LoadedModel } from '../../engine/model.ts';
import { planTraining, repeatedIds, tokenize } from '../batches.ts';
import { exampleLength } from '../objective.ts';
import type { Trainer } from '../onnx.ts';
import { checkpointSteps, type LoraOptions } from '../recipe.ts';
import { JOB } from './job.ts';
import { trainTrl, checkpointsOf } from './trl.ts';
import type { TrlSettings } from './settings.ts';

export interface TrlPlace {
  readonly settings: TrlSettings;
  readonly lora: LoraOptions;
  /** Of the job. */
  readonly folder: string;
  readonly id: string;
  /** The target's weights: a GGUF file or a folder. */
  readonly path: string;
}

/**
 * The weights as transformers reads them: the folder itself, or a folder of the job, by its name there, where they come
 * from a GGUF file or the job goes elsewhere.
 */
function weightsFor(model: LoadedModel, { settings, lora, folder, path }: TrlPlace): string {
  if (settings.model !== null) return settings.model;
  const readable = existsSync(join(path, 'config.json'));
  if (readable && settings.upload === null) return resolve(path);
  const inJob = join(folder, JOB.model);
  if (existsSync(inJob)) return JOB.model;
  if (readable) replaceFolder(inJob, [], (to) => cpSync(path, to, { recursive: true, dereference: true }));
  else exportMerged(inJob, model, freshAdapter(model.config, { ...lora, rank: 1, seed: 0 }));
  return JOB.model;
}

/** Trains with TRL. Errors: those of `trainTrl`; `model` for weights that cannot be handed over. */
export const trlTrainer =
  (place: TrlPlace): Trainer =>
  async (model, start, data, recipe, options = {}) => {
    const { examples, dropped } = tokenize(data, model.tokenizer, recipe);
    if (examples.length === 0)
      throw new TemperError('data', 'there is nothing to train on', {
        hint: 'Every prompt is longer than maxLength; raise it.',
      });
    const kept = new Set(examples.map(({ id }) => id));
    const lengths = examples.map((example) => exampleLength(example, recipe.kind === 'dpo'));
    const { plan, held } = planTraining(lengths, recipe, repeatedIds(data, examples));
    const steps = plan.length;
    const planned = checkpointSteps(recipe, steps);
    if (options.onPlan && !options.onPlan(planned))
      return { adapter: start, steps, tokens: 0, finalLoss: Number.NaN, dropped };
    const { settings, lora, folder, id } = place;
    const result = await trainTrl(
      {
        folder,
        id,
        settings,
        lora,
        start,
        data: data.filter((example) => kept.has(example.id)),
        recipe,
        model: weightsFor(model, place),
        stopToken: model.tokenizer.endOfTurn,
        plan,
        held,
      },
      options,
    );
    const adapter = loadAdapter(result.adapter, model.config);
    for (const { step, path } of checkpointsOf(folder, planned.slice(0, -1)))
      await options.onCheckpoint?.(loadAdapter(path, model.config), step, steps);
    await options.onCheckpoint?.(adapter, steps, steps);
    return { adapter, steps: result.steps, tokens: result.tokens, finalLoss: result.finalLoss, dropped };
  };
