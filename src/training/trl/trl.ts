/**
 * The trainer on TRL and PEFT, for models and machines that the own engine is too small for: writes a job, starts it,
 * follows it, and takes its adapter back.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { silent } from '../../core/events.ts';
import { errorMessage, TemperError } from '../../core/errors.ts';
import { fileHash } from '../../core/ids.ts';
import type { PreferenceExample } from '../../core/records.ts';
import type { Adapter } from '../../engine/adapter.ts';
import { type EvaluationMetrics, type StepMetrics, TrainingWatch } from '../metrics.ts';
import type { TrainOptions } from '../onnx.ts';
import type { LoraOptions, Recipe } from '../recipe.ts';
import { evaluationOf, LineFollower, metricsOf } from './follow.ts';
import { forgetFailure, JOB, type JobEnd, jobEnd, refuseForeign, writeJob } from './job.ts';
import {
  filled,
  lastOutput,
  launchCommand,
  runToEnd,
  type Running,
  start as startProgram,
} from './launch.ts';
import type { TrlSettings } from './settings.ts';

export interface TrlJob {
  readonly folder: string;
  /** Of the training; a queue shows it. */
  readonly id: string;
  readonly settings: TrlSettings;
  readonly lora: LoraOptions;
  /** As in JobParts. */
  readonly start: Adapter | string | null;
  readonly data: readonly PreferenceExample[];
  readonly recipe: Recipe;
  /** Name or folder of the weights. */
  readonly model: string;
  readonly stopToken: number | null;
  /** Batches of the whole run as indices of `data`. */
  readonly plan: readonly (readonly number[])[];
  /** Examples that are held out to measure the loss on, as indices of `data`. */
  readonly held: readonly number[];
}

export interface TrlResult extends JobEnd {
  /** Folder of the adapter, in PEFT's format. */
  readonly adapter: string;
  readonly tokens: number;
  readonly finalLoss: number;
}

type FollowOptions = Pick<TrainOptions, 'emit' | 'onStep' | 'metrics' | 'signal'>;

/** A job under way: its programs, and what it has told so far. */
class Job {
  readonly #job: TrlJob;
  readonly #options: FollowOptions;
  readonly #follower: LineFollower;
  readonly #watch: TrainingWatch;
  readonly #values: Readonly<Record<string, string>>;
  last: StepMetrics | null = null;
  #measured = 0;

  constructor(job: TrlJob, options: FollowOptions) {
    this.#job = job;
    this.#options = options;
    this.#follower = new LineFollower(join(job.folder, JOB.metrics));
    this.#watch = new TrainingWatch(job.recipe.kind === 'dpo' ? job.recipe.beta : 1);
    const { python, processes } = job.settings;
    this.#values = { job: job.folder, id: job.id, python, processes: `${processes}` };
  }

