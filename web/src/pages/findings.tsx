/** Findings: what broke, by cluster, with a status, the conversation as evidence, and the examples that answer it. */
import { useEffect, useState } from 'react';
import { type call, useApi, useChange } from '../api.ts';
import { useKeys } from '../keys.ts';
import { useMay } from '../me.tsx';
import { personName } from '../person.ts';
import { addressWith, Link, useQueryState } from '../router.tsx';
import { Board } from '../ui/board.tsx';
import { Empty, Loaded, number, Page, Pager, Problem, Tag, useOffset, words } from '../ui/parts.tsx';
import { Evidence, ReplayForm } from '../ui/replays.tsx';
import { Transcript } from '../ui/transcript.tsx';
import { Untrusted, useReveal } from '../ui/untrusted.tsx';
import { printable } from '../../../src/core/limits.ts';
import type { ShownFinding } from '../../../src/server/routes/findings.ts';

const PAGE = 50;
/** As the glossary has it. */
const STATUS: Readonly<Record<string, string>> = { open: 'new' };

export function NextRound({ id }: { id: string }) {
  const next = useApi('GET /api/findings/:id/next', { params: { id } });
  const { hidden, button } = useReveal(true);
  return (
    <Loaded query={next} lines={3}>
      {({ example, reason }) => (
        <div className={`note ${example ? 'good' : ''}`}>
          {reason ? <p>{printable(reason, 500)}</p> : null}
          {example ? (
            <>
              <div className="row spread">
                <b>The next run trains on this example:</b>
                {button}
              </div>
              {example.prompt.map((message, i) => (
                <div key={i} className="said">
                  <b>{message.role}</b>
                  <Untrusted text={message.content} hidden={hidden} />
                </div>
              ))}
              <div className="arms">
                <div className="said target after">
                  <b>chosen, by {example.lineage.chosenBy}</b>
                  <Untrusted text={example.chosen[0]?.content ?? ''} />
                </div>
                <div className="said target before">
                  <b>rejected, by {example.lineage.rejectedBy}</b>
                  <Untrusted text={example.rejected[0]?.content ?? ''} hidden={hidden} />
                </div>
              </div>
            </>
          ) : null}
        </div>
      )}
    </Loaded>
  );
}

function Detail({ finding, close }: { finding: ShownFinding; close: () => void }) {
  const conversation = useApi('GET /api/conversations/:id', { params: { id: finding.conversation } });
  return (
    <section className="detail" aria-label="Finding" tabIndex={0}>
      <div className="stack" style={{ marginBottom: 12 }}>
        <Status finding={finding} />
        <ReplayForm key={finding.id} ids={[finding.id]} what="this finding" />
        <Evidence finding={finding} />
        {finding.kind === 'harm' ? (
          <details open={finding.byHand}>
            <summary>What the next round makes of it</summary>
            <NextRound id={finding.id} />
          </details>
        ) : null}
      </div>
      <Loaded query={conversation}>{(page) => <Transcript page={page} close={close} />}</Loaded>
    </section>
  );
}

function Status({ finding }: { finding: ShownFinding }) {
  const change = useChange('POST /api/findings/:id/status');
  const [reason, setReason] = useState('');
  const may = useMay('reviewer');
  const set = (status: 'confirmed' | 'dismissed' | 'open'): void => {
    if (!may) return;
    change.mutate({
      params: { id: finding.id },
      body: { status, author: personName(), ...(reason ? { reason } : {}) },
    });
  };
  useKeys({ c: () => set('confirmed'), x: () => set('dismissed'), o: () => set('open') });
  return (
    <>
      <div className="row">
        <Tag is={finding.status}>{STATUS[finding.status] ?? finding.status}</Tag>
        {finding.author ? (
          <small>
            by {printable(finding.author, 60)}
            {finding.reason ? `: ${printable(finding.reason, 300)}` : ''}
          </small>
        ) : null}
        {finding.replays > 0 ? (
          <small>
            {finding.reproduced} of {finding.replays} replays broke again
          </small>
        ) : null}
        {finding.duplicateOf ? (
          <Link to={addressWith('/findings', { id: finding.duplicateOf })}>a duplicate</Link>
        ) : null}
        {finding.source === 'temper' ? null : <Tag>{printable(finding.source, 40)}</Tag>}
      </div>
      <div className="row">
        <input
          className="grow"
          style={{ minWidth: 180 }}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
          placeholder="why (optional)"
          aria-label="Why"
          maxLength={2000}
        />
        {(['confirmed', 'dismissed', 'open'] as const)
          .filter((status) => status !== finding.status && !(status === 'open' && finding.status === 'fixed'))
          .map((status) => (
            <button
              key={status}
              type="button"
              disabled={!may || change.isPending}
              onClick={() => set(status)}
            >
              {{ confirmed: 'Confirm', dismissed: 'Dismiss', open: 'Open again' }[status]}{' '}
              <kbd>{{ confirmed: 'c', dismissed: 'x', open: 'o' }[status]}</kbd>
            </button>
          ))}
      </div>
      {finding.status === 'dismissed' ? <small>The next round takes it for no finding.</small> : null}
      {change.isError ? <Problem error={change.error} /> : null}
    </>
  );
}

