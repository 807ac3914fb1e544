/** What was measured outside of runs, by `temper eval` and `compare`: who, on what, and which conversations it was, so that it can be compared later. */
import { contentHash } from '../core/ids.ts';
import type { About } from '../metrics/scorecard.ts';
import type { Note, Store } from '../store/store.ts';
import { latest } from './people.ts';
import type { Measured } from './paired.ts';

const MEASURED_NOTE = 'measured';

export interface MeasuredAlone {
  readonly name: string;
  readonly about: About;
  readonly conversations: readonly string[];
}

/** The same conversations again are the same measurement. */
export async function noteMeasured(
  store: Pick<Store, 'saveNote'>,
  { name, about, judged }: Measured,
): Promise<void> {
  const conversations = judged.map(({ conversation }) => conversation.id);
  await store.saveNote<MeasuredAlone>({
    kind: MEASURED_NOTE,
    subject: contentHash({ measured: conversations }),
    author: 'temper',
    created: about.created,
    record: { name, about, conversations },
  });
}

/** Newest first. */
export async function measuredAlone(store: Pick<Store, 'notes'>): Promise<Note<MeasuredAlone>[]> {
  return [...latest(await store.notes<MeasuredAlone>(MEASURED_NOTE)).values()].reverse();
}