  async launch(): Promise<Running | null> {
    const { folder, settings } = this.#job;
    const marker = join(folder, JOB.submitted);
    if (settings.detached && existsSync(marker)) return null;
    const { signal } = this.#options;
    if (settings.upload)
      await runToEnd('the upload', filled(settings.upload, this.#values), { folder, signal });
    const command = filled(launchCommand(settings, folder), this.#values);
    if (!settings.detached) return startProgram(command, folder);
    await runToEnd('the launch', command, { folder, signal });
    writeFileSync(marker, `${JSON.stringify({ command, at: new Date().toISOString() })}\n`);
    return null;
  }

  /** Brings the folder back; a lost connection is told and passed over. */
  async fetch(): Promise<void> {
    const { folder, settings } = this.#job;
    if (!settings.fetch) return;
    const { emit = silent, signal } = this.#options;
    try {
      await runToEnd('the fetch', filled(settings.fetch, this.#values), { folder, signal });
    } catch (error) {
      signal?.throwIfAborted();
      const message = `${errorMessage(error).split('\n')[0]}; it is tried again`;
      emit({ type: 'note', level: 'warning', message });
    }
  }

  /** Passes on what the job wrote since the last look; says whether there was anything. */
  tell(): boolean {
    const lines = this.#follower.read();
    const rows = lines.map((line) => metricsOf(line) ?? evaluationOf(line)).filter((row) => row !== null);
    for (const row of rows)
      if ('eval_loss' in row) this.#evaluation(row as EvaluationMetrics);
      else this.#step(row as StepMetrics);
    return rows.length > 0;
  }

  #evaluation(row: EvaluationMetrics): void {
    if (row.step <= this.#measured) return;
    this.#measured = row.step;
    const { emit = silent, metrics } = this.#options;
    metrics?.write(row);
    emit({ type: 'metrics', stage: `train ${this.#job.recipe.kind}`, values: { ...row } });
  }

  #step(row: StepMetrics): void {
    // A job that goes on from a checkpoint says its last steps twice.
    if (this.last && row.step <= this.last.step) return;
    const { emit = silent, onStep, metrics } = this.#options;
    this.last = row;
    onStep?.(row);
    metrics?.write(row);
    const stage = `train ${this.#job.recipe.kind}`;
    emit({ type: 'metrics', stage, values: { ...row } });
    const detail = { loss: row.loss.toFixed(3), 'tokens/s': Math.round(row['tokens/s'] ?? 0) };
    emit({ type: 'progress', stage, done: row.step, total: row.steps, unit: 'steps', detail });
    for (const message of this.#watch.see(row)) emit({ type: 'note', level: 'info', message });
  }
}

/** Waits for the end of a job. Errors: `model` if it failed, `resource` if it vanished, the signal's reason. */
async function follow(
  job: Job,
  running: Running | null,
  parts: TrlJob,
  options: FollowOptions,
): Promise<JobEnd> {
  const { poll, patience } = parts.settings;
  let status: number | string | null = null;
  void running?.ended.then((value) => (status = value));
  let heard = Date.now();
  for (;;) {
    // Read before the look at the end, so that the last steps are told.
    const stopped = status;
    await job.fetch();
    if (job.tell()) heard = Date.now();
    const end = jobEnd(parts.folder);
    if (end) {
      job.tell();
      return end;
    }
    if (stopped !== null)
      throw new TemperError(
        'model',
        `the training ended with ${stopped} and without an adapter: ${lastOutput(parts.folder)}`,
        {
          hint: `Its output is in ${join(parts.folder, 'output.log')}; start again to go on from its last checkpoint.`,
        },
      );
    if (!running && patience !== null && Date.now() - heard > patience * 1000)
      throw new TemperError('resource', `the job has said nothing for ${patience} s`, {
        hint: `Look after it where it runs; start again to go on waiting, or remove ${join(parts.folder, JOB.submitted)} to launch it anew.`,
      });
    const pause = wait(poll * 1000, undefined, options.signal ? { signal: options.signal } : {});
    await Promise.race([pause, running?.ended ?? pause]).catch(() => options.signal?.throwIfAborted());
  }
}

/**
 * Trains with TRL. A job that was started before goes on. Errors: `config` for a recipe that TRL cannot follow; `data` for
 * no examples; those of the job.
 */
export async function trainTrl(parts: TrlJob, options: FollowOptions = {}): Promise<TrlResult> {
  const { folder, recipe, data } = parts;
  refuseForeign(recipe);
  if (data.length === 0)
    throw new TemperError('data', 'there is nothing to train on', {
      hint: 'Loosen the filters or add sources.',
    });
  mkdirSync(folder, { recursive: true });
  forgetFailure(folder);
  let end = jobEnd(folder);
  const job = new Job(parts, options);
  options.metrics?.continueAfter(0);
  if (!end) {
    writeJob(folder, parts);
    const running = await job.launch();
    const stop = (): void => running?.stop();
    options.signal?.addEventListener('abort', stop, { once: true });
    try {
      end = await follow(job, running, parts, options);
      await running?.ended;
    } finally {
      options.signal?.removeEventListener('abort', stop);
      running?.stop();
    }
  } else job.tell();
  const adapter = join(folder, JOB.adapter);
  await verify(adapter, end);
  return { ...end, adapter, tokens: job.last?.num_tokens ?? 0, finalLoss: job.last?.loss ?? Number.NaN };
}

/** Errors: `model` if the adapter is not what the job says that it wrote. */
async function verify(adapter: string, { sha256 }: JobEnd): Promise<void> {
  const file = join(adapter, 'adapter_model.safetensors');
  if (
    existsSync(file) &&
    existsSync(join(adapter, 'adapter_config.json')) &&
    (await fileHash(file)) === sha256
  )
    return;
  throw new TemperError(
    'model',
    `${basename(adapter)}: the adapter that came back is not the one that was trained`,
    {
      hint: 'Run the command again to fetch it anew.',
    },
  );
}

/** The checkpoints that a job kept: step and folder, oldest first. */
export function checkpointsOf(folder: string, steps: readonly number[]): { step: number; path: string }[] {
  return steps.flatMap((step) => {
    const path = join(folder, JOB.checkpoints, `checkpoint-${step}`);
    return existsSync(join(path, 'adapter_config.json')) ? [{ step, path }] : [];
  });
}
