/**
 * A job of the `trl` backend: a folder with all that a Python script needs to train the adapter elsewhere, and into
 * which it writes metrics, checkpoints and the adapter (docs/training.md).
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TemperError } from '../../core/errors.ts';
import type { PreferenceExample } from '../../core/records.ts';
import { type Adapter, isUntouched, saveAdapter } from '../../engine/adapter.ts';
import { scheduled, warmupSteps } from '../adamw.ts';
import { lossNames, type PreferenceLoss } from '../losses.ts';
import { checkpointInterval, type LoraOptions, nllTokens, type Recipe } from '../recipe.ts';
import type { TrlSettings } from './settings.ts';

/** The scripts: beside the sources in a checkout, beside dist/ in the package. */
const SCRIPTS = fileURLToPath(new URL('../../../backends/trl', import.meta.url));

export const REQUIREMENTS = join(SCRIPTS, 'requirements.txt');

/** TRL's names of the losses of its DPO trainer. */
const TRL_LOSSES: readonly PreferenceLoss[] = [
  'sigmoid',
  'hinge',
  'ipo',
  'exo_pair',
  'nca_pair',
  'robust',
  'bco_pair',
  'sppo_hard',
  'apo_zero',
  'apo_down',
  'sigmoid_norm',
];

/** Errors: `config`, for what the recipe asks and TRL cannot do. */
export function refuseForeign(recipe: Recipe): void {
  if (recipe.kind === 'sft') {
    if (!recipe.opening || recipe.accumulation === 1) return;
    throw new TemperError('config', 'the backend trl does not weigh `opening` over accumulated batches', {
      hint: 'Set accumulation to 1, or opening to null.',
    });
  }
  const perToken = lossNames(recipe.loss).find((loss) => loss === 'ipo' || loss === 'sigmoid_norm');
  if (nllTokens(recipe) && perToken)
    throw new TemperError(
      'config',
      `the backend trl has no nllLength with the loss ${perToken}, which is per token`,
      {
        hint: 'Set nllLength to null, or use the backend onnx.',
      },
    );
  const foreign = lossNames(recipe.loss).find((loss) => !TRL_LOSSES.includes(loss));
  if (foreign === undefined) return;
  throw new TemperError('config', `the backend trl does not train with the loss ${foreign}`, {
    hint: `Use the backend onnx, or one of: ${TRL_LOSSES.join(', ')}.`,
  });
}

export interface JobParts {
  readonly recipe: Recipe;
  readonly lora: LoraOptions;
  readonly settings: TrlSettings;
  readonly data: readonly PreferenceExample[];
  /** Batches of the whole run as indices of `data`. */
  readonly plan: readonly (readonly number[])[];
  /** Examples to measure the held-out loss on, as indices of `data`. */
  readonly held: readonly number[];
  /** The adapter that training starts from, or its folder; null: a fresh one, made by PEFT. */
  readonly start: Adapter | string | null;
  /** Name or folder of the weights; a folder of the job by its name there. */
  readonly model: string;
  /** Ends a completion: its id; null: the tokenizer's end of text. */
  readonly stopToken: number | null;
}

/** The files of a job that temper writes, and those that the script does. */
export const JOB = {
  settings: 'job.json',
  data: 'data.jsonl',
  /** Held-out examples, where there are some. */
  evaluation: 'eval.jsonl',
  script: 'train.py',
  requirements: 'requirements.txt',
  /** The weights, where they travel with it. */
  model: 'model',
  start: 'start',
  metrics: 'metrics.jsonl',
  adapter: 'adapter',
  checkpoints: 'checkpoints',
  /** Last, when the adapter is whole: its SHA-256 and the steps. */
  done: 'done.json',
  failed: 'failed.json',
  /** Written here once the job is on its way. */
  submitted: 'submitted.json',
} as const;

const write = (path: string, value: unknown): void =>
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

/** Writes a job's folder. What is there of it already (checkpoints, metrics) stays: a started job goes on. */
export function writeJob(folder: string, parts: JobParts): void {
  const { recipe, lora, settings, data, plan, held, start, model, stopToken } = parts;
  mkdirSync(folder, { recursive: true });
  const reference = recipe.kind === 'dpo' ? recipe.reference : null;
  const begin = join(folder, JOB.start);
  if (typeof start === 'string') cpSync(start, begin, { recursive: true });
  else if (start && !existsSync(begin)) saveAdapter(begin, start, { base: model });
  const untouched = start === null || (typeof start !== 'string' && isUntouched(start));
  const { precision, gradientCheckpointing, processes } = settings;
  write(join(folder, JOB.settings), {
    model,
    recipe,
    nllTokens: nllTokens(recipe) ?? null,
    lora,
    start: start === null ? null : JOB.start,
    // A start that changes nothing is the base.
    reference: untouched ? 'base' : reference,
    stopToken,
    steps: plan.length,
    checkpointEvery: checkpointInterval(recipe, plan.length),
    // Shares of the learning rate, one a step: schedules of one name differ between programs.
    rates: plan.map((_, step) =>
      scheduled(recipe.schedule, step, plan.length, warmupSteps(recipe, plan.length)),
    ),
    precision,
    gradientCheckpointing,
    processes,
  });
  const line = (i: number): string => {
    const { prompt, chosen, rejected, cut } = data[i] as PreferenceExample;
    return `${JSON.stringify({ prompt, chosen, ...(recipe.kind === 'dpo' ? { rejected } : {}), ...(cut ? { cut } : {}) })}\n`;
  };
  const writeExamples = (name: string, indices: readonly number[]): void =>
    writeFileSync(join(folder, name), indices.map(line).join(''));
  writeExamples(JOB.data, plan.flat());
  if (held.length > 0) writeExamples(JOB.evaluation, held);
  for (const file of [JOB.script, JOB.requirements]) copyFileSync(join(SCRIPTS, file), join(folder, file));
}

export interface JobEnd {
  readonly steps: number;
  /** SHA-256 of adapter/adapter_model.safetensors. */
  readonly sha256: string;
}

/** A failed job is launched anew. */
export function forgetFailure(folder: string): void {
  if (!existsSync(join(folder, JOB.failed))) return;
  for (const name of [JOB.failed, JOB.submitted]) rmSync(join(folder, name), { force: true });
}

/** How a job ended, or null while it runs. Errors: `model` with the script's own words when it failed. */
export function jobEnd(folder: string): JobEnd | null {
  const read = (name: string): Record<string, unknown> | null => {
    const path = join(folder, name);
    if (!existsSync(path)) return null;
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    } catch {
      return null; // half of it, for a moment
    }
  };
  const done = read(JOB.done);
  if (typeof done?.['steps'] === 'number' && typeof done['sha256'] === 'string')
    return { steps: done['steps'], sha256: done['sha256'] };
  const failed = read(JOB.failed);
  if (failed === null) return null;
  throw new TemperError('model', `the training failed: ${String(failed['error']).slice(0, 500)}`, {
    hint: `Its output is in ${folder}. Mend the cause and start again.`,
  });
}
