/** Runs of a store by their id or its beginning, as `temper show` finds them. */
import { TemperError } from '../core/errors.ts';
import type { RunRecord, Store } from '../store/store.ts';

/** Runs whose id begins so, newest first. */
export async function runsNamed(store: Store, beginning: string): Promise<RunRecord[]> {
  return (await store.runs()).filter(({ id }) => id.startsWith(beginning));
}

/** The one run of that id, or whose id alone begins so; null: none. Errors: `usage` for the beginning of several. */
export async function runNamed(store: Store, text: string): Promise<RunRecord | null> {
  const exact = await store.run(text);
  if (exact || text === '') return exact;
  const [found = null, ...others] = await runsNamed(store, text);
  if (others.length === 0) return found;
  throw new TemperError(
    'usage',
    `${text} may be several: ${[found!, ...others].map(({ id }) => `run ${id}`).join(', ')}`,
    { hint: 'Give more of the id.' },
  );
}
