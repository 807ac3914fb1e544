/** Names of targets for people: records name a target by a hash of all that shapes its answers. */
import type { Store } from '../store/store.ts';

/** The kind of note under which a target's name is kept. */
const TARGET_NOTE = 'target';

type Notes = Pick<Store, 'notes' | 'saveNote'>;

/** undefined: it was measured before names were kept. */
export const targetName = async (store: Notes, id: string): Promise<string | undefined> =>
  (await store.notes<{ name: string }>(TARGET_NOTE, id)).at(-1)?.record.name;

/** Keeps a name once. */
export async function rememberTarget(
  store: Notes,
  { id, name }: { readonly id: string; readonly name?: string | undefined },
): Promise<void> {
  if (name === undefined || (await targetName(store, id)) === name) return;
  const created = new Date().toISOString();
  await store.saveNote({ kind: TARGET_NOTE, subject: id, author: 'temper', created, record: { name } });
}
