/** Asking the target again what broke it, and what there is on a finding: replays, examples, adapters. */
import { useState } from 'react';
import { printable } from '../../../src/core/limits.ts';
import type { ShownFinding } from '../../../src/server/routes/findings.ts';
import { useApi, useChange } from '../api.ts';
import { useLive } from '../live.ts';
import { useMay } from '../me.tsx';
import { personName } from '../person.ts';
import { addressWith, Link } from '../router.tsx';
import { Problem, short, Tag } from './parts.tsx';

export function ReplayForm({ ids, what }: { ids: readonly string[]; what: string }) {
  const meta = useApi('GET /api/console');
  const runs = useApi('GET /api/runs');
  const replay = useChange('POST /api/findings/replay');
  const { working } = useLive();
  const may = useMay('red-teamer');
  const [replays, setReplays] = useState(5);
  const [need, setNeed] = useState(3);
  const [arm, setArm] = useState('base');
  const arms = (meta.data?.arms ?? []).filter(({ label }) => label !== 'candidate');
  const job = runs.data?.job;
  const ended = replay.data !== undefined && job?.pid === replay.data.pid && job.exitCode !== null;
  const busy = working !== null || (job !== null && job !== undefined && job.exitCode === null);
  return (
    <details>
      <summary>Replay {what}</summary>
      <form
        className="row end"
        onSubmit={(event) => {
          event.preventDefault();
          replay.mutate({ body: { ids: [...ids], replays, need, arm, author: personName() } });
        }}
      >
        <label className="field">
          ask
          <select value={arm} onChange={(event) => setArm(event.target.value)}>
            {arms.map((each) => (
              <option key={each.id} value={each.id}>
                {each.id === 'base' ? 'the target as it is' : `fixed: ${each.label}`}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          times
          <input
            type="number"
            min={1}
            max={100}
            value={replays}
            onChange={(event) => setReplays(Math.max(1, Number(event.target.value) || 1))}
          />
        </label>
        <label className="field">
          confirmed if so many break
          <input
            type="number"
            min={1}
            max={replays}
            value={need}
            onChange={(event) => setNeed(Math.max(1, Number(event.target.value) || 1))}
          />
        </label>
        <button type="submit" disabled={!may || busy || replay.isPending || need > replays}>
          {busy ? 'At work …' : 'Replay'}
        </button>
      </form>
      <small>
        The same words, then with a greeting or thanks around them. None that breaks: a confirmed finding is
        fixed.
      </small>
      {ended ? (
        job!.exitCode === 0 ? (
          <p role="status">Replayed: the figures are above.</p>
        ) : (
          <pre className="log">{printable(job!.said)}</pre>
        )
      ) : null}
      {replay.isError ? <Problem error={replay.error} /> : null}
    </details>
  );
}

export function Evidence({ finding }: { finding: ShownFinding }) {
  const evidence = useApi('GET /api/findings/:id/evidence', { params: { id: finding.id } });
  if (!evidence.data) return null;
  const { replays, answers } = evidence.data;
  return (
    <>
      {replays.length > 0 ? (
        <details>
          <summary>{replays.length} conversations of replays</summary>
          <div className="row">
            {replays.map((each) => (
              <Link key={each.id} to={addressWith('/conversations', { id: each.id, text: each.id })}>
                {short(each.id)} <Tag is={each.outcome}>{each.outcome}</Tag>
              </Link>
            ))}
          </div>
        </details>
      ) : null}
      {answers.length === 0 ? (
        <small>No training example answers it yet.</small>
      ) : (
        <div>
          {answers.map(({ example, dataset, runs }) => (
            <div key={dataset + example}>
              <Link to={addressWith('/data', { dataset, finding: finding.id })}>
                example {short(example)}
              </Link>{' '}
              answers it
              {runs.map(({ run, adapter }) => (
                <span key={run}>
                  ; <Link to={`/training?run=${run}`}>run {short(run)}</Link>
                  {adapter ? (
                    <>
                      {' '}
                      trained adapter <code>{short(adapter)}…</code> on it
                    </>
                  ) : (
                    ' was to train on it'
                  )}
                </span>
              ))}
            </div>
          ))}
        </div>
      )}
    </>
  );
}
