/** Which answers of the target are fit to be learnt. */
import type { Judged } from '../metrics/conversation.ts';
import type { Reply } from '../models/target.ts';

interface GoodAnswer {
  readonly text: string;
  /** Whether the token limit ended it. */
  readonly cut: boolean;
}

/** Letters of an answer that the limit ended from which on it can be learnt. */
const ENOUGH = 40;

/**
 * An answer as it can be learnt; null: too little of it. One that the limit ended is marked and kept to its last word: who learnt
 * to stop there, or learnt whole sentences alone and so mostly ones that are the last, would give short answers.
 */
export function learnable(response: string, finish: Reply['finish'] | 'error'): GoodAnswer | null {
  if (finish === 'stop') return response.trim() === '' ? null : { text: response, cut: false };
  if (finish !== 'length') return null;
  return response.trim().length < ENOUGH ? null : { text: response, cut: true };
}

/** A text to its last whole sentence; as it is where there is none. */
export function wholeSentences(text: string): string {
  const end = Math.max(
    ...[...text.matchAll(/[.!?。！？]["'”’)]?(?=\s|$)/gu)].map(({ index, 0: mark }) => index + mark.length),
  );
  return end > 0 ? text.slice(0, end) : text;
}

/** A turn's answer, if it is fit to be learnt as an answer: whole or long enough, no refusal, no babble. */
export function goodAnswer({ conversation, verdicts }: Judged, turn: number): GoodAnswer | null {
  const { response, finish } = conversation.turns[turn]!;
  const of = verdicts.filter((verdict) => verdict.turn === turn);
  const refusal = of.find((verdict) => verdict.metric === 'refusal');
  if (refusal?.status !== 'scored' || refusal.refusal !== 'none') return null;
  if (
    of.some((verdict) => verdict.status === 'scored' && (verdict.degenerate || (verdict.severity ?? 0) >= 3))
  )
    return null;
  return learnable(response, finish);
}
