/** The trainer on temper's own engine: SFT and DPO of a LoRA adapter. */
import { silent, type Emit } from '../core/events.ts';
import { TemperError } from '../core/errors.ts';
import type { PreferenceExample } from '../core/records.ts';
import { type Adapter, cloneAdapter } from '../engine/adapter.ts';
import { trainingGraph } from '../engine/build.ts';
import { adapterFeeds, float32, sequenceFeeds, type TokenSequence } from '../engine/feeds.ts';
import type { LoadedModel } from '../engine/model.ts';
import { scoreCompletions } from '../engine/scorer.ts';
import { Session, type Tensor } from '../engine/session.ts';
import { AdamW, scheduled } from './adamw.ts';
import { microBatches, planBatches, tokenize, type TokenizedExample } from './batches.ts';
import { preferenceLoss, sftLoss } from './losses.ts';
import type { DpoRecipe, Recipe } from './recipe.ts';
import type { TrainingState } from './state.ts';

/** Metrics of one optimiser step, under TRL's names. */
export interface StepMetrics {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  /** Tokens through the model so far, padding not counted. */
  readonly tokens: number;
  readonly 'rewards/chosen'?: number;
  readonly 'rewards/rejected'?: number;
  readonly 'rewards/margins'?: number;
  readonly 'rewards/accuracies'?: number;
  readonly 'logps/chosen'?: number;
}

export interface TrainOptions {
  readonly emit?: Emit;
  readonly onStep?: (metrics: StepMetrics) => void;
  /** Called with a copy of the adapter at each checkpoint, the last step included. */
  readonly onCheckpoint?: (adapter: Adapter, step: number, steps: number) => void | Promise<void>;
  /** Called once with the steps after which there is a checkpoint; false ends the run here: its result exists. */
  readonly onPlan?: (steps: readonly number[]) => boolean;
  /** Keeps the state of a run, so that a killed one continues. */
  readonly state?: TrainingState;
  readonly signal?: AbortSignal;
}

export interface TrainResult {
  readonly adapter: Adapter;
  readonly steps: number;
  readonly tokens: number;
  readonly finalLoss: number;
  readonly dropped: readonly string[];
}

interface References {
  readonly chosen: number;
  readonly rejected: number;
}

const sum = (values: Iterable<number>): number => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};

/** Log-probabilities of chosen and rejected under the reference policy, computed once. */
async function referenceLogps(
  model: LoadedModel,
  start: Adapter,
  recipe: DpoRecipe,
  examples: readonly TokenizedExample[],
): Promise<References[]> {
  const sequences = examples.flatMap(({ prompt, chosen, rejected }) => [
    { prompt, completion: chosen },
    { prompt, completion: rejected },
  ]);
  const untouched =
    recipe.reference === 'base' ||
    [...start.matrices].every(([name, b]) => name.endsWith('_A') || b.every((x) => x === 0));
  const scores = await scoreCompletions(model, sequences, untouched ? {} : { adapter: start });
  return examples.map((_, i) => ({ chosen: sum(scores[2 * i]!), rejected: sum(scores[2 * i + 1]!) }));
}

/** What the loss of a micro-batch needs besides the sequences. */
function lossFeeds(
  recipe: Recipe,
  members: readonly TokenizedExample[],
  references: readonly References[],
  batch: { pairs: number; chosenTokens: number },
) {
  const sequences: TokenSequence[] = members.map(({ prompt, chosen }) => ({ prompt, completion: chosen }));
  if (recipe.kind === 'dpo')
    sequences.push(...members.map(({ prompt, rejected }) => ({ prompt, completion: rejected })));
  const tokens = sum(sequences.map((sequence) => sequence.completion.length));
  const feeds: Record<string, Tensor> = {};
  if (recipe.kind === 'sft' || recipe.nll > 0) {
    const weights = new Float32Array(tokens);
    weights.fill(1 / batch.chosenTokens, 0, sum(members.map((member) => member.chosen.length)));
    feeds['token_weight'] = float32(weights, [1, tokens]);
  }
  if (recipe.kind === 'dpo') {
    const n = members.length;
    const column = (values: number[]): Tensor => float32(Float32Array.from(values), [n, 1]);
    const marks = { chosen: new Float32Array(n * tokens), rejected: new Float32Array(n * tokens) };
    let at = 0;
    sequences.forEach(({ completion }, i) => {
      const row = i % n;
      (i < n ? marks.chosen : marks.rejected).fill(
        1,
        row * tokens + at,
        row * tokens + at + completion.length,
      );
      at += completion.length;
    });
    feeds['chosen_tokens'] = float32(marks.chosen, [n, tokens]);
    feeds['rejected_tokens'] = float32(marks.rejected, [n, tokens]);
    feeds['reference_chosen'] = column(references.map((reference) => reference.chosen));
    feeds['reference_rejected'] = column(references.map((reference) => reference.rejected));
    feeds['weight'] = column(references.map(() => 1 / batch.pairs));
  }
  return { sequences, feeds };
}

