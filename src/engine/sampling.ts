/** Choice of the next token from its logits. */
import { TemperError } from '../core/errors.ts';
import type { Rng } from '../core/rng.ts';

export interface Sampling {
  /** 0 = greedy. */
  readonly temperature: number;
  /** Smallest set of tokens whose probability reaches this (nucleus sampling, Holtzman et al. 2020); 1 = all. */
  readonly topP: number;
}

/** Errors: `model` if no logit is a number. */
export function argmax(logits: Float32Array): number {
  let best = -1;
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i] as number;
    if (value > highest) {
      highest = value;
      best = i;
    }
  }
  if (best < 0)
    throw new TemperError('model', 'the model gave no number for any next token', {
      hint: 'Its weights or those of the adapter are damaged.',
    });
  return best;
}

/** Below this share of the likeliest token a candidate cannot matter and is not sorted. */
const NEGLIGIBLE_LOGITS = 25;

export function sample(logits: Float32Array, { temperature, topP }: Sampling, random: Rng): number {
  const best = argmax(logits);
  if (temperature <= 0) return best;
  const highest = logits[best] as number;
  const candidates: { token: number; weight: number }[] = [];
  let total = 0;
  for (let token = 0; token < logits.length; token++) {
    const exponent = ((logits[token] as number) - highest) / temperature;
    if (exponent < -NEGLIGIBLE_LOGITS) continue;
    const weight = Math.exp(exponent);
    total += weight;
    candidates.push({ token, weight });
  }
  // Ties are ordered by token id, so that the choice does not depend on the sort.
  candidates.sort((a, b) => b.weight - a.weight || a.token - b.token);
  let kept = 0;
  let mass = 0;
  while (kept < candidates.length && mass < topP * total) mass += candidates[kept++]!.weight;
  let left = random.next() * mass;
  for (let i = 0; i < kept; i++) {
    left -= candidates[i]!.weight;
    if (left < 0) return candidates[i]!.token;
  }
  return candidates[Math.max(0, kept - 1)]!.token;
}
