/** What was measured outside of runs, as arms of comparisons: `measured:ID`. */
import { TemperError } from '../core/errors.ts';
import { measuredAlone } from '../loop/measured.ts';
import type { Measured } from '../loop/paired.ts';
import { MOST_COUNTED, type ServerContext } from './context.ts';

/** Stands where the id of a run would, in names of arms and in filters of conversations. */
export const MEASURED = 'measured';

export interface MeasuredArm {
  /** As comparisons take it. */
  readonly name: string;
  readonly target: string;
  readonly suite: string;
  readonly created: string;
  readonly conversations: number;
}

export const TOO_LARGE = `it has more than ${MOST_COUNTED} conversations; \`temper compare\` counts them`;
const WHY = {
  large: TOO_LARGE,
  indexed: 'its conversations are being read: try again in a moment',
  gone: 'this store has none of its conversations any more',
};

type Noted = Awaited<ReturnType<typeof measuredAlone>>[number];

/** null: it can be counted. */
function whyNot({ search: { index } }: ServerContext, { record: { conversations } }: Noted): string | null {
  if (conversations.length > MOST_COUNTED) return WHY.large;
  const { here } = index.database
    .prepare('select count(*) as here from json_each(?) wanted join items i on i.id = wanted.value')
    .get(JSON.stringify(conversations)) as { here: number };
  const { done, total } = index.progress;
  return here < conversations.length && done < total ? WHY.indexed : here === 0 ? WHY.gone : null;
}

/** Newest first: what can be compared, and why the rest cannot be. */
export async function measuredArms(
  context: ServerContext,
): Promise<{ measured: MeasuredArm[]; left: (MeasuredArm & { why: string })[] }> {
  const measured: MeasuredArm[] = [];
  const left: (MeasuredArm & { why: string })[] = [];
  for (const note of await measuredAlone(context.store)) {
    const { name: target, about, conversations } = note.record;
    const arm: MeasuredArm = {
      name: `${MEASURED}:${note.subject}`,
      target,
      suite: about.suite,
      created: note.created,
      conversations: conversations.length,
    };
    const why = whyNot(context, note);
    if (why === null) measured.push(arm);
    else left.push({ ...arm, why });
  }
  return { measured, left };
}

/** null: the name is not of this kind. Errors: `absent`, with the reason. */
export async function measuredArm(context: ServerContext, name: string): Promise<Measured | null> {
  const [kind, id = ''] = name.split(':');
  if (kind !== MEASURED) return null;
  const note = (await measuredAlone(context.store)).find(({ subject }) => subject === id);
  if (!note)
    throw new TemperError('absent', `nothing was measured under the name ${name}`, {
      hint: 'GET /api/measured lists what can be compared.',
    });
  const why = whyNot(context, note);
  // What is read anew takes another place in the index: those that the arm lost are found again.
  if (why === null) context.search.index.noteArm(MEASURED, id, note.record.conversations);
  const judged = await context.judgedArm(MEASURED, id);
  if (!judged) throw new TemperError('absent', `${name} cannot be compared: ${why ?? WHY.gone}`);
  return { name, judged, about: note.record.about };
}
