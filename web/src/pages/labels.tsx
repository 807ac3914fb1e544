/** Labelling: answers without what the judge said, one at a time, by keys; agreement as it grows; calibration. */
import { useEffect, useState } from 'react';
import { useApi, useChange } from '../api.ts';
import { useKeys } from '../keys.ts';
import { Only, useMay, useName } from '../me.tsx';
import { personName } from '../person.ts';
import { Link, useQueryState } from '../router.tsx';
import { Empty, Loaded, Page, Problem, short, Tag, when } from '../ui/parts.tsx';
import { Untrusted, useReveal } from '../ui/untrusted.tsx';
import { printable } from '../../../src/core/limits.ts';

type Metric = 'severity' | 'refusal' | 'ungroundedness';
const METRICS: readonly (readonly [Metric, string])[] = [
  ['severity', 'severity: how harmful is the answer, 0 to 7'],
  ['refusal', 'refusal: none, partial, full'],
  ['ungroundedness', 'ungroundedness: how much is not in the document, 0 to 4'],
];

/** In the words of Landis and Koch, who said themselves that the limits are arbitrary. */
const agreementWord = (kappa: number): string =>
  kappa < 0
    ? 'worse than chance'
    : kappa < 0.21
      ? 'slight'
      : kappa < 0.41
        ? 'fair'
        : kappa < 0.61
          ? 'moderate'
          : kappa < 0.81
            ? 'substantial'
            : 'almost perfect';

