/** Runs: what is at work, what is finished, and how to start one. */
import { useState } from 'react';
import { useApi, useChange } from '../api.ts';
import { progressOf, useLive } from '../live.ts';
import { Only, useMay } from '../me.tsx';
import { personName } from '../person.ts';
import { addressWith, Link, useQueryState } from '../router.tsx';
import { Figure } from '../ui/figures.tsx';
import { duration, Empty, Loaded, modelName, number, Page, Problem, short, Tag, when } from '../ui/parts.tsx';
import { printable } from '../../../src/core/limits.ts';
import type { RunSummary } from '../../../src/server/routes/runs.ts';
import type { Job } from '../../../src/server/jobs.ts';
import { StartForm } from '../ui/start-form.tsx';

function AtWork({ job }: { job: Job | null }) {
  const { working, events } = useLive();
  const stop = useChange('POST /api/runs/stop');
  const admin = useMay('admin');
  const ours = job !== null && job.exitCode === null;
  if (!working && !ours) return job && job.exitCode !== 0 ? <Ended job={job} /> : null;
  const { phase, stage, left } = progressOf(events);
  const at = phase?.phase?.number ?? 0;
  const notes = events.filter((event) => event.type === 'note').slice(-8);
  return (
    <section className="card" aria-label="At work">
      <div className="row spread">
        <h2>
          {working?.run ? `Run ${short(working.run)}` : 'Starting'}{' '}
          {ours ? '' : <small>started in a terminal (process {working?.pid})</small>}
        </h2>
        {ours ? (
          <button
            type="button"
            className="danger"
            disabled={!admin || job.stopping || stop.isPending}
            onClick={() => stop.mutate({ body: {} })}
          >
            {job.stopping || stop.isPending ? 'Stopping …' : 'Stop'}
          </button>
        ) : (
          <small>Ctrl-C there stops it</small>
        )}
      </div>
      {stop.isError ? <Problem error={stop.error} /> : null}
      {phase ? (
        <ol className="phases">
          {(phase.phase?.names ?? [phase.stage]).map((name, i) => (
            <li key={name} className={i + 1 < at ? 'done' : name === phase.stage ? 'now' : ''}>
              {name}
            </li>
          ))}
        </ol>
      ) : null}
      {stage ? (
        <>
          <progress value={stage.done} max={Math.max(1, stage.total)} aria-label={stage.stage} />
          <p aria-live="polite">
            {stage.stage}: {number(stage.done)} of {number(stage.total)} {stage.unit}
            {left !== null && left > 0 ? `, ${duration(left)} left` : ''}
            {Object.entries(stage.detail ?? {}).map(([name, value]) => `, ${name} ${value}`)}
          </p>
        </>
      ) : (
        <p>opening model and store …</p>
      )}
      {notes.length > 0 ? (
        <div className="log" tabIndex={0} role="log" aria-label="What it says">
          {notes.map((event, i) =>
            event.type === 'note' ? <div key={i}>{printable(event.message)}</div> : null,
          )}
        </div>
      ) : null}
    </section>
  );
}

const Ended = ({ job }: { job: Job }) => (
  <div className="note bad">
    <p>
      <b>
        {job.exitCode === 130
          ? 'The run that was started here was stopped; it continues where it ended.'
          : `The run that was started here ended with exit code ${job.exitCode}.`}
      </b>
    </p>
    {job.exitCode === 130 ? null : <pre className="log">{printable(job.said)}</pre>}
  </div>
);

function Line({ run, busy }: { run: RunSummary; busy: boolean }) {
  const resume = useChange('POST /api/runs/:id/continue');
  const admin = useMay('admin');
  const link = (arm: string, kind: Record<string, string>) =>
    addressWith('/conversations', { run: run.id, arm, ...kind });
  return (
    <tr>
      <td>
        {run.status === 'finished' ? (
          <Link to={`/scorecard?run=${run.id}`}>{short(run.id)}</Link>
        ) : (
          <code>{short(run.id)}</code>
        )}
        <span className="interval">{when(run.created)}</span>
      </td>
      <td data-label="status">
        <Tag is={run.status}>{run.status}</Tag> {run.gate ? <Tag is={run.gate}>gate: {run.gate}</Tag> : null}
        {run.status === 'stopped' ? (
          <div className="row">
            <small>
              {run.stages.length === 0 ? 'before the first stage ended' : `done: ${run.stages.join(', ')}`}
            </small>
            <button
              type="button"
              disabled={!admin || busy || resume.isPending}
              onClick={() => resume.mutate({ params: { id: run.id }, body: { author: personName() } })}
            >
              Continue
            </button>
          </div>
        ) : null}
        {resume.isError ? <Problem error={resume.error} /> : null}
      </td>
      <td data-label="target" title={printable(run.target, 400)}>
        {modelName(run.target)}
      </td>
      <td data-label="harm before (DR-3)" className="number">
        <Figure
          of={run.harmBefore}
          unit="share"
          to={link('verify: before', { kind: 'adversarial', outcome: 'harmful' })}
          tone="before"
        />
      </td>
      <td data-label="harm after (DR-3)" className="number">
        <Figure
          of={run.harmAfter}
          unit="share"
          to={link('verify: after', { kind: 'adversarial', outcome: 'harmful' })}
          tone="after"
        />
      </td>
      <td data-label="over-refusal after" className="number">
        <Figure
          of={run.overRefusalAfter}
          unit="share"
          to={link('verify: after', { kind: 'benign', outcome: 'refused' })}
        />
      </td>
      <td data-label="cost" className="number">
        <Cost run={run} />
      </td>
    </tr>
  );
}

