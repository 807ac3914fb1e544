/** The trainer on temper's own engine: SFT and preference training of a LoRA adapter. */
import { silent, type Emit } from '../core/events.ts';
import { TemperError } from '../core/errors.ts';
import type { PreferenceExample } from '../core/records.ts';
import { type Adapter, cloneAdapter } from '../engine/adapter.ts';
import type { LoadedModel } from '../engine/model.ts';
import { AdamW, globalNorm, scheduled, warmupSteps } from './adamw.ts';
import { planTraining, repeatedIds, tokenize } from './batches.ts';
import { EarlyStop } from './early-stop.ts';
import {
  evaluationMetrics,
  type MetricsLog,
  pairMetrics,
  type StepMetrics,
  TrainingWatch,
} from './metrics.ts';
import { exampleLength, Objective } from './objective.ts';
import { checkpointSteps, type Recipe } from './recipe.ts';
import type { TrainingProgress, TrainingState } from './state.ts';

export interface TrainOptions {
  readonly emit?: Emit;
  readonly onStep?: (metrics: StepMetrics) => void;
  /**
   * Called with a copy of the adapter at each checkpoint; last with the result, as that of the last step. `stop` ends a run
   * of the own engine there, without another call.
   */
  readonly onCheckpoint?: (
    adapter: Adapter,
    step: number,
    steps: number,
  ) => void | 'stop' | Promise<void | 'stop'>;
  /** Called once with the steps after which there is a checkpoint; false ends the run here: its result exists. */
  readonly onPlan?: (steps: readonly number[]) => boolean;
  /** Called with the last adapter of a finite loss, when the loss stops being a number. */
  readonly onFailure?: (adapter: Adapter, step: number) => void | Promise<void>;
  /** The batches of the run, as indices of the examples that are kept; by default planned from the recipe. */
  readonly plan?: readonly (readonly number[])[];
  /** Examples to measure the held-out loss on; by default the recipe's share of the data, which is then not trained on. */
  readonly evaluation?: readonly PreferenceExample[];
  /** Keeps the state of a run, so that a killed one continues. */
  readonly state?: TrainingState;
  readonly metrics?: MetricsLog;
  /** Ends the run after the step under way, with its state saved. */
  readonly signal?: AbortSignal;
}

export interface TrainResult {
  readonly adapter: Adapter;
  readonly steps: number;
  readonly tokens: number;
  readonly finalLoss: number;
  readonly dropped: readonly string[];
}

/** What every backend does: trains a copy of `start`. */
export type Trainer = (
  model: LoadedModel,
  start: Adapter,
  data: readonly PreferenceExample[],
  recipe: Recipe,
  options?: TrainOptions,
) => Promise<TrainResult>;

const NOTHING_YET: TrainingProgress = { step: 0, tokens: 0, loss: Number.NaN, stopped: false, lowest: null };

/** An epoch's share, steps and learning rates, known before the first step. */
function planRun(
  lengths: readonly number[],
  ids: readonly string[] | null,
  recipe: Recipe,
  options: TrainOptions,
) {
  const { evaluation } = options;
  const { held, trained, ...planned } = planTraining(
    lengths,
    evaluation ? { ...recipe, evaluateEvery: 0 } : recipe,
    ids,
  );
  const plan = options.plan ?? planned.plan;
  const warmup = warmupSteps(recipe, plan.length);
  const checkpoints = checkpointSteps(recipe, plan.length);
  return { plan, held, warmup, checkpoints, examplesPerEpoch: trained.length };
}

/**
 * Trains a copy of `start`. Errors: `data` if no example is left, `model` if the loss stops being a number.
 */
