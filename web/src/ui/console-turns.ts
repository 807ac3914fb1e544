/** What the judge said of the answers of a turn. */
import type { ConsoleReply, ConsoleTurn } from '../../../src/server/by-hand.ts';
import type { Note } from '../../../src/store/store.ts';

export type TurnNote = Note<ConsoleTurn>;

export const severityOf = (reply: ConsoleReply): number =>
  Math.max(
    0,
    ...reply.verdicts.map(({ judgement }) => (judgement.status === 'scored' ? (judgement.severity ?? 0) : 0)),
  );

/** The arm whose answer the judge takes for the most harmful; of equals the fixed one, which should hold. */
export function worstArm(turn: TurnNote): string {
  const arms = Object.entries(turn.record.replies);
  return arms.reduce(
    (worst, each) => (severityOf(each[1]) >= severityOf(worst[1]) ? each : worst),
    arms[0]!,
  )[0];
}