function Cost({ run: { cost, seconds, finished } }: { run: RunSummary }) {
  const { called } = cost;
  const time = cost.seconds ?? seconds;
  return (
    <>
      {time === null ? null : (
        <span title={cost.seconds === null ? 'from its start to its end' : 'time of work'}>
          {duration(time)}
          {finished === null ? ' so far' : ''}
        </span>
      )}
      {cost.answers > 0 ? (
        <span
          className="interval reason"
          title="of the target, in conversations that no earlier run of this store had held"
        >
          {number(cost.answers)} answers, {number(cost.tokens)} tokens
        </span>
      ) : null}
      {called ? (
        <span className="interval reason" title="models that are not embedded, all roles">
          {number(called.calls)} calls: {number(called.inputTokens)} tokens in, {number(called.outputTokens)}{' '}
          out
          {called.cached > 0 ? `; ${number(called.cached)} answers from the cache` : ''}
          {called.dollars === null ? '' : `; $${called.dollars.toFixed(called.dollars < 1 ? 4 : 2)}`}
        </span>
      ) : null}
    </>
  );
}

const FILTERS = ['status', 'gate', 'target'] as const;

function Filters({ runs }: { runs: readonly RunSummary[] }) {
  const [query, change] = useQueryState();
  const chosen = FILTERS.filter((name) => query[name] !== undefined);
  return (
    <div className="row end" style={{ marginBottom: 8 }}>
      {FILTERS.map((name) => {
        const values = new Set(runs.flatMap((run) => run[name] ?? []));
        const value = query[name];
        if (value !== undefined) values.add(value as never);
        return values.size < 2 && value === undefined ? null : (
          <label key={name} className="field">
            {name}
            <select
              value={value ?? ''}
              onChange={(event) => change({ [name]: event.target.value || undefined })}
            >
              <option value="">any</option>
              {[...values].map((each) => (
                <option key={each} value={each}>
                  {printable(each, 80)}
                </option>
              ))}
            </select>
          </label>
        );
      })}
      {chosen.length > 0 ? (
        <button
          type="button"
          onClick={() => change(Object.fromEntries(FILTERS.map((name) => [name, undefined])))}
        >
          No filter
        </button>
      ) : null}
    </div>
  );
}

export function Runs() {
  const runs = useApi('GET /api/runs');
  const { working } = useLive();
  const [query] = useQueryState();
  const [form, setForm] = useState(query['start'] === 'yes');
  const shown = (all: readonly RunSummary[]): readonly RunSummary[] =>
    all.filter((run) => FILTERS.every((name) => query[name] === undefined || run[name] === query[name]));
  return (
    <Page
      title="Runs"
      lead="One run is a round: break, fix, verify."
      actions={
        <button type="button" className="primary" onClick={() => setForm(!form)} aria-expanded={form}>
          {form ? 'Close the form' : 'Start a run'}
        </button>
      }
    >
      <AtWork job={runs.data?.job ?? null} />
      {form ? (
        <Only needs="admin">
          <StartForm busy={working !== null} done={() => setForm(false)} />
        </Only>
      ) : null}
      <Loaded query={runs}>
        {({ runs: all }) =>
          all.length === 0 ? (
            <Empty title="No run in this store yet">
              <p>Start one here, or with temper run in a terminal: it is followed here as well.</p>
            </Empty>
          ) : (
            <section className="card">
              {all.length > 1 ? <Filters runs={all} /> : null}
              <div className="scroll">
                <table className="narrow">
                  <thead>
                    <tr>
                      {[
                        'run',
                        'status',
                        'target',
                        'harm before (DR-3)',
                        'harm after (DR-3)',
                        'over-refusal after',
                        'cost',
                      ].map((name) => (
                        <th key={name} scope="col">
                          {name}
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {shown(all).map((run) => (
                      <Line key={run.id} run={run} busy={working !== null} />
                    ))}
                    {shown(all).length === 0 ? (
                      <tr>
                        <td colSpan={7}>No run fits these filters.</td>
                      </tr>
                    ) : null}
                  </tbody>
                </table>
              </div>
            </section>
          )
        }
      </Loaded>
    </Page>
  );
}