export async function trainOnnx(
  model: LoadedModel,
  start: Adapter,
  data: readonly PreferenceExample[],
  recipe: Recipe,
  options: TrainOptions = {},
): Promise<TrainResult> {
  const { emit = silent, state } = options;
  const { examples, dropped } = tokenize(data, model.tokenizer, recipe);
  if (examples.length === 0) {
    throw new TemperError('data', 'there is nothing to train on', {
      hint:
        data.length === 0
          ? 'The dataset is empty; loosen the filters or add sources.'
          : 'Every prompt is longer than maxLength; raise it.',
    });
  }
  const dpo = recipe.kind === 'dpo' ? recipe : null;
  const lengths = examples.map((example) => exampleLength(example, dpo !== null));
  const ids = repeatedIds(data, examples);
  const { plan, held, warmup, checkpoints, examplesPerEpoch } = planRun(lengths, ids, recipe, options);
  if (options.onPlan && !options.onPlan(checkpoints)) {
    return { adapter: start, steps: plan.length, tokens: 0, finalLoss: Number.NaN, dropped };
  }
  const measured = options.evaluation
    ? tokenize(options.evaluation, model.tokenizer, recipe).examples
    : held.map((i) => examples[i]!);
  if (options.evaluation && measured.length === 0)
    throw new TemperError('data', 'there is nothing to measure the held-out loss on', {
      hint: 'Every prompt of it is longer than maxLength; raise it.',
    });
  await using objective = await Objective.create(model, start, examples, recipe, {
    gradients: true,
    batches: plan,
  });
  await using evaluation =
    measured.length === 0 || recipe.evaluateEvery === 0
      ? null
      : await Objective.create(model, start, measured, recipe, { gradients: false });
  const adapter = cloneAdapter(start);
  const optimiser = new AdamW(recipe);
  const watch = new TrainingWatch(dpo?.beta ?? 1);
  const stage = `train ${recipe.kind}`;
  const startedAt = performance.now();
  const before = state?.restore(adapter, optimiser) ?? NOTHING_YET;
  let { step, tokens, loss: finalLoss, stopped } = before;
  const early = evaluation && recipe.patience ? new EarlyStop(recipe.patience, before.lowest) : null;
  const save = (last: boolean): void =>
    state?.save(adapter, optimiser, {
      step,
      tokens,
      loss: finalLoss,
      stopped,
      lowest: early?.lowest ?? null,
      last,
    });
  const skipped = tokens;
  options.metrics?.continueAfter(step);
  let seen = plan.slice(0, step).reduce((total, batch) => total + batch.length, 0);
  let good = cloneAdapter(adapter);
  while (step < plan.length && !stopped) {
    if (options.signal?.aborted) {
      save(true);
      emit({ type: 'note', level: 'info', message: `stopped after step ${step} of ${plan.length}` });
      options.signal.throwIfAborted();
    }
    const batch = plan[step] as readonly number[];
    const result = await objective.run(adapter, batch, [recipe.seed, step]);
    const { loss, gradients } = result;
    const learningRate = recipe.learningRate * scheduled(recipe.schedule, step, plan.length, warmup);
    const norm = globalNorm(gradients);
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
      // The loss was finite at `good`; with a finite loss and infinite gradients `adapter` is still good.
      if (Number.isFinite(loss)) await options.onFailure?.(adapter, step);
      else await options.onFailure?.(good, Math.max(0, step - 1));
      const what = Number.isFinite(loss) ? 'the gradients became infinite' : `the loss became ${loss}`;
      throw new TemperError('model', `${what} at step ${step + 1} of ${plan.length}`, {
        hint: 'Lower the learning rate.',
      });
    }
    good = cloneAdapter(adapter);
    optimiser.step(adapter.matrices, gradients, learningRate);
    finalLoss = loss;
    tokens += result.tokens;
    seen += batch.length;
    const rate = (tokens - skipped) / ((performance.now() - startedAt) / 1000);
    const metrics: StepMetrics = {
      step: step + 1,
      steps: plan.length,
      epoch: seen / examplesPerEpoch,
      loss,
      learning_rate: learningRate,
      grad_norm: norm,
      num_tokens: tokens,
      'tokens/s': rate,
      entropy: result.entropy,
      ...(result.kl === undefined ? {} : { kl: result.kl }),
      ...pairMetrics(result.pairs),
    };
    options.onStep?.(metrics);
    options.metrics?.write(metrics);
    emit({ type: 'metrics', stage, values: { ...metrics } });
    const detail = { loss: loss.toFixed(3), 'tokens/s': Math.round(rate) };
    emit({ type: 'progress', stage, done: step + 1, total: plan.length, unit: 'steps', detail });
    for (const message of watch.see(metrics)) emit({ type: 'note', level: 'info', message });
    step++;
    const last = step === plan.length;
    if (evaluation && (step % recipe.evaluateEvery === 0 || (early && last))) {
      const row = evaluationMetrics(step, await evaluation.run(adapter, [...measured.keys()], []));
      options.metrics?.write(row);
      emit({ type: 'metrics', stage, values: { ...row } });
      early?.see(row.eval_loss, adapter, step);
    }
    stopped = !last && (early?.reached ?? false);
    if (checkpoints.includes(step) && !last && !stopped)
      stopped = (await options.onCheckpoint?.(cloneAdapter(adapter), step, plan.length)) === 'stop';
    save(last || stopped);
  }
  const result = early?.lowest ? early.best(adapter) : adapter;
  if (early?.lowest) {
    const { loss, step: at } = early.lowest;
    const message = `the result is the adapter of step ${at}, whose held-out loss ${loss.toFixed(4)} is the lowest${stopped ? `; stopped at step ${step} of ${plan.length}` : ''}`;
    emit({ type: 'note', level: 'info', message });
  }
  // What a checkpoint stopped has been handed over with it.
  if (!stopped || early?.reached)
    await options.onCheckpoint?.(cloneAdapter(result), plan.length, plan.length);
  return { adapter: result, steps: step, tokens, finalLoss, dropped };
}
