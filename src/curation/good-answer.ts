/** Which answers of the target are fit to be learnt. */
import type { Judged } from '../metrics/conversation.ts';
import type { Reply } from '../models/target.ts';

export interface GoodAnswer {
  readonly text: string;
  /** Whether the token limit ended it. */
  readonly cut: boolean;
}

/** Letters of an answer that the limit ended from which on it can be learnt. */
const ENOUGH = 40;

/**
 * An answer as it can be learnt; null: too little of it. One that the limit ended is marked and kept as it is: who learnt
 * to stop there, or learnt whole sentences alone and so mostly ones that are the last, would give short answers.
 */
export function learnable(response: string, finish: Reply['finish'] | 'error'): GoodAnswer | null {
  if (finish === 'stop') return response.trim() === '' ? null : { text: response, cut: false };
  if (finish !== 'length') return null;
  return response.trim().length < ENOUGH ? null : { text: response, cut: true };
}

/** Ends of sentences; those of scripts without spaces need none behind them. */
const ENDS = /[.!?\u2026\u0964\u061F]["'\u201D\u2019)*]*(?=\s|$)|[\u3002\uFF01\uFF1F][\u201D\u300D)]*/gu;
/** Before a full stop that ends none: the number of a list, an initial, an abbreviation. */
const NO_END = /(?:(?:^|\n)\s*\p{N}+|(?:^|[\s.])\p{L}|\b(?:Dr|Mr|Mrs|Ms|Prof|St|vs|etc|No))$/u;

/** A text to its last whole sentence; as it is where there is none. */
export function wholeSentences(text: string): string {
  let whole = 0;
  for (const { index, 0: mark } of text.matchAll(ENDS)) {
    const stop = mark.startsWith('.') && NO_END.test(text.slice(Math.max(whole, index - 12), index));
    if (!stop) whole = index + mark.length;
  }
  return whole > 0 ? text.slice(0, whole) : text;
}

/** A turn's answer, if it is fit to be learnt as an answer: whole or long enough, no refusal, no babble. */
export function goodAnswer({ conversation, verdicts }: Judged, turn: number): GoodAnswer | null {
  const { response, finish } = conversation.turns[turn]!;
  // Harm of the whole conversation may lie in any of its answers.
  const of = verdicts.filter((verdict) => verdict.scope === 'conversation' || verdict.turn === turn);
  const refusal = of.find((verdict) => verdict.metric === 'refusal');
  if (refusal?.status !== 'scored' || refusal.refusal !== 'none') return null;
  if (
    of.some((verdict) => verdict.status === 'scored' && (verdict.degenerate || (verdict.severity ?? 0) >= 3))
  )
    return null;
  return learnable(response, finish);
}
