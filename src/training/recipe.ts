/** How an adapter is trained: everything but the data. Its hash, with the dataset's and the model's, names the adapter. */
import { z } from 'zod';
import { resultHash } from '../core/ids.ts';
import { ALL_TARGETS, FUSED_TARGETS } from '../engine/adapter.ts';
import { type LossEntry, lossEntry, lossNames, PREFERENCE_LOSSES, type PreferenceLoss } from './losses.ts';

const oneLoss = z.enum(Object.keys(PREFERENCE_LOSSES) as [PreferenceLoss, ...PreferenceLoss[]]);

const common = {
  learningRate: z.number().positive(),
  schedule: z.enum(['linear', 'cosine', 'constant']).default('cosine'),
  /** Share of the steps over which the learning rate rises. */
  warmup: z.number().min(0).max(0.5).default(0.06),
  epochs: z.number().positive().max(100).default(1),
  /** Examples (SFT) or pairs (DPO) of one batch. */
  batch: z.int().min(1).default(8),
  /** Longest sequence, tokens; completions are cut at the end, examples whose prompt fills it are dropped. */
  maxLength: z.int().min(16).default(384),
  /** Longest completion, tokens, cut at the end; null: as long as the sequence allows. */
  maxCompletionLength: z.int().min(1).nullable().default(null),
  /** Batches of one optimiser step; it is as if they were one batch. */
  accumulation: z.int().min(1).default(1),
  /** Share of the inputs of an adapter's layers set to zero while training. */
  dropout: z.number().min(0).max(0.9).default(0),
  /** Most tokens, padding included, of one pass through the model. */
  microBatchTokens: z.int().min(16).default(1024),
  weightDecay: z.number().min(0).default(0),
  maxGradientNorm: z.number().min(0).default(1),
  seed: z.int().default(1),
  /** Keep a checkpoint about every this share of the run. */
  checkpointEvery: z.number().positive().max(1).default(0.5),
  /** Checkpoints kept beside the result, the newest; null keeps all. */
  keepCheckpoints: z.int().min(1).nullable().default(null),
  /** Measure the loss on held-out examples every this many steps; 0 holds none out. */
  evaluateEvery: z.int().min(0).default(0),
  /** Share of the examples held out for that, where no file of them is given. */
  evaluationShare: z.number().positive().max(0.5).default(0.1),
  /**
   * Measurements without a lower held-out loss after which training ends; the adapter of the lowest one is the result.
   * No default, as it is part of ids.
   */
  patience: z.int().min(1).optional(),
};

/** Without measurements there is nothing to wait for. */
function patienceFits(
  { patience, evaluateEvery }: { patience?: number | undefined; evaluateEvery: number },
  context: z.RefinementCtx,
): void {
  if (patience === undefined || evaluateEvery > 0) return;
  const message = 'it counts measurements of the held-out loss: set evaluateEvery, too';
  context.addIssue({ code: 'custom', path: ['patience'], message });
}

export const loraSchema = z.strictObject({
  rank: z.int().min(1).max(256).default(16),
  alpha: z.number().positive().default(32),
  /** Scale by alpha / sqrt(rank) instead of alpha / rank (Kalajdzievski 2023). */
  rslora: z.boolean().default(false),
  targets: z
    .array(z.enum([...ALL_TARGETS, ...FUSED_TARGETS]))
    .min(1)
    .default([...ALL_TARGETS]),
  /** Share of the blocks, from below, that get no adapter and in which no gradient is computed. */
  frozen: z.number().min(0).max(0.9).default(0),
});

const sftKeys = z.strictObject({
  kind: z.literal('sft').default('sft'),
  ...common,
  learningRate: z.number().positive().default(1e-3),
  batch: z.int().min(1).default(6),
  checkpointEvery: z.number().positive().max(1).default(1),
  /**
   * Weight of the first tokens of an answer in the loss, against 1 of the others: there it is decided whether to answer or to
   * decline. No default, as it is part of ids.
   */
  opening: z.strictObject({ tokens: z.int().min(1), weight: z.number().positive() }).nullish(),
});

export const sftSchema = sftKeys.superRefine(patienceFits);

const dpoKeys = z.strictObject({
  kind: z.literal('dpo').default('dpo'),
  ...common,
  learningRate: z.number().positive().default(3e-5),
  checkpointEvery: z.number().positive().max(1).default(1),
  /** One, or a list of those that are added up. */
  loss: z.union([oneLoss, z.array(oneLoss).min(1)]).default('sigmoid'),
  /** Their weights, in that order; by default 1 each. No default, as it is part of ids. */
  lossWeights: z.array(z.number().positive()).min(1).optional(),
  beta: z.number().positive().default(0.1),
  /** Share of the labels taken to be wrong; only conservative, robust and exo_pair read it. */
  labelSmoothing: z.number().min(0).lt(0.5).default(0),
  /** Target margin of simpo. */
  gamma: z.number().default(0.5),
  /** Weights of chosen and rejected answers in kto. */
  desirableWeight: z.number().positive().default(1),
  undesirableWeight: z.number().positive().default(1),
  /** Weight of the chosen answers' negative log-likelihood (RPO): keeps their probability from falling. orpo has its own. */
  nll: z.number().min(0).default(0.5),
  /**
   * Tokens of the chosen answer that `nll` is of, where that is more than what is compared (`maxCompletionLength`): the words after
   * an opening. No default, as it is part of ids.
   */
  nllLength: z.int().min(1).nullish(),
  /** The reference policy: `start`, the adapter that training starts from, or `base`, the model without one. */
  reference: z.enum(['start', 'base']).default('start'),
});

