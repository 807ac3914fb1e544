/** How a preference example comes by its prompt and its id. */
import { contentHash } from '../core/ids.ts';
import type { Message, PreferenceExample } from '../core/records.ts';
import type { Judged } from '../metrics/conversation.ts';

/** An example under the hash of all that is learnt from it. An empty `cut` is none. */
export function preferenceExample({ cut = [], ...parts }: Omit<PreferenceExample, 'id'>): PreferenceExample {
  const { prompt, chosen, rejected } = parts;
  const ends = cut.length > 0 ? { cut } : {};
  return { id: contentHash({ prompt, chosen, rejected, ...ends }), ...parts, ...ends };
}

/** The messages up to and including the request of a turn. */
export function messagesTo({ conversation }: Pick<Judged, 'conversation'>, turn: number): Message[] {
  const system: Message[] =
    conversation.system === undefined ? [] : [{ role: 'system', content: conversation.system }];
  const before = conversation.turns.slice(0, turn).flatMap((t): Message[] => [
    { role: 'user', content: t.request },
    { role: 'assistant', content: t.response },
  ]);
  const shown = [...system, ...(conversation.madeUp ?? []), ...before];
  return [...shown, { role: 'user', content: conversation.turns[turn]!.request }];
}
