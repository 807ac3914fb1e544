/** Curated examples: what an adapter learns from, where each comes from, and what people decide about it. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { type call, useApi, useChange } from '../api.ts';
import { useKeys } from '../keys.ts';
import { useMay } from '../me.tsx';
import { personName } from '../person.ts';
import { Link, useQueryState } from '../router.tsx';
import { Chart, type Plot } from '../ui/chart.tsx';
import { changedWords } from '../ui/diff.ts';
import {
  Empty,
  Loaded,
  Loading,
  number,
  Page,
  Pager,
  Problem,
  short,
  Tag,
  useOffset,
  when,
  words,
} from '../ui/parts.tsx';
import { Untrusted, useReveal } from '../ui/untrusted.tsx';
import { printable } from '../../../src/core/limits.ts';
import type { ShownExample } from '../../../src/server/routes/data.ts';

const PAGE = 30;

const SOURCES: Readonly<Record<string, string>> = {
  finding: 'the target did harm here',
  unrefused: 'neither declined nor harmful',
  declined: 'the target declined by itself',
  augmentation: 'a dev request that was not run',
  'look-alike': 'a benign request, answered well',
  'over-refusal': 'a benign request, refused by mistake',
  general: 'an everyday request, answered well',
  import: 'from a file',
};

const textOf = (messages: readonly { content: string }[]): string =>
  messages.map(({ content }) => content).join('\n');

function Lineage({ example }: { example: ShownExample['example'] }) {
  const { lineage } = example;
  return (
    <small>
      {lineage.source}: {SOURCES[lineage.source] ?? ''}
      {lineage.finding ? (
        <>
          ; <Link to={`/findings?id=${lineage.finding}`}>finding {short(lineage.finding)}</Link>
        </>
      ) : null}
      {lineage.conversation ? (
        <>
          ;{' '}
          <Link to={`/conversations?id=${lineage.conversation}`}>
            conversation {short(lineage.conversation)}
          </Link>
        </>
      ) : null}
      {lineage.file ? `; ${printable(lineage.file, 80)}, row ${lineage.row ?? ''}` : null}; chosen by{' '}
      {lineage.chosenBy}, rejected by {lineage.rejectedBy}
      {lineage.edits ? `; edited from ${short(lineage.edits)}` : ''}
    </small>
  );
}

function Versions({ id }: { id: string }) {
  const versions = useApi('GET /api/examples/:id/versions', { params: { id } });
  return (
    <Loaded query={versions} lines={2}>
      {({ versions: all }) => (
        <ol className="trail">
          {all.map((note) => (
            <li key={note.id}>
              {when(note.created)}, {printable(note.author, 80)}:{' '}
              <Tag is={note.record.decision}>{note.record.decision}</Tag>
              {note.record.reason ? ` ${printable(note.record.reason, 300)}` : ''}
            </li>
          ))}
        </ol>
      )}
    </Loaded>
  );
}

function Card({
  shown,
  current,
  scroll,
  focus,
}: {
  shown: ShownExample;
  current: boolean;
  /** Whether keys move through the list, which follows them. */
  scroll: boolean;
  focus: () => void;
}) {
  const { example, review, versions } = shown;
  const decide = useChange('POST /api/examples/:id/review');
  const may = useMay('reviewer');
  const [editing, setEditing] = useState(false);
  const edit = review?.decision === 'edit' ? review : null;
  const [chosen, setChosen] = useState('');
  const [rejected, setRejected] = useState('');
  const [reason, setReason] = useState('');
  const { hidden, button } = useReveal(example.purpose === 'harm');
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    if (current && scroll) box.current?.scrollIntoView({ block: 'nearest' });
  }, [current, scroll]);
  const made = { chosen: textOf(example.chosen), rejected: textOf(example.rejected) };
  const shownTexts = edit ?? made;
  const marks = shownTexts.rejected === '' ? null : changedWords(shownTexts.chosen, shownTexts.rejected);
  const send = (decision: 'accept' | 'reject' | 'undecided' | 'edit'): void => {
    const review =
      decision === 'edit'
        ? { decision, chosen, rejected, ...(reason ? { reason } : {}) }
        : { decision, ...(reason ? { reason } : {}) };
    decide.mutate(
      { params: { id: example.id }, body: { review, author: personName() } },
      { onSuccess: () => setEditing(false) },
    );
  };
  const begin = (): void => {
    setChosen(shownTexts.chosen);
    setRejected(shownTexts.rejected);
    setEditing(true);
  };
  useKeys(
    current && may
      ? { a: () => send('accept'), r: () => send('reject'), e: begin, Escape: () => setEditing(false) }
      : {},
  );
  const system = example.prompt.filter(({ role }) => role === 'system');
  return (
    <article
      ref={box}
      className="card"
      aria-label={`Example ${short(example.id)}`}
      aria-current={current || undefined}
      style={current ? { outline: '2px solid var(--accent)' } : {}}
      onClick={focus}
    >
      <div className="row spread">
        <div className="row">
          <Tag>{words(example.category)}</Tag>
          <Tag>
            {example.purpose === 'harm'
              ? 'teaches to decline'
              : example.purpose === 'benign'
                ? 'teaches to answer'
                : 'keeps it helpful'}
          </Tag>
          {review ? (
            <Tag is={review.decision}>
              {{ accept: 'accepted', reject: 'rejected', edit: 'edited', undecided: '' }[review.decision]} by{' '}
              {printable(review.author, 40)}
            </Tag>
          ) : null}
        </div>
        <div className="row">
          {button}
          <button
            type="button"
            onClick={() => send(review?.decision === 'accept' ? 'undecided' : 'accept')}
            aria-pressed={review?.decision === 'accept'}
            disabled={!may || decide.isPending}
          >
            Accept
          </button>
          <button
            type="button"
            onClick={() => (editing ? setEditing(false) : begin())}
            disabled={!may}
            aria-expanded={editing}
            aria-pressed={review?.decision === 'edit'}
          >
            Edit
          </button>
          <button
            type="button"
            className="danger"
            onClick={() => send(review?.decision === 'reject' ? 'undecided' : 'reject')}
            aria-pressed={review?.decision === 'reject'}
            disabled={!may || decide.isPending}
          >
            Reject
          </button>
        </div>
      </div>
      {system.length > 0 ? <p className="soft">system: {printable(textOf(system), 300)}</p> : null}
      {example.prompt
        .filter(({ role }) => role !== 'system')
        .map((message, i) => (
          <div key={i} className="said">
            <b>{message.role === 'user' ? 'user' : 'target'}</b>
            <Untrusted text={message.content} hidden={hidden} />
          </div>
        ))}
      {editing ? (
        <form
          className="stack"
          style={{ marginTop: 10 }}
          onSubmit={(event) => {
            event.preventDefault();
            send('edit');
          }}
        >
          <div className="arms">
            <label className="field">
              chosen
              <textarea
                rows={7}
                value={chosen}
                onChange={(event) => setChosen(event.target.value)}
                required
                maxLength={20000}
                autoFocus
              />
            </label>
            <label className="field">
              rejected (empty: for SFT alone)
              <textarea
                rows={7}
                value={rejected}
                onChange={(event) => setRejected(event.target.value)}
                maxLength={20000}
              />
            </label>
          </div>
          <label className="field">
            why (optional)
            <input value={reason} onChange={(event) => setReason(event.target.value)} maxLength={2000} />
          </label>
          <div className="row">
            <button type="submit" className="primary" disabled={decide.isPending || chosen.trim() === ''}>
              Keep as a new version
            </button>
            <button type="button" onClick={() => setEditing(false)}>
              Cancel
            </button>
            <small>The next round trains on it, unless the firewall finds a sealed text in it.</small>
          </div>
        </form>
      ) : (
        <div className="arms">
          <div className="said target after">
            <b>chosen{edit ? ', as edited' : ''}</b>
            <Untrusted text={shownTexts.chosen} marks={marks?.before} hidden={hidden} />
          </div>
          <div className="said target before">
            <b>rejected{edit ? ', as edited' : ''}</b>
            {shownTexts.rejected === '' ? (
              <small>none: it serves SFT alone</small>
            ) : (
              <Untrusted text={shownTexts.rejected} marks={marks?.after} hidden={hidden} />
            )}
          </div>
        </div>
      )}
      <div style={{ marginTop: 8 }}>
        <Lineage example={example} />
      </div>
      {versions > 0 ? (
        <details>
          <summary>
            {versions} decision{versions > 1 ? 's' : ''}
          </summary>
          <Versions id={example.lineage.edits ?? example.id} />
        </details>
      ) : null}
      {decide.isError ? <Problem error={decide.error} /> : null}
    </article>
  );
}