/** Label smoothing goes with the losses that read it: elsewhere TRL ignores it, which hides a mistake. */
function smoothingFits({ loss, labelSmoothing }: z.infer<typeof dpoKeys>, context: z.RefinementCtx): void {
  const names = lossNames(loss);
  const { smoothed } = lossEntry(loss);
  const smoothing = Object.entries(PREFERENCE_LOSSES).flatMap(([name, entry]) =>
    (entry as LossEntry).smoothed ? [name] : [],
  );
  const problem =
    labelSmoothing > 0 && !smoothed
      ? `the loss ${names.join(' + ')} does not read it; ${smoothing.join(', ')} do`
      : labelSmoothing === 0 && names.includes('exo_pair')
        ? 'exo_pair needs one above 0'
        : null;
  if (problem) context.addIssue({ code: 'custom', path: ['labelSmoothing'], message: problem });
}

/** A loss once, and as many weights as losses. */
function weightsFit({ loss, lossWeights }: z.infer<typeof dpoKeys>, context: z.RefinementCtx): void {
  const names = lossNames(loss);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice) context.addIssue({ code: 'custom', path: ['loss'], message: `${twice} is named twice` });
  if (!lossWeights || lossWeights.length === names.length) return;
  const message = `${lossWeights.length} weights for ${names.length === 1 ? 'one loss' : `${names.length} losses`}`;
  context.addIssue({ code: 'custom', path: ['lossWeights'], message });
}

/** Tokens of the chosen answer that its likelihood is of, where those are more than what is compared; undefined: no more. */
export function nllTokens(recipe: Recipe): number | undefined {
  if (recipe.kind !== 'dpo' || recipe.nll === 0 || !recipe.nllLength) return undefined;
  const { nllLength, maxCompletionLength } = recipe;
  return maxCompletionLength !== null && nllLength > maxCompletionLength ? nllLength : undefined;
}

/** A loss with a likelihood of its own does not read `nll`, but 0 would still keep that likelihood to what is compared. */
function likelihoodFits(recipe: z.infer<typeof dpoKeys>, context: z.RefinementCtx): void {
  const { loss, lossWeights, nll } = recipe;
  if (nll > 0 || !lossEntry(loss, lossWeights).sequenceNll || !nllTokens({ ...recipe, nll: 1 })) return;
  const own = lossNames(loss).find((name) => (PREFERENCE_LOSSES[name] as LossEntry).sequenceNll);
  const message = `${own} has a likelihood of its own, and with nll 0 it is of the compared tokens alone: set nllLength to null, or nll above 0`;
  context.addIssue({ code: 'custom', path: ['nllLength'], message });
}

export const dpoSchema = dpoKeys
  .superRefine(weightsFit)
  .superRefine(smoothingFits)
  .superRefine(likelihoodFits)
  .superRefine(patienceFits);

/** Pairs of each purpose that a round's DPO takes at most; benign ones are what keeps over-refusal down. */
export const pairsSchema = z
  .strictObject({
    harm: z.int().min(0).default(240),
    benign: z.int().min(0).default(480),
    general: z.int().min(0).default(60),
  })
  .prefault({});

export const recipeSchema = z.discriminatedUnion('kind', [
  sftKeys.extend({ kind: z.literal('sft') }).superRefine(patienceFits),
  dpoKeys
    .extend({ kind: z.literal('dpo') })
    .superRefine(weightsFit)
    .superRefine(smoothingFits)
    .superRefine(likelihoodFits)
    .superRefine(patienceFits),
]);

export type LoraOptions = z.infer<typeof loraSchema>;
export type SftRecipe = z.infer<typeof sftSchema>;
export type DpoRecipe = z.infer<typeof dpoSchema>;
export type Recipe = SftRecipe | DpoRecipe;

/** Id of a training: the hash of all that determines it, the program included. `data`: the examples, by id. */
export const trainingId = (parts: {
  readonly recipe: Recipe;
  readonly data: unknown;
  /** Ids of the model and of the adapter it starts from. */
  readonly model: string;
  readonly start: string;
  /** Examples of which the loss is measured, by id, where they are no share of the data. */
  readonly evaluation?: unknown;
  /** Where it runs, if not on the own engine. */
  readonly backend?: unknown;
}): string => resultHash({ training: parts });

/** Steps between two checkpoints of a run of so many. */
export const checkpointInterval = (
  { checkpointEvery }: Pick<Recipe, 'checkpointEvery'>,
  steps: number,
): number => Math.max(1, Math.round(steps * checkpointEvery));

/** The steps after which there is a checkpoint; the last one always is. */
export function checkpointSteps(recipe: Pick<Recipe, 'checkpointEvery'>, steps: number): number[] {
  const every = checkpointInterval(recipe, steps);
  return Array.from({ length: steps }, (_, i) => i + 1).filter(
    (step) => step === steps || step % every === 0,
  );
}
