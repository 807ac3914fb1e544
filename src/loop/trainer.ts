/** Which backend trains. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { loadAdapter, saveAdapter } from '../engine/adapter.ts';
import { interpolateAdapters } from '../engine/adapter-arithmetic.ts';
import type { ModelConfig } from '../engine/architecture.ts';
import { type Trainer, trainOnnx } from '../training/onnx.ts';
import type { LoraOptions } from '../training/recipe.ts';
import type { TrlSettings } from '../training/trl/settings.ts';
import { trlTrainer } from '../training/trl/trainer.ts';

/** An adapter on disk. */
export interface Checkpoint {
  readonly id: string;
  readonly directory: string;
  readonly name: string;
}

/** Where an adapter of a store is now: a path in the store is of when it was made, and the folder may have been moved since. */
export const adapterPath = (directory: string, stored: string): string =>
  join(directory, 'adapters', basename(stored));

/**
 * Adapters on the straight way from one checkpoint to another, at these shares of it: SFT declines most, DPO less, and
 * what is wanted often lies between, or a little beyond. Written once.
 */
export function between(
  [from, to]: readonly [Checkpoint, Checkpoint],
  shares: readonly number[],
  { config, base }: { readonly config: ModelConfig; readonly base: string },
): Checkpoint[] {
  return shares.map((share) => {
    const directory = `${to.directory}-${share}`;
    if (!existsSync(directory)) {
      const [first, last] = [from, to].map((each) => loadAdapter(each.directory, config));
      saveAdapter(directory, interpolateAdapters(first!, last!, share), { base });
    }
    const percent = Number((share * 100).toFixed(4));
    const name =
      share < 1
        ? `${percent} % dpo, the rest sft`
        : `${Number((percent - 100).toFixed(4))} % beyond dpo, away from sft`;
    return { id: `${to.id}-${share}`, directory, name };
  });
}

export interface TrainingPlace {
  readonly lora: LoraOptions;
  readonly backend: 'onnx' | 'trl';
  readonly trl: TrlSettings;
}

/** What of the place changes the adapter, so that its id says it; nothing for the own engine. */
export const elsewhere = ({ backend, trl }: TrainingPlace): { readonly backend?: unknown } =>
  backend === 'onnx' ? {} : { backend: { backend, model: trl.model, precision: trl.precision } };

export function trainerOf(
  { backend, trl: settings, lora }: TrainingPlace,
  /** Id of the training, path of the weights, and the folder of a job. */
  place: { readonly id: string; readonly path: string; readonly folder: string },
): Trainer {
  return backend === 'onnx' ? trainOnnx : trlTrainer({ settings, lora, ...place });
}
