/** What was measured outside of runs, as arms of comparisons: `measured:ID`. */
import { measuredAlone } from '../loop/measured.ts';
import type { Measured } from '../loop/paired.ts';
import type { ServerContext } from './context.ts';

/** Stands where the id of a run would, in names of arms and in filters of conversations. */
export const MEASURED = 'measured';

/** null: it is none, or nobody measured it, or it is too large to be counted anew. */
export async function measuredArm(context: ServerContext, name: string): Promise<Measured | null> {
  const [kind, id = ''] = name.split(':');
  if (kind !== MEASURED) return null;
  const note = (await measuredAlone(context.store)).find(({ subject }) => subject === id);
  if (!note) return null;
  const { index } = context.search;
  const known = index.database
    .prepare('select 1 from arms where run = ? and arm = ? limit 1')
    .get(MEASURED, id);
  if (!known) index.noteArm(MEASURED, id, note.record.conversations);
  const judged = await context.judgedArm(MEASURED, id);
  return judged && { name, judged, about: note.record.about };
}
