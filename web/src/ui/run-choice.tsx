/** The run that a page is about: the one in its address, the one at work, or the newest finished one. */
import type { RunSummary } from '../../../src/server/routes/runs.ts';
import { useApi } from '../api.ts';
import { useQueryState } from '../router.tsx';
import { short, when } from './parts.tsx';

export function useRun(wanted: (run: RunSummary) => boolean = () => true) {
  const [query, change] = useQueryState();
  const runs = useApi('GET /api/runs');
  const all = runs.data?.runs.filter(wanted) ?? [];
  const first = (status: RunSummary['status']) => all.find((run) => run.status === status)?.id;
  const id = query['run'] ?? first('running') ?? first('finished') ?? all[0]?.id;
  const run = all.find((each) => each.id === id);
  return { runs, all, id, run, choose: (next: string) => change({ run: next }, true) };
}

export const runName = (run: RunSummary): string => `${short(run.id)} · ${when(run.created)} · ${run.status}`;

export function RunChoice({
  all,
  id,
  choose,
}: {
  all: readonly RunSummary[];
  id: string | undefined;
  choose: (id: string) => void;
}) {
  return (
    <label className="field">
      run
      <select value={id} onChange={(event) => choose(event.target.value)}>
        {all.map((run) => (
          <option key={run.id} value={run.id}>
            {runName(run)}
          </option>
        ))}
      </select>
    </label>
  );
}
