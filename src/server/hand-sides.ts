/** A conversation by hand: in which session it was had, who of those asked answered it, and what the others answered. */
import type { Conversation, Scenario } from '../core/records.ts';
import type { Note } from '../store/store.ts';
import { BY_HAND } from '../loop/arms.ts';
import {
  type ConsoleSession,
  type ConsoleTurn,
  pathTo,
  recordsOf,
  SESSION_NOTE,
  sessionAndTurn,
  TURN_NOTE,
} from './by-hand.ts';
import { type ConsoleArm, consoleArms } from './console-arms.ts';
import type { ServerContext } from './context.ts';
import type { Side } from './routes/conversations.ts';

export interface HandSides {
  readonly session: string;
  readonly turn: string;
  readonly title: string;
  /** Whose answers the conversation has; null where no arm of the turn is its target any more. */
  readonly arm: ConsoleArm | null;
  /** The other arms that were asked at every turn, as conversations. */
  readonly others: readonly (Side & { readonly of: ConsoleArm })[];
}

/** null: it was not had by hand, or its session is not in this store, as after an import. */
export async function handSides(
  context: Pick<ServerContext, 'store' | 'chat'>,
  scenario: Scenario,
  conversation: Conversation,
): Promise<HandSides | null> {
  const ids = scenario.suite === BY_HAND ? sessionAndTurn(scenario.key) : null;
  if (!ids) return null;
  const sessions = await context.store.notes<ConsoleSession>(SESSION_NOTE);
  const session = sessions.findLast(({ subject }) => subject.startsWith(ids.session));
  if (!session) return null;
  const turns = await context.store.notes<ConsoleTurn>(TURN_NOTE, session.subject);
  const last = turns.find(({ id }) => id.startsWith(ids.turn));
  if (!last) return null;
  const known = new Map((await consoleArms(context)).map((arm) => [arm.id, arm]));
  const named = (id: string): ConsoleArm => known.get(id) ?? { id, label: 'an adapter of before', runs: [] };
  const arms = Object.entries(last.record.replies);
  const own = arms.find(([, { target }]) => target === conversation.target)?.[0];
  const path = pathTo(turns, last.id);
  return {
    session: session.subject,
    turn: last.id,
    title: session.record.title,
    arm: own === undefined ? null : named(own),
    others: arms.flatMap(([arm]) => {
      const side = arm === own ? null : sideOf({ session, path, arm, scenario });
      return side ? [{ ...side, of: named(arm) }] : [];
    }),
  };
}

/** null where it did not answer at every turn. */
function sideOf({
  session,
  path,
  arm,
  scenario,
}: {
  session: Note<ConsoleSession>;
  path: readonly Note<ConsoleTurn>[];
  arm: string;
  scenario: Scenario;
}): Side | null {
  const answered = path.every(({ record }) => {
    const { finish } = record.replies[arm] ?? { finish: 'error' };
    return finish !== 'error' && finish !== 'blocked';
  });
  if (!answered) return null;
  const { category } = scenario;
  const author = '';
  const { conversation, verdicts, finding } = recordsOf({
    session,
    path,
    arm,
    kind: 'harm',
    category,
    severity: 0,
    note: '',
    author,
  });
  return { conversation, verdicts: verdicts.filter(({ id }) => id !== finding.verdict), arms: [] };
}