const COLOUR = {
  domain: ['harm', 'benign', 'general'],
  range: ['var(--before)', 'var(--after)', 'var(--soft)'],
};

function Balance({ balance }: { balance: readonly { category: string; purpose: string; count: number }[] }) {
  const draw = useCallback(
    (plot: Plot) => ({
      marginLeft: 170,
      marginTop: 24,
      x: { label: 'examples', axis: 'top' as const, grid: true },
      y: { label: null, tickFormat: words },
      color: COLOUR,
      marks: [
        plot.barX(balance, {
          x: 'count',
          y: 'category',
          fill: 'purpose',
          sort: { y: '-x', reduce: 'sum' },
          insetTop: 1,
          insetBottom: 1,
        }),
        plot.tip(
          balance,
          plot.pointerY({
            x: 'count',
            y: 'category',
            title: (each: { category: string; purpose: string; count: number }) =>
              `${words(each.category)}: ${each.count} ${each.purpose}`,
          }),
        ),
      ],
    }),
    [balance],
  );
  const lines = new Set(balance.map(({ category }) => category)).size;
  return (
    <Chart
      label="Examples by category and purpose"
      draw={draw}
      height={40 + lines * 17}
      caption={
        <>
          Examples by category: <span className="before">decline</span>, <span className="after">answer</span>
          , everyday.
        </>
      }
    />
  );
}

