/** Examples as token sequences, and their order: by epoch, shuffled, of like length within a batch. */
import type { Message, PreferenceExample } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { ChatTokenizer } from '../engine/tokenizer.ts';
import { nllTokens, type Recipe } from './recipe.ts';

export interface TokenizedExample {
  readonly id: string;
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  /** Of the chosen answer, what follows the part that is compared; only `nll` reads it. */
  readonly further: readonly number[];
  readonly rejected: readonly number[];
}

export interface TokenizedDataset {
  readonly examples: readonly TokenizedExample[];
  /** Ids of examples whose prompt leaves no room for an answer, or whose answer is empty and cut. */
  readonly dropped: readonly string[];
}

const textOf = (messages: readonly Message[]): string =>
  messages.map((message) => message.content).join('\n');

/**
 * Completions end with the stop token, but for cut ones; what exceeds either length is cut at the end (TRL's keep_start). With
 * `nllLength` the chosen answer goes on after the part that is compared.
 */
export function tokenize(
  examples: readonly PreferenceExample[],
  tokenizer: ChatTokenizer,
  recipe: Recipe,
): TokenizedDataset {
  const { maxLength, maxCompletionLength } = recipe;
  const kept: TokenizedExample[] = [];
  const dropped: string[] = [];
  for (const example of examples) {
    const prompt = tokenizer.encodeChat(example.prompt);
    const room = maxLength - prompt.length;
    if (room < 1) {
      dropped.push(example.id);
      continue;
    }
    const completion = (which: 'chosen' | 'rejected'): number[] => {
      const tokens = tokenizer.encodeText(textOf(example[which]));
      const end = example.cut?.includes(which) ? [] : [tokenizer.endOfTurn];
      return [...tokens, ...end].slice(0, room);
    };
    const compared = maxCompletionLength ?? room;
    const [chosen, rejected] = [completion('chosen'), completion('rejected')];
    // Nothing, and no end to it.
    if (chosen.length === 0 || (recipe.kind === 'dpo' && rejected.length === 0)) {
      dropped.push(example.id);
      continue;
    }
    kept.push({
      id: example.id,
      prompt,
      chosen: chosen.slice(0, compared),
      further: chosen.slice(compared, nllTokens(recipe) ?? compared),
      rejected: rejected.slice(0, compared),
    });
  }
  return { examples: kept, dropped };
}

/** The ids of examples, where the data hold some of them several times; else null. */
export const repeatedIds = (
  data: readonly PreferenceExample[],
  examples: readonly TokenizedExample[],
): string[] | null => (new Set(data).size < data.length ? examples.map(({ id }) => id) : null);

/** Indices to train on and to hold out, by the recipe's seed. */
function holdOut(
  count: number,
  { evaluateEvery, evaluationShare, seed }: Pick<Recipe, 'evaluateEvery' | 'evaluationShare' | 'seed'>,
) {
  const all = Array.from({ length: count }, (_, i) => i);
  if (evaluateEvery === 0) return { trained: all, held: [] };
  const held = new Set(
    rng('evaluation', seed)
      .shuffle(all)
      .slice(0, Math.floor(count * evaluationShare)),
  );
  return { trained: all.filter((i) => !held.has(i)), held: all.filter((i) => held.has(i)) };
}

/** Batches sorted by length within a window of this many, then shuffled. */
const WINDOW = 16;

/**
 * The batches of a whole run, as indices. Determined by count, batch, epochs, seed and the lengths; a fraction of an
 * epoch takes the first part of its shuffle.
 */
export function planBatches(
  lengths: readonly number[],
  options: { batch: number; epochs: number; seed: number },
): number[][] {
  const { batch, epochs, seed } = options;
  const plan: number[][] = [];
  for (let epoch = 0; epoch < Math.ceil(epochs); epoch++) {
    const random = rng('batches', seed, epoch);
    const all = random.shuffle(lengths.map((_, i) => i));
    const share = Math.min(1, epochs - epoch);
    const order = all.slice(0, Math.max(1, Math.round(all.length * share)));
    const batches: number[][] = [];
    for (let start = 0; start < order.length; start += batch * WINDOW) {
      const window = order.slice(start, start + batch * WINDOW);
      window.sort((a, b) => (lengths[a] as number) - (lengths[b] as number) || a - b);
      for (let i = 0; i < window.length; i += batch) batches.push(window.slice(i, i + batch));
    }
    plan.push(...random.shuffle(batches));
  }
  return plan;
}

/**
 * A run's batches over the examples that are trained on, and the examples held out; all as indices of `lengths`. `ids`, where some
 * are there several times: what is held out is not trained on either.
 */
export function planTraining(
  lengths: readonly number[],
  recipe: Recipe,
  ids: readonly string[] | null = null,
) {
  // Of examples, not of places: each copy of one that was drawn would hold out all the others.
  const firsts = ids && [...new Map(ids.map((id, i) => [id, i] as const).reverse()).values()].reverse();
  const drawn = holdOut(firsts?.length ?? lengths.length, recipe);
  const held = firsts ? drawn.held.map((i) => firsts[i]!) : drawn.held;
  const measured = new Set(held.map((i) => ids?.[i]));
  const trained = ids
    ? ids.flatMap((id, i) => (measured.size > 0 && measured.has(id) ? [] : [i]))
    : drawn.trained;
  const batches = planBatches(
    trained.map((i) => lengths[i] as number),
    { ...recipe, batch: recipe.batch * recipe.accumulation },
  );
  return { plan: batches.map((batch) => batch.map((i) => trained[i] as number)), held, trained };
}

/** Splits a batch so that no part holds more than `tokens` with padding. Members are in ascending length. */
export function microBatches(
  members: readonly number[],
  lengths: readonly number[],
  tokens: number,
): number[][] {
  const parts: number[][] = [];
  let part: number[] = [];
  for (const member of [...members].sort((a, b) => (lengths[a] as number) - (lengths[b] as number))) {
    if (part.length > 0 && (part.length + 1) * (lengths[member] as number) > tokens) {
      parts.push(part);
      part = [];
    }
    part.push(member);
  }
  if (part.length > 0) parts.push(part);
  return parts;
}
