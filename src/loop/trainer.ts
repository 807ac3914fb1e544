/** Which backend trains. */
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