/** Of each source how many examples, and what they teach. */
function Mix({ mix }: { mix: readonly { source: string; purpose: string; count: number }[] }) {
  const draw = useCallback(
    (plot: Plot) => ({
      marginLeft: 100,
      marginTop: 24,
      x: { label: 'examples', axis: 'top' as const, grid: true },
      y: { label: null },
      color: COLOUR,
      marks: [
        plot.barX(mix, {
          x: 'count',
          y: 'source',
          fill: 'purpose',
          sort: { y: '-x', reduce: 'sum' },
          insetTop: 2,
          insetBottom: 2,
        }),
        plot.text(mix, plot.stackX({ x: 'count', y: 'source', text: 'count', fill: 'var(--card)' })),
      ],
    }),
    [mix],
  );
  const sources = new Set(mix.map(({ source }) => source));
  const all = mix.reduce((sum, { count }) => sum + count, 0);
  const share = (purpose: string): string => {
    const own = mix.reduce((sum, each) => sum + (each.purpose === purpose ? each.count : 0), 0);
    return `${number(own)} (${Math.round((100 * own) / Math.max(1, all))} %)`;
  };
  return (
    <Chart
      label="Examples by source and purpose"
      draw={draw}
      height={40 + sources.size * 26}
      caption={
        <>
          Examples by source: <span className="before">to decline {share('harm')}</span>,{' '}
          <span className="after">to answer {share('benign')}</span>, everyday {share('general')}.
        </>
      }
    />
  );
}

type Dataset = Awaited<ReturnType<typeof call<'GET /api/datasets/:id'>>>;

/** Why an example was held back, in a word. */
const REASONS = [
  ['person', 'rejected by people', /^rejected by/],
  ['sealed', 'guarded text', /sealed|held-out|guarded|holds \d|words in a row/],
  ['duplicate', 'duplicates', /duplicate/],
] as const;
const OTHER = ['other', 'other reasons, as personal data'] as const;
const reasonOf = (reason: string): string => REASONS.find(([, , is]) => is.test(reason))?.[0] ?? OTHER[0];

/** What was held back from training, and of which conversations nothing was learnt. */
function Quarantine({ removed, left }: Pick<Dataset, 'removed' | 'left'>) {
  const [chosen, setChosen] = useState<string | null>(null);
  const { hidden, button } = useReveal(removed.some(({ request }) => request !== undefined));
  const groups = Map.groupBy(removed, ({ reason }) => reasonOf(reason));
  const shown = chosen === null ? removed : (groups.get(chosen) ?? []);
  return (
    <>
      <div className="row" style={{ margin: '8px 0' }}>
        {[...REASONS, OTHER].flatMap(([name, title]) =>
          groups.has(name)
            ? [
                <button
                  key={name}
                  type="button"
                  aria-pressed={chosen === name}
                  onClick={() => setChosen(chosen === name ? null : name)}
                >
                  {title} {number(groups.get(name)!.length)}
                </button>,
              ]
            : [],
        )}
        {button}
      </div>
      <ul className="lineage quarantine" tabIndex={0} aria-label="Examples held back">
        {shown.map((each, i) => (
          <li key={i}>
            {each.request === undefined ? (
              <code>{short(each.example)}</code>
            ) : (
              <Untrusted text={each.request} hidden={hidden} />
            )}
            <small>
              {printable(each.reason, 200)} ({printable(each.like, 80)})
            </small>
          </li>
        ))}
      </ul>
      {left.length > 0 ? (
        <>
          <h3 style={{ marginTop: 12 }}>Conversations of which nothing was learnt</h3>
          {left.map(({ reason, count, conversations }) => (
            <details key={reason}>
              <summary>
                {number(count)}: {printable(reason, 200)}
              </summary>
              <div className="row" style={{ gap: 8 }}>
                {conversations.map((id) => (
                  <Link key={id} to={`/conversations?id=${id}`}>
                    {short(id)}
                  </Link>
                ))}
                {count > conversations.length ? (
                  <small>and {number(count - conversations.length)} more</small>
                ) : null}
              </div>
            </details>
          ))}
        </>
      ) : null}
    </>
  );
}