function NewSheet({ open }: { open: (id: string) => void }) {
  const runs = useApi('GET /api/runs');
  const create = useChange('POST /api/labels/sheets');
  const [metric, setMetric] = useState<Metric>('severity');
  const [run, setRun] = useState('');
  const [n, setN] = useState('60');
  return (
    <form
      className="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate(
          { body: { metric, ...(run ? { run } : {}), n: Number(n), author: personName() } },
          { onSuccess: ({ id }) => open(id) },
        );
      }}
    >
      <h2>Draw answers to label</h2>
      <p className="soft">
        A random sample within each band of the judge's verdicts, so that rare ones are among them. What the
        judge said is not shown.
      </p>
      <div className="row end">
        <label className="field">
          what is labelled
          <select value={metric} onChange={(event) => setMetric(event.target.value as Metric)}>
            {METRICS.map(([value, title]) => (
              <option key={value} value={value}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          from
          <select value={run} onChange={(event) => setRun(event.target.value)}>
            <option value="">all of the store</option>
            {(runs.data?.runs ?? [])
              .filter(({ status }) => status === 'finished')
              .map((each) => (
                <option key={each.id} value={each.id}>
                  run {short(each.id)}, sealed answers
                </option>
              ))}
          </select>
        </label>
        <label className="field">
          answers
          <input
            type="number"
            min={1}
            max={2000}
            value={n}
            onChange={(event) => setN(event.target.value)}
            required
          />
        </label>
        <button type="submit" className="primary" disabled={create.isPending}>
          {create.isPending ? 'Drawing …' : 'Draw'}
        </button>
      </div>
      {create.isError ? <Problem error={create.error} /> : null}
    </form>
  );
}

function Agreement({ id, done }: { id: string; done: number }) {
  const agreement = useApi('GET /api/labels/sheets/:id/agreement', { params: { id } }, { keep: true });
  const calibrate = useChange('POST /api/labels/sheets/:id/calibrate');
  const may = useMay('reviewer');
  const { refetch } = agreement;
  useEffect(() => {
    void refetch();
  }, [done, refetch]);
  return (
    <Loaded query={agreement} lines={4}>
      {({ labelled, rows, kappa, labels, matrix, pairs }) => (
        <>
          <p aria-live="polite">
            <b>{labelled}</b> of {rows} labelled.{' '}
            {kappa === null ? (
              'Weighted kappa of people and judge needs two labels that differ.'
            ) : (
              <>
                Weighted kappa, people and judge: <b>{kappa.toFixed(2)}</b> ({agreementWord(kappa)}; of the
                sample as drawn).
              </>
            )}
          </p>
          {pairs.map((pair) => (
            <p key={pair.a + pair.b}>
              {printable(pair.a, 40)} and {printable(pair.b, 40)}: {pair.both} both, kappa{' '}
              {pair.kappa === null ? '–' : pair.kappa.toFixed(2)}
            </p>
          ))}
          {labelled > 0 ? (
            <details>
              <summary>Confusion matrix (shows verdicts)</summary>
              <div className="matrix" tabIndex={0}>
                <table>
                  <thead>
                    <tr>
                      <th scope="col">people \ judge</th>
                      {labels.map((label) => (
                        <th key={label} scope="col">
                          {label}
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {matrix.map((row, i) => (
                      <tr key={labels[i]}>
                        <th scope="row">{labels[i]}</th>
                        {row.map((count, j) => (
                          <td key={j} className={i === j && count > 0 ? 'good' : ''}>
                            {count || ''}
                          </td>
                        ))}
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            </details>
          ) : null}
          <div className="row" style={{ marginTop: 8 }}>
            <button
              type="button"
              disabled={!may || labelled === 0 || calibrate.isPending}
              onClick={() => calibrate.mutate({ params: { id }, body: { author: personName() } })}
            >
              {calibrate.isPending ? 'Scoring …' : 'Calibrate the judge by these labels'}
            </button>
          </div>
          {calibrate.isError ? <Problem error={calibrate.error} /> : null}
          {calibrate.data ? (
            <div className="note good">
              <p>
                Kept: kappa {calibrate.data.kappa.value?.toFixed(2) ?? '–'}, weighted to all{' '}
                {calibrate.data.answers} answers. Scorecards of this judge show harm corrected for its errors
                where the labels allow it. <Link to="/scorecard">See it move</Link>
              </p>
            </div>
          ) : null}
        </>
      )}
    </Loaded>
  );
}

function Queue({ id }: { id: string }) {
  const author = useName();
  const may = useMay('reviewer');
  const sheet = useApi('GET /api/labels/sheets/:id', { params: { id }, query: { author } });
  const save = useChange('POST /api/labels/sheets/:id/labels');
  const [at, setAt] = useState<number | null>(null);
  const [mine, setMine] = useState<Readonly<Record<string, number | null>>>({});
  const [skipped, setSkipped] = useState<readonly string[]>([]);
  const [exampled, setExampled] = useState(false);
  const showExamples = (): void => setExampled(!exampled);
  const rows = sheet.data?.rows ?? [];
  const labels = { ...sheet.data?.mine, ...mine };
  const open = (from: number): number => {
    const order = [...rows.keys()].map((i) => (from + i) % Math.max(1, rows.length));
    const fresh = order.find(
      (i) => labels[rows[i]!.answer] === undefined && !skipped.includes(rows[i]!.answer),
    );
    return fresh ?? order.find((i) => labels[rows[i]!.answer] === undefined) ?? -1;
  };
  const index = at ?? open(0);
  const row = rows[index];
  const { hidden, button } = useReveal(true, row?.answer ?? null);
  const give = (place: number | null): void => {
    if (!row || !may) return;
    setMine({ ...mine, [row.answer]: place });
    save.mutate({ params: { id }, body: { answer: row.answer, place, author } });
    setAt(null);
  };
  const count = sheet.data?.labels.length ?? 0;
  useKeys({
    ...Object.fromEntries(Array.from({ length: count }, (_, i) => [String(i), () => give(i)])),
    u: () => give(null),
    e: showExamples,
    s: () => {
      if (row) setSkipped([...skipped, row.answer]);
      setAt(null);
    },
    z: () => {
      const last = Object.keys(mine).at(-1);
      const place = rows.findIndex(({ answer }) => answer === last);
      if (place >= 0) setAt(place);
    },
  });
  const done = Object.keys(labels).length;
  return (
    <Loaded query={sheet} lines={10}>
      {({ metric, labels: scale, anchors, examples }) => (
        <div className="split open">
          <section className="card" aria-label="Answer to label">
            <div className="row spread">
              <h2>
                {row ? `Answer ${index + 1} of ${rows.length}` : 'All labelled'}{' '}
                <small>
                  {done} done by {printable(author, 40)}
                </small>
              </h2>
              {button}
            </div>
            <progress value={done} max={rows.length} aria-label="Labelled" />
            {row ? (
              <>
                {row.context ? (
                  <details open>
                    <summary>The document</summary>
                    <Untrusted text={row.context} />
                  </details>
                ) : null}
                {row.history ? (
                  <details>
                    <summary>What was said before</summary>
                    <Untrusted text={row.history} hidden={hidden} />
                  </details>
                ) : null}
                <div className="said">
                  <b>user, in plain words</b>
                  <Untrusted text={row.request} hidden={hidden} />
                </div>
                <div className="said target">
                  <b>answer</b>
                  <Untrusted text={row.response} hidden={hidden} />
                </div>
              </>
            ) : (
              <Empty title="Nothing is left to label">
                <p>
                  Calibrate the judge by these labels, or let a second person label the same answers under
                  another name.
                </p>
              </Empty>
            )}
          </section>
          <section className="card" aria-label="Label">
            <h2>
              {metric === 'severity'
                ? 'How harmful is the answer?'
                : metric === 'refusal'
                  ? 'Does it refuse?'
                  : 'How much of it is not in the document?'}
            </h2>
            <Only needs="reviewer">
              <div className="scaleway">
                {exampled ? <small>Examples are answers to: {examples.to}</small> : null}
                {scale.map((label, i) => (
                  <button
                    key={label}
                    type="button"
                    disabled={!row}
                    aria-pressed={row ? labels[row.answer] === i : false}
                    onClick={() => give(i)}
                  >
                    <kbd>{i}</kbd>
                    <span>
                      {anchors[i] ?? label}
                      {exampled ? <small className="example">“{examples.answers[i]}”</small> : null}
                    </span>
                  </button>
                ))}
                <button type="button" disabled={!row} onClick={() => give(null)}>
                  <kbd>u</kbd>
                  <span>Cannot tell</span>
                </button>
                <small>
                  <kbd>s</kbd> skip, <kbd>z</kbd> back to the last, <kbd>b</kbd> show or blur all texts,{' '}
                  <button type="button" className="plain" aria-expanded={exampled} onClick={showExamples}>
                    {exampled ? 'hide the examples' : 'an example of each'}
                  </button>{' '}
                  <kbd>e</kbd>
                </small>
              </div>
            </Only>
            {save.isError ? <Problem error={save.error} /> : null}
            <hr style={{ border: 0, borderTop: '1px solid var(--line)', margin: '14px 0' }} />
            <Agreement id={id} done={done} />
          </section>
        </div>
      )}
    </Loaded>
  );
}

export function Labels() {
  const [query, change] = useQueryState();
  const sheets = useApi('GET /api/labels/sheets');
  const id = query['sheet'];
  return (
    <Page
      wide={id !== undefined}
      title="Labelling"
      lead="Label answers blind, see how far the judge agrees, and correct its rates by it."
      actions={
        id ? (
          <button type="button" onClick={() => change({ sheet: undefined }, true)}>
            All sheets
          </button>
        ) : null
      }
    >
      {id ? (
        <Queue key={id} id={id} />
      ) : (
        <>
          <Only needs="reviewer">
            <NewSheet open={(sheet) => change({ sheet }, true)} />
          </Only>
          <Loaded query={sheets}>
            {({ sheets: all, calibrations }) => (
              <>
                {all.length === 0 ? (
                  <Empty title="No sheet yet">
                    <p>Twenty labels already say something; two hundred say much.</p>
                  </Empty>
                ) : (
                  <section className="card">
                    <h2>Sheets</h2>
                    <table className="narrow">
                      <tbody>
                        {all.map((sheet) => (
                          <tr key={sheet.id}>
                            <td>
                              <button
                                type="button"
                                className="plain"
                                onClick={() => change({ sheet: sheet.id }, true)}
                              >
                                {sheet.metric}, {sheet.rows} answers
                              </button>
                              <span className="interval">
                                {when(sheet.created)}, drawn by {printable(sheet.author, 40)}
                              </span>
                            </td>
                            <td data-label="judge">{printable(sheet.judge, 80)}</td>
                            <td data-label="labelled">
                              {sheet.people.length === 0 ? (
                                <small>nobody yet</small>
                              ) : (
                                sheet.people.map((person) => (
                                  <div key={person.name}>
                                    {printable(person.name, 40)}: {person.labelled}
                                  </div>
                                ))
                              )}
                            </td>
                          </tr>
                        ))}
                      </tbody>
                    </table>
                  </section>
                )}
                {calibrations.length > 0 ? (
                  <section className="card">
                    <h2>Calibrations</h2>
                    <table className="narrow">
                      <thead>
                        <tr>
                          {['judge', 'metric', 'labels', 'kappa', 'made'].map((each) => (
                            <th key={each} scope="col">
                              {each}
                            </th>
                          ))}
                        </tr>
                      </thead>
                      <tbody>
                        {calibrations.map((each) => (
                          <tr key={each.created + each.metric}>
                            <td>{printable(each.judge, 80)}</td>
                            <td data-label="metric">{each.metric}</td>
                            <td data-label="labels">{each.labelled}</td>
                            <td data-label="kappa">
                              {each.kappa.value === null ? '–' : each.kappa.value.toFixed(2)}
                              {each.kappa.low !== null && each.kappa.high !== null
                                ? ` [${each.kappa.low.toFixed(2)}, ${each.kappa.high.toFixed(2)}]`
                                : ''}
                            </td>
                            <td data-label="made">
                              {when(each.created)} <Tag>{each.kinds.join(', ')}</Tag>
                            </td>
                          </tr>
                        ))}
                      </tbody>
                    </table>
                  </section>
                ) : null}
              </>
            )}
          </Loaded>
        </>
      )}
    </Page>
  );
}
