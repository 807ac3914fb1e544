/** How an adapter is trained: everything but the data. Its hash, with the dataset's and the model's, names the adapter. */
import { z } from 'zod';
import { ALL_TARGETS, FUSED_TARGETS } from '../engine/adapter.ts';
import { PREFERENCE_LOSSES, type PreferenceLoss } from './losses.ts';

const lossNames = Object.keys(PREFERENCE_LOSSES) as [PreferenceLoss, ...PreferenceLoss[]];

const common = {
  learningRate: z.number().positive(),
  schedule: z.enum(['linear', 'cosine', 'constant']).default('cosine'),
  /** Share of the steps over which the learning rate rises. */
  warmup: z.number().min(0).max(0.5).default(0.06),
  epochs: z.number().positive().max(100).default(1),
  /** Examples (SFT) or pairs (DPO) of one optimiser step. */
  batch: z.int().min(1).default(8),
  /** Longest sequence, tokens; completions are cut at the end, examples whose prompt fills it are dropped. */
  maxLength: z.int().min(16).default(384),
  /** Most tokens, padding included, of one pass through the model. */
  microBatchTokens: z.int().min(16).default(1024),
  weightDecay: z.number().min(0).default(0),
  maxGradientNorm: z.number().min(0).default(1),
  seed: z.int().default(1),
  /** Keep a checkpoint about every this share of the run. */
  checkpointEvery: z.number().positive().max(1).default(0.5),
};

export const loraSchema = z.strictObject({
  rank: z.int().min(1).max(256).default(16),
  alpha: z.number().positive().default(32),
  targets: z
    .array(z.enum([...ALL_TARGETS, ...FUSED_TARGETS]))
    .min(1)
    .default([...ALL_TARGETS]),
});

export const sftSchema = z.strictObject({
  kind: z.literal('sft').default('sft'),
  ...common,
  learningRate: z.number().positive().default(1e-3),
  batch: z.int().min(1).default(4),
  checkpointEvery: z.number().positive().max(1).default(1),
});

export const dpoSchema = z.strictObject({
  kind: z.literal('dpo').default('dpo'),
  ...common,
  learningRate: z.number().positive().default(3e-5),
  checkpointEvery: z.number().positive().max(1).default(1),
  loss: z.enum(lossNames).default('sigmoid'),
  beta: z.number().positive().default(0.1),
  /** Weight of the chosen answers' negative log-likelihood (RPO): keeps their probability from falling. */
  nll: z.number().min(0).default(0.5),
  /** Pairs taken from the dataset at most: half harm, a quarter benign, a quarter general. */
  maxPairs: z.int().min(1).default(64),
  /** The reference policy: `start`, the adapter that training starts from, or `base`, the model without one. */
  reference: z.enum(['start', 'base']).default('start'),
});

export const recipeSchema = z.discriminatedUnion('kind', [
  sftSchema.extend({ kind: z.literal('sft') }),
  dpoSchema.extend({ kind: z.literal('dpo') }),
]);

export type LoraOptions = z.infer<typeof loraSchema>;
export type SftRecipe = z.infer<typeof sftSchema>;
export type DpoRecipe = z.infer<typeof dpoSchema>;
export type Recipe = SftRecipe | DpoRecipe;