/** Findings named in one line; more stand under Findings. */
const NAMED = 12;

/** What of all that people did the next run takes up: the examples below are of the runs before. */
function NextRun() {
  const people = useApi('GET /api/people');
  const { data } = people;
  if (people.isError) return <Problem error={people.error} retry={() => void people.refetch()} />;
  if (!data) return null;
  const harm = data.byHand.filter(({ kind }) => kind === 'harm');
  const counted = (n: number, what: string): string => `${number(n)} ${what}${n === 1 ? '' : 's'}`;
  const left = [
    ...(data.rejected > 0 ? [`${counted(data.rejected, 'example')} that people rejected`] : []),
    ...(data.dismissed > 0 ? [`${counted(data.dismissed, 'finding')} that they dismissed`] : []),
  ];
  return (
    <section className="card" aria-label="The next run">
      <div className="row spread">
        <h2>The next run</h2>
        <Link to="/runs?start=yes" className="button">
          Start it
        </Link>
      </div>
      {harm.length + data.edited + left.length === 0 ? (
        <p className="soft">
          Nobody has decided anything yet. It trains on what you edit here and on findings that you make in
          the <Link to="/console">red-team console</Link>; it leaves out what you reject or dismiss.
        </p>
      ) : (
        <ul style={{ margin: '6px 0 0', paddingLeft: 18 }}>
          {harm.length > 0 ? (
            <li>
              learns from {counted(harm.length, 'finding')} made by hand:{' '}
              {harm.slice(0, NAMED).map(({ id, category, severity }, i) => (
                <span key={id}>
                  {i > 0 ? ', ' : ''}
                  <Link to={`/findings?id=${id}`}>{words(category)}</Link>
                  {severity === null ? '' : ` (severity ${severity})`}
                </span>
              ))}
              {harm.length > NAMED ? (
                <>
                  , <Link to="/findings?status=confirmed">and more</Link>
                </>
              ) : null}
            </li>
          ) : null}
          {data.edited > 0 ? <li>trains on {counted(data.edited, 'example')} as edited</li> : null}
          {left.length > 0 ? <li>leaves out {left.join(' and ')}</li> : null}
        </ul>
      )}
    </section>
  );
}