export function Findings() {
  const [query, change] = useQueryState();
  const offset = useOffset();
  const { status, kind, category, attack, cluster, id } = query;
  const board = query['view'] === 'board';
  const filter = {
    status: status as 'open' | undefined,
    kind: kind as 'harm' | undefined,
    category,
    attack,
    cluster,
  };
  const findings = useApi('GET /api/findings', { query: { ...filter, offset, limit: PAGE } }, { keep: true });
  const list = findings.data?.findings ?? [];
  // One that is linked to is found wherever the filters are.
  const linked = useApi(
    'GET /api/findings',
    { query: { id: id ?? '' } },
    { enabled: id !== undefined && !list.some((each) => each.id === id) },
  );
  const selected =
    list.find((each) => each.id === id) ?? linked.data?.findings.find((each) => each.id === id);
  const move = (by: number): void => {
    const at = list.findIndex((each) => each.id === id);
    const next = list[Math.min(list.length - 1, Math.max(0, at + by))];
    if (next) change({ id: next.id });
  };
  useKeys({
    ...(board ? {} : { j: () => move(1), k: () => move(-1) }),
    Escape: () => change({ id: undefined }),
  });
  useEffect(() => {
    document.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
    if (board && id !== undefined)
      document.querySelector('.detail')?.scrollIntoView({ block: 'start', behavior: 'smooth' });
  }, [id, board, selected !== undefined]);
  return (
    <Page
      wide
      title="Findings"
      lead="Answers in which the target did harm, or refused what it should not. What you dismiss, the next round leaves out."
      actions={
        <>
          <span className="row" role="group" aria-label="Shown as" style={{ gap: 4 }}>
            <button type="button" aria-pressed={!board} onClick={() => change({ view: undefined })}>
              List
            </button>
            <button
              type="button"
              aria-pressed={board}
              onClick={() => change({ view: 'board', status: undefined, offset: undefined })}
            >
              Board
            </button>
          </span>
          <Link to="/console" className="button">
            Find one by hand
          </Link>
        </>
      }
    >
      <Loaded query={findings} lines={10}>
        {({ total, statuses, clusters }) =>
          clusters.length === 0 ? (
            <Empty title="No finding yet">
              <p>A run finds some, as does temper attack; you find your own in the red-team console.</p>
            </Empty>
          ) : (
            <>
              <div className="row" style={{ marginBottom: 10 }}>
                {(board ? [] : (['open', 'confirmed', 'fixed', 'regressed', 'dismissed'] as const))
                  .filter((each) => (statuses[each] ?? 0) > 0 || each === 'open' || status === each)
                  .map((each) => (
                    <button
                      key={each}
                      type="button"
                      aria-pressed={status === each}
                      onClick={() =>
                        change({ status: status === each ? undefined : each, offset: undefined })
                      }
                    >
                      {STATUS[each] ?? each} {number(statuses[each] ?? 0)}
                    </button>
                  ))}
                {(['harm', 'over-refusal'] as const).map((each) => (
                  <button
                    key={each}
                    type="button"
                    aria-pressed={kind === each}
                    onClick={() => change({ kind: kind === each ? undefined : each, offset: undefined })}
                  >
                    {words(each)}{' '}
                    {number(
                      clusters
                        .filter((cluster) => cluster.kind === each)
                        .reduce((sum, { count }) => sum + count, 0),
                    )}
                  </button>
                ))}
                {category ? (
                  <button
                    type="button"
                    title="Take this filter away"
                    onClick={() => change({ category: undefined, attack: undefined })}
                  >
                    {words(category)}
                    {attack ? `, ${attack}` : ''} ✕
                  </button>
                ) : null}
              </div>
              <Clusters
                clusters={clusters}
                chosen={cluster}
                choose={(name) => change({ cluster: name, id: undefined, offset: undefined })}
                open={list
                  .filter((each) => each.status === 'open' && !each.duplicateOf)
                  .map((each) => each.id)}
              />
              {board ? (
                <>
                  <Board
                    filter={{ kind: filter.kind, category, attack, cluster }}
                    selected={id}
                    open={(one) => change({ id: one }, true)}
                  />
                  {selected ? (
                    <Detail key={selected.id} finding={selected} close={() => change({ id: undefined })} />
                  ) : null}
                </>
              ) : (
                <div className={`split ${selected ? 'open' : ''}`}>
                  <div className="list" role="grid" aria-label="Findings" tabIndex={0}>
                    <div role="row" className="columns">
                      <span role="columnheader">status</span>
                      <span role="columnheader">category</span>
                      <span role="columnheader" className="optional">
                        request
                      </span>
                      <span role="columnheader" className="optional">
                        kind
                      </span>
                      <span role="columnheader">sev</span>
                    </div>
                    {list.map((finding) => (
                      <Row
                        key={finding.id}
                        finding={finding}
                        selected={finding.id === id}
                        open={() => change({ id: finding.id }, true)}
                      />
                    ))}
                    {list.length === 0 ? (
                      <div role="row" style={{ height: 38 }}>
                        <span role="gridcell">none</span>
                      </div>
                    ) : null}
                    <Pager total={total} size={PAGE} />
                  </div>
                  {selected ? (
                    <Detail key={selected.id} finding={selected} close={() => change({ id: undefined })} />
                  ) : null}
                </div>
              )}
            </>
          )
        }
      </Loaded>
    </Page>
  );
}

