/** Whether a training fits into memory, said before its first step: activations from the graph, and what the optimiser keeps. */
import type { Adapter } from '../engine/adapter.ts';
import type { Graph } from '../engine/graph.ts';
import { dimensionSizes, peakBytes } from '../engine/liveness.ts';
import { availableMemory, requireMemory } from '../engine/memory.ts';
import type { LoadedModel } from '../engine/model.ts';
import { sequenceFeeds, type TokenSequence } from '../engine/sequences.ts';
import { microBatches, type TokenizedExample } from './batches.ts';
import type { Recipe } from './recipe.ts';

/** Of each kind of size, so many of the largest micro-batches are looked at. */
const LOOKED_AT = 2;
/** Adapter, last good copy, two moments, gradients and their sums. */
const COPIES = 6;

/** What the allocator loses, as a share of the activations: measured in bench/README.md. */
const GAPS = 0.2;

export interface Plan {
  readonly graph: Graph;
  readonly recipe: Recipe;
  readonly examples: readonly TokenizedExample[];
  /** Batches as indices of the examples. */
  readonly batches: readonly (readonly number[])[];
  lengthOf(example: TokenizedExample): number;
  /** What goes through the model for some examples. */
  sequencesOf(examples: readonly TokenizedExample[]): TokenSequence[];
}

/** Most tokens of a micro-batch; pairs are two sequences each. */
export const microBatchBudget = ({ kind, microBatchTokens }: Recipe): number =>
  microBatchTokens / (kind === 'dpo' ? 2 : 1);

/** Peak of the activations of a step, bytes. */
export function activationBytes(model: LoadedModel, plan: Plan): number {
  const { graph, recipe, examples, batches, lengthOf, sequencesOf } = plan;
  const lengths = examples.map(lengthOf);
  const budget = microBatchBudget(recipe);
  const parts = new Map<string, readonly TokenizedExample[]>();
  for (const batch of batches)
    for (const part of microBatches(batch, lengths, budget))
      parts.set(
        part.join(),
        part.map((i) => examples[i] as TokenizedExample),
      );
  const heaviest = (weight: (part: readonly TokenizedExample[]) => number): (readonly TokenizedExample[])[] =>
    [...parts.values()].sort((a, b) => weight(b) - weight(a)).slice(0, LOOKED_AT);
  const longest = (part: readonly TokenizedExample[]): number => Math.max(...part.map(lengthOf));
  const candidates = new Set([
    ...heaviest((part) => part.length * longest(part)),
    ...heaviest((part) => part.length * longest(part) ** 2), // attention
    ...heaviest((part) =>
      part.reduce((sum, { chosen, further, rejected }) => sum + [chosen, further, rejected].flat().length, 0),
    ),
  ]);
  const bytes = [...candidates].map((part) => {
    const feeds = sequenceFeeds(model, sequencesOf(part), recipe.kind === 'dpo' ? part.length : 1);
    return peakBytes(graph, dimensionSizes(graph, feeds).set('E', part.length));
  });
  return Math.max(0, ...bytes);
}

const cut =
  (length: number) =>
  (example: TokenizedExample): TokenizedExample => {
    const room = Math.max(1, length - example.prompt.length);
    const { chosen, further, rejected, prompt } = example;
    return {
      ...example,
      prompt: prompt.slice(0, Math.max(1, length - 1)),
      chosen: chosen.slice(0, room),
      further: further.slice(0, Math.max(0, room - chosen.length)),
      rejected: rejected.slice(0, room),
    };
  };

/** The settings that would fit, in words. */
function advice(model: LoadedModel, plan: Plan, room: number): string {
  const { recipe, examples, lengthOf } = plan;
  const longest = Math.max(...examples.map(lengthOf));
  const fits = (other: Partial<Plan>): boolean => activationBytes(model, { ...plan, ...other }) <= room;
  const smaller = (microBatchTokens: number): Partial<Plan> => ({ recipe: { ...recipe, microBatchTokens } });
  for (let tokens = recipe.microBatchTokens / 2; tokens >= longest / 2; tokens /= 2)
    if (fits(smaller(Math.floor(tokens))))
      return `Set microBatchTokens to ${Math.floor(tokens)}: the result is the same.`;
  for (let length = Math.floor(longest / 2); length >= 16; length = Math.floor(length / 2))
    if (fits({ ...smaller(16), examples: examples.map(cut(length)) }))
      return `Set microBatchTokens to 16 and maxLength to ${length}.`;
  return 'Close other programs, take a smaller model, or train elsewhere with --backend trl (docs/training.md).';
}

/** Errors: `resource` if the training needs more than is free, with the arithmetic and the setting that would fit. */
export function requireTrainingMemory(
  model: LoadedModel,
  adapter: Adapter,
  plan: Plan,
  available: number = availableMemory(),
): void {
  const activations = activationBytes(model, plan);
  const parameters = [...adapter.matrices.values()].reduce((sum, { length }) => sum + length, 0);
  const kept = COPIES * 4 * parameters;
  const rows = `activations of a pass of at most ${plan.recipe.microBatchTokens} tokens`;
  const parts = {
    [rows]: activations,
    'gaps between them': GAPS * activations,
    'adapter, gradients and moments': kept,
  };
  const fits = (1 + GAPS) * activations + kept <= available;
  const hint = fits ? '' : advice(model, plan, (available - kept) / (1 + GAPS));
  requireMemory('training', parts, hint, available);
}