export function Data() {
  const datasets = useApi('GET /api/datasets');
  const [query, change] = useQueryState();
  const id = query['dataset'] ?? datasets.data?.datasets[0]?.id;
  const [text, setText] = useState(query['text'] ?? '');
  const [current, setCurrent] = useState(0);
  const [keyed, setKeyed] = useState(false);
  const move = (to: number): void => {
    setKeyed(true);
    setCurrent(to);
  };
  const offset = useOffset();
  const { purpose, source, category, decision, finding } = query;
  const filter = {
    purpose,
    source,
    category,
    decision: decision as 'edit' | undefined,
    text: query['text'],
    finding,
    offset,
    limit: PAGE,
  };
  const page = useApi(
    'GET /api/datasets/:id',
    { params: { id: id ?? '' }, query: filter },
    { enabled: id !== undefined, keep: true },
  );
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (text === (query['text'] ?? '')) return;
    const timer = setTimeout(() => change({ text: text || undefined, offset: undefined }), 250);
    return () => clearTimeout(timer);
    // oxlint-disable-next-line react/exhaustive-deps -- waits for the writer alone
  }, [text]);
  const most = (page.data?.examples.length ?? 1) - 1;
  useKeys({
    j: () => move(Math.min(most, current + 1)),
    k: () => move(Math.max(0, current - 1)),
    '/': () => search.current?.focus(),
  });
  const choice = (name: string, label: string, options: readonly (readonly [string, string])[]) => (
    <label className="field">
      {label}
      <select
        value={query[name] ?? ''}
        onChange={(event) => change({ [name]: event.target.value || undefined, offset: undefined })}
      >
        <option value="">any</option>
        {options.map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
  if (datasets.isError)
    return (
      <Page title="Data">
        <Problem error={datasets.error} retry={() => void datasets.refetch()} />
      </Page>
    );
  if (!datasets.data)
    return (
      <Page title="Data">
        <Loading lines={8} />
      </Page>
    );
  if (id === undefined)
    return (
      <Page title="Data">
        <Empty title="No dataset yet">
          <p>A run curates one from what broke; so does temper curate.</p>
        </Empty>
      </Page>
    );
  return (
    <Page
      title="Data"
      lead="What the fix is trained on. What you accept, edit or reject here, the next run respects: it is a new round then."
      actions={
        datasets.data.datasets.length > 1 ? (
          <label className="field">
            dataset
            <select
              value={id}
              onChange={(event) => change({ dataset: event.target.value, offset: undefined }, true)}
            >
              {datasets.data.datasets.map((each) => (
                <option key={each.id} value={each.id}>
                  {short(each.id)}, {each.examples} examples
                </option>
              ))}
            </select>
          </label>
        ) : null
      }
    >
      <Loaded query={page} lines={10}>
        {({ total, all, examples, removed, left, balance, sources, mix, decisions }) => (
          <>
            <NextRun />
            <section className="card">
              <div className="row">
                {Object.entries(sources).map(([name, count]) => (
                  <button
                    key={name}
                    type="button"
                    aria-pressed={source === name}
                    title={SOURCES[name]}
                    onClick={() => change({ source: source === name ? undefined : name, offset: undefined })}
                  >
                    {name} {number(count)}
                  </button>
                ))}
              </div>
              <div className="cards" style={{ marginTop: 8 }}>
                <details>
                  <summary>Mix and balance</summary>
                  <Mix mix={mix} />
                  <Balance balance={balance} />
                </details>
                <details>
                  <summary>Quarantine: {number(removed.length)} held back</summary>
                  <Quarantine removed={removed} left={left} />
                </details>
              </div>
            </section>
            <div className="row end" style={{ marginBottom: 12 }}>
              <label className="field grow">
                search
                <input
                  ref={search}
                  type="search"
                  value={text}
                  onChange={(event) => setText(event.target.value)}
                  placeholder="words of request or answers ( / )"
                />
              </label>
              {choice('purpose', 'teaches', [
                ['harm', 'to decline'],
                ['benign', 'to answer'],
                ['general', 'to stay helpful'],
              ])}
              {choice(
                'category',
                'category',
                [...new Set(balance.map((each) => each.category))]
                  .sort()
                  .map((each) => [each, words(each)] as const),
              )}
              {choice('decision', 'decision', [
                ['undecided', `none (${decisions['undecided'] ?? 0})`],
                ['accept', `accepted (${decisions['accept'] ?? 0})`],
                ['edit', `edited (${decisions['edit'] ?? 0})`],
                ['reject', `rejected (${decisions['reject'] ?? 0})`],
              ])}
            </div>
            <p className="soft" role="status">
              {number(total)} of {number(all)} examples. <kbd>j</kbd> <kbd>k</kbd> move, <kbd>a</kbd> accept,{' '}
              <kbd>e</kbd> edit, <kbd>r</kbd> reject.
              {finding ? (
                <>
                  {' '}
                  Those that answer <Link to={`/findings?id=${finding}`}>finding {short(finding)}</Link>.
                </>
              ) : null}
            </p>
            {examples.length === 0 ? (
              <Empty title="No example matches">
                <button
                  type="button"
                  onClick={() =>
                    change({
                      purpose: undefined,
                      source: undefined,
                      category: undefined,
                      decision: undefined,
                      text: undefined,
                      finding: undefined,
                    })
                  }
                >
                  Take the filters away
                </button>
              </Empty>
            ) : null}
            {examples.map((shown, i) => (
              <Card
                key={shown.example.id}
                shown={shown}
                current={i === current}
                scroll={keyed}
                focus={() => {
                  setKeyed(false);
                  setCurrent(i);
                }}
              />
            ))}
            <Pager total={total} size={PAGE} />
          </>
        )}
      </Loaded>
    </Page>
  );
}