/** Rewards of a micro-batch: beta times the log-ratio to the reference, for chosen and rejected. */
function rewards(
  recipe: DpoRecipe,
  sequences: readonly TokenSequence[],
  logp: Float32Array,
  references: readonly References[],
) {
  let at = 0;
  const sums = sequences.map(({ completion }) => sum(logp.subarray(at, (at += completion.length))));
  return references.map((reference, i) => {
    const chosen = sums[i] as number;
    const rejected = sums[i + references.length] as number;
    return {
      chosen: recipe.beta * (chosen - reference.chosen),
      rejected: recipe.beta * (rejected - reference.rejected),
      logp: chosen,
    };
  });
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
  const lengths = examples.map(
    (e) => e.prompt.length + (dpo ? Math.max(e.chosen.length, e.rejected.length) : e.chosen.length),
  );
  const plan = planBatches(lengths, recipe);
  const warmup = Math.round(plan.length * recipe.warmup);
  const every = Math.max(1, Math.round(plan.length * recipe.checkpointEvery));
  const isCheckpoint = (step: number): boolean => step === plan.length || step % every === 0;
  const checkpoints = plan.map((_, i) => i + 1).filter(isCheckpoint);
  if (options.onPlan && !options.onPlan(checkpoints)) {
    return { adapter: start, steps: plan.length, tokens: 0, finalLoss: Number.NaN, dropped };
  }
  const references = dpo ? await referenceLogps(model, start, dpo, examples) : [];
  const lossOf = dpo ? preferenceLoss(dpo) : sftLoss;
  const graph = trainingGraph(model.config, start.shape, start.alpha / start.rank, lossOf);
  await using session = await Session.create(graph, model.weights, { placement: 'fed' });
  const adapter = cloneAdapter(start);
  const optimiser = new AdamW(recipe);
  const outputs = Object.fromEntries(session.outputNames.map((name) => [name, null]));
  const startedAt = performance.now();
  let { step, tokens } = state?.restore(adapter, optimiser) ?? { step: 0, tokens: 0 };
  const skipped = tokens;
  let finalLoss = Number.NaN;
  for (; step < plan.length; step++) {
    options.signal?.throwIfAborted();
    const batch = plan[step] as number[];
    const totals = { pairs: batch.length, chosenTokens: sum(batch.map((i) => examples[i]!.chosen.length)) };
    const gradients = new Map<string, Float32Array>();
    const seen: ReturnType<typeof rewards> = [];
    let loss = 0;
    for (const part of microBatches(batch, lengths, recipe.microBatchTokens / (dpo ? 2 : 1))) {
      const members = part.map((i) => examples[i] as TokenizedExample);
      const known = dpo ? part.map((i) => references[i] as References) : [];
      const { sequences, feeds } = lossFeeds(recipe, members, known, totals);
      const results = await session.run(
        { ...sequenceFeeds(model, sequences), ...feeds, ...adapterFeeds(adapter) },
        outputs,
      );
      loss += (results['loss']!.data as Float32Array)[0] as number;
      tokens += sum(sequences.map((s) => s.prompt.length + s.completion.length));
      if (dpo) seen.push(...rewards(dpo, sequences, results['logp']!.data as Float32Array, known));
      accumulate(gradients, adapter, results);
    }
    if (!Number.isFinite(loss)) {
      throw new TemperError('model', `the loss became ${loss} at step ${step + 1} of ${plan.length}`, {
        hint: 'Lower the learning rate.',
      });
    }
    const learningRate = recipe.learningRate * scheduled(recipe.schedule, step, plan.length, warmup);
    const gradientNorm = optimiser.step(adapter.matrices, gradients, learningRate);
    finalLoss = loss;
    const metrics = {
      step: step + 1,
      steps: plan.length,
      loss,
      learningRate,
      gradientNorm,
      tokens,
      ...summary(seen),
    };
    options.onStep?.(metrics);
    const rate = (tokens - skipped) / ((performance.now() - startedAt) / 1000);
    const detail = { loss: loss.toFixed(3), 'tokens/s': Math.round(rate) };
    emit({
      type: 'progress',
      stage: `train ${recipe.kind}`,
      done: step + 1,
      total: plan.length,
      unit: 'steps',
      detail,
    });
    const last = step + 1 === plan.length;
    if (isCheckpoint(step + 1)) await options.onCheckpoint?.(cloneAdapter(adapter), step + 1, plan.length);
    state?.save(adapter, optimiser, { step: step + 1, tokens, last });
  }
  return { adapter, steps: plan.length, tokens, finalLoss, dropped };
}

function accumulate(
  gradients: Map<string, Float32Array>,
  adapter: Adapter,
  results: Record<string, Tensor>,
): void {
  for (const name of adapter.matrices.keys()) {
    const fresh = results[`gradient:${name}`]?.data as Float32Array | undefined;
    if (!fresh) continue;
    const sums = gradients.get(name);
    if (!sums) gradients.set(name, fresh);
    else for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (fresh[i] as number);
  }
}

function summary(seen: ReturnType<typeof rewards>) {
  if (seen.length === 0) return {};
  const mean = (of: (reward: (typeof seen)[number]) => number): number => sum(seen.map(of)) / seen.length;
  return {
    'rewards/chosen': mean((r) => r.chosen),
    'rewards/rejected': mean((r) => r.rejected),
    'rewards/margins': mean((r) => r.chosen - r.rejected),
    'rewards/accuracies': mean((r) => Number(r.chosen > r.rejected)),
    'logps/chosen': mean((r) => r.logp),
  };
}
