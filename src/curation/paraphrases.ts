/** Imported requests that say the same in other words, and those that say what is guarded: by vectors, which words do not show. */
import type { PreferenceExample } from '../core/records.ts';
import { cosine } from '../findings/cluster.ts';

/**
 * Cosines from which on two requests say the same. Not measured: they depend on the model. The guarded one is lower, since
 * what is held back by mistake costs less than a sealed scenario that is learnt.
 */
const SAME = 0.95;
const GUARDED = 0.9;

export const REPEATED = 'its request repeats another in other words (embeddings)';
export const SAYS_GUARDED = 'its request says what a sealed or held-out text says (embeddings)';

export const requestOf = ({ prompt }: PreferenceExample): string => prompt.at(-1)?.content ?? '';

/** Vectors of length 1: of the examples' requests in their order, and of the guarded texts. The first of alike ones stays. */
export function withoutParaphrases(
  examples: readonly PreferenceExample[],
  vectors: readonly Float32Array[],
  guarded: readonly Float32Array[],
): { kept: PreferenceExample[]; passedOver: Record<string, number> } {
  const kept: PreferenceExample[] = [];
  const known = new Map<string, Float32Array[]>();
  const passedOver: Record<string, number> = {};
  for (const [i, example] of examples.entries()) {
    const vector = vectors[i]!;
    const earlier = known.get(example.purpose) ?? [];
    known.set(example.purpose, earlier);
    const reason = guarded.some((other) => cosine(other, vector) >= GUARDED)
      ? SAYS_GUARDED
      : earlier.some((other) => cosine(other, vector) >= SAME)
        ? REPEATED
        : null;
    if (reason !== null) {
      passedOver[reason] = (passedOver[reason] ?? 0) + 1;
      continue;
    }
    earlier.push(vector);
    kept.push(example);
  }
  return { kept, passedOver };
}