function Row({ finding, selected, open }: { finding: ShownFinding; selected: boolean; open: () => void }) {
  const { hidden } = useReveal(true, null);
  return (
    <div role="row" aria-selected={selected} style={{ height: 40 }} onClick={open}>
      <span role="gridcell">
        <Tag is={finding.status}>{STATUS[finding.status] ?? finding.status}</Tag>
      </span>
      <span role="gridcell">
        <a href={addressWith('/findings', { id: finding.id })} onClick={(event) => event.preventDefault()}>
          {words(finding.category)}
        </a>
        {finding.attack ? <small>, {finding.attack}</small> : null}{' '}
        {finding.byHand ? <Tag is="good">by hand</Tag> : null}
      </span>
      <span role="gridcell" className="optional">
        <span className={hidden ? 'blurred' : ''} aria-hidden={hidden || undefined}>
          {printable(finding.snippet, 160)}
        </span>
      </span>
      <span role="gridcell" className="optional">
        {words(finding.kind)}
      </span>
      <span role="gridcell">{finding.severity ?? '–'}</span>
    </div>
  );
}

type Clusters = Awaited<ReturnType<typeof call<'GET /api/findings'>>>['clusters'];

/** What asks for the same together, the most urgent first. */
function Clusters({
  clusters,
  chosen,
  choose,
  open,
}: {
  clusters: Clusters;
  chosen: string | undefined;
  choose: (name: string | undefined) => void;
  /** Findings in the list that nobody has looked at. */
  open: readonly string[];
}) {
  const [all, setAll] = useState(false);
  const shown = all ? clusters : clusters.slice(0, 8);
  const one = clusters.find(({ name }) => name === chosen);
  if (chosen !== undefined)
    return (
      <div className="card stack" style={{ marginBottom: 10 }}>
        <div className="row spread">
          <h2>{printable(chosen, 200)}</h2>
          <button type="button" onClick={() => choose(undefined)}>
            All clusters
          </button>
        </div>
        <small>
          {one
            ? `${one.count} findings${one.kind === 'harm' ? `, worst severity ${one.worst}` : ', refused without need'}, ${one.open} that nobody has looked at; by ${one.attacks.map(words).join(', ')}`
            : 'nothing is left in it'}
        </small>
        {open.length > 0 ? (
          <ReplayForm ids={open.slice(0, 50)} what={`the ${Math.min(50, open.length)} open ones`} />
        ) : null}
      </div>
    );
  return (
    <section aria-label="Clusters" style={{ marginBottom: 10 }}>
      <div className="row" style={{ maxHeight: 260, overflow: 'auto', gap: 6 }}>
        {shown.map((cluster) => (
          <button key={cluster.name} type="button" onClick={() => choose(cluster.name)}>
            {printable(cluster.name, 80)} <b>{number(cluster.count)}</b>{' '}
            <small>{cluster.kind === 'harm' ? `worst ${cluster.worst}` : 'refused'}</small>
          </button>
        ))}
        {clusters.length > shown.length || all ? (
          <button type="button" className="plain" onClick={() => setAll(!all)}>
            {all ? 'the most urgent alone' : `${number(clusters.length - shown.length)} more clusters`}
          </button>
        ) : null}
      </div>
    </section>
  );
}
