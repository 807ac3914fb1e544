/** Which answers of the target are fit to be learnt. */
import type { Judged } from '../metrics/conversation.ts';
import type { Reply } from '../models/target.ts';

interface GoodAnswer {
  readonly text: string;
  /** Whether the token limit ended it. */
  readonly cut: boolean;
}

/**
 * An answer as it can be learnt; null: too little of it. One that the limit ended goes to its last whole sentence, and is marked:
 * who learnt to stop there would give short answers.
 */
export function learnable(response: string, finish: Reply['finish'] | 'error'): GoodAnswer | null {
  if (finish === 'stop') return response.trim() === '' ? null : { text: response, cut: false };
  if (finish !== 'length') return null;
  const end = Math.max(
    response.lastIndexOf('. '),
    response.lastIndexOf('.\n'),
    response.endsWith('.') ? response.length - 1 : -1,
  );
  return end < 40 ? null : { text: response.slice(0, end + 1), cut: true };
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
