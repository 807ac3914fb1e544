/** Conversations: any number of them, by words and facets; beside the list the transcript, with the other arm. */
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import { type call, addressOf, useApi } from '../api.ts';
import { filterOf, type Order, orderOf, PAGE, pageOf } from '../conversation-query.ts';
import { useKeys } from '../keys.ts';
import { usePerson } from '../person.ts';
import { navigate, type Query, useQueryState } from '../router.tsx';
import { Empty, Loaded, number, Page, Problem, short, Tag, words } from '../ui/parts.tsx';
import { Transcript } from '../ui/transcript.tsx';
import { printable } from '../../../src/core/limits.ts';

const HEIGHT = 38;

/** Facets that are shown, with their names; the rest is in the address alone. */
const SHOWN = [
  ['kind', 'kind'],
  ['outcome', 'verdict'],
  ['category', 'category'],
  ['attack', 'attack'],
  ['turns', 'turns'],
  ['harmTurn', 'first harmful turn'],
  ['row', 'row of the scorecard'],
  ['split', 'split'],
  ['language', 'language'],
  ['disagree', 'judges'],
  ['judge', 'judge'],
  ['suite', 'suite'],
] as const;

const NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  disagree: { '0': 'agree, or one', '1': 'disagree' },
};

const LANGUAGE = new Intl.DisplayNames(['en'], { type: 'language' });

/** A value of a facet as people say it. */
function valueName(facet: string, value: string): string {
  if (facet !== 'language') return NAMES[facet]?.[value] ?? (words(value) || 'none');
  // Where the language cannot be told, its script can.
  return /^[a-z]{2,3}$/.test(value)
    ? (LANGUAGE.of(value) ?? value)
    : value === 'none'
      ? value
      : `${value} script`;
}

function Facets({
  filter,
  change,
  wait,
}: {
  filter: Query;
  change: (part: Record<string, string | undefined>) => void;
  /** The rows come first. */
  wait: boolean;
}) {
  const facets = useApi('GET /api/conversations/facets', { query: filter }, { keep: true, enabled: !wait });
  const [open, setOpen] = useState<Readonly<Record<string, boolean>>>({});
  if (facets.isError) return <Problem error={facets.error} retry={() => void facets.refetch()} />;
  return (
    <>
      {SHOWN.map(([facet, title]) => {
        const values = facets.data?.facets[facet] ?? [];
        const chosen = filter[facet] === undefined ? [] : filter[facet].split('|');
        if (values.length < 2 && chosen.length === 0) return null;
        const missing = chosen
          .filter((each) => !values.some(([value]) => value === each))
          .map((each): [string, number] => [each, 0]);
        const all = [...values, ...missing];
        const most = open[facet] ? all.length : 7;
        const listed = all.filter(([value], i) => i < most || chosen.includes(value));
        return (
          <fieldset key={facet}>
            <legend>{title}</legend>
            {listed.map(([value, count]) => (
              <label key={value}>
                <input
                  type="checkbox"
                  checked={chosen.includes(value)}
                  onChange={() => {
                    const next = chosen.includes(value)
                      ? chosen.filter((each) => each !== value)
                      : [...chosen, value];
                    change({ [facet]: next.length === 0 ? undefined : next.join('|') });
                  }}
                />
                <span>{printable(valueName(facet, value), 60)}</span>
                <output>{number(count)}</output>
              </label>
            ))}
            {all.length > listed.length || open[facet] ? (
              <button
                type="button"
                className="plain"
                onClick={() => setOpen({ ...open, [facet]: !open[facet] })}
              >
                {open[facet] ? 'fewer' : `${all.length - listed.length} more`}
              </button>
            ) : null}
          </fieldset>
        );
      })}
    </>
  );
}

type Item = Awaited<ReturnType<typeof call<'GET /api/conversations'>>>['items'][number];

const COLUMNS = [
  ['outcome', 'verdict', ''],
  ['key', 'test case', ''],
  ['place', 'request', 'optional'],
  ['attack', 'attack', 'optional'],
  ['severity', 'sev', ''],
] as const;

/** Rows in a window over all of them: their pages are asked for as they come into view. */
function List({
  filter,
  order,
  change,
  selected,
  open,
  search,
}: {
  filter: Query;
  order: Order;
  change: (part: Record<string, string | undefined>) => void;
  selected: string | undefined;
  open: (id: string | undefined, push?: boolean) => void;
  search: RefObject<HTMLInputElement | null>;
}) {
  const { revealAll } = usePerson();
  const { sort, descending } = order;
  const scroller = useRef<HTMLDivElement>(null);
  const [total, setTotal] = useState<number | null>(null);
  const rows = useVirtualizer({
    count: total ?? 0,
    getScrollElement: () => scroller.current,
    estimateSize: () => HEIGHT,
    overscan: 12,
    scrollMargin: 32,
  });
  const items = rows.getVirtualItems();
  const first = Math.floor((items[0]?.index ?? 0) / PAGE);
  const last = Math.floor((items.at(-1)?.index ?? 0) / PAGE);
  const pages = useQueries({
    queries: Array.from({ length: last - first + 1 }, (_, i) => pageOf(filter, order, (first + i) * PAGE)),
  });
  const failed = pages.find((page) => page.isError);
  const known = pages.find((page) => page.data)?.data;
  useEffect(() => {
    if (known) setTotal(known.total);
  }, [known]);
  const key = JSON.stringify([filter, sort, descending]);
  useEffect(() => {
    scroller.current?.scrollTo(0, 0);
  }, [key]);
  const at = (index: number): Item | undefined =>
    pages[Math.floor(index / PAGE) - first]?.data?.items[index % PAGE];
  const place = items.find(({ index }) => at(index)?.id === selected)?.index ?? -1;
  const move = (by: number): void => {
    const next = Math.min(
      (total ?? 1) - 1,
      Math.max(0, place < 0 ? (by > 0 ? (items[0]?.index ?? 0) : 0) : place + by),
    );
    rows.scrollToIndex(next);
    const item = at(next);
    if (item) open(item.id);
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Escape: () => open(undefined),
    '/': () => search.current?.focus(),
  });
  if (failed) return <Problem error={failed.error} retry={() => void failed.refetch()} />;
  if (total === 0 && known)
    return known.indexing.done < known.indexing.total ? (
      <Empty title="The store is being read">
        <p>
          {number(known.indexing.done)} of {number(known.indexing.total)} conversations
        </p>
      </Empty>
    ) : (
      <Empty title="No conversation matches">
        <p>
          {Object.keys(filter).length === 0
            ? 'This store has none yet: a run brings them, as do temper eval and temper attack.'
            : 'Take filters away, or search for fewer words.'}
        </p>
      </Empty>
    );
  return (
    <div
      className="list"
      ref={scroller}
      role="grid"
      aria-label="Conversations"
      aria-rowcount={(total ?? 0) + 1}
      tabIndex={0}
    >
      <div role="row" className="columns" aria-rowindex={1}>
        {COLUMNS.map(([name, title, className]) => (
          <span
            key={name}
            role="columnheader"
            className={className}
            aria-sort={sort === name ? (descending ? 'descending' : 'ascending') : 'none'}
          >
            <button
              type="button"
              data-on={sort === name}
              onClick={() => change({ sort: name, down: sort === name && descending ? 'no' : undefined })}
            >
              {title}
              {sort === name ? (descending ? ' ↓' : ' ↑') : ''}
            </button>
          </span>
        ))}
      </div>
      <div role="rowgroup" style={{ height: rows.getTotalSize() - 32, position: 'relative' }}>
        {items.map(({ index, start }) => {
          const item = at(index);
          const style = {
            position: 'absolute',
            top: 0,
            left: 0,
            height: HEIGHT,
            transform: `translateY(${start - 32}px)`,
          } as const;
          if (!item)
            return (
              <div key={index} role="row" aria-rowindex={index + 2} style={style}>
                <span role="gridcell" className="soft">
                  …
                </span>
              </div>
            );
          const blurred = item.kind === 'adversarial' && !revealAll;
          return (
            <div
              key={index}
              role="row"
              aria-rowindex={index + 2}
              aria-selected={item.id === selected}
              style={style}
              onClick={() => open(item.id, true)}
            >
              <span role="gridcell">
                <Tag is={item.outcome}>{item.outcome}</Tag>
              </span>
              <span role="gridcell">
                <a
                  href={addressOf(location.pathname, {}, { ...filter, id: item.id })}
                  onClick={(event) => {
                    if (event.metaKey || event.ctrlKey) return;
                    event.preventDefault();
                  }}
                >
                  {printable(item.key, 120)}
                </a>
              </span>
              <span role="gridcell" className="optional">
                <span className={blurred ? 'blurred' : ''} aria-hidden={blurred || undefined}>
                  {printable(item.snippet, 160)}
                </span>
              </span>
              <span role="gridcell" className="optional soft">
                {item.attack}
              </span>
              <span role="gridcell">{item.severity ?? '–'}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Chosen({
  filter,
  change,
}: {
  filter: Query;
  change: (part: Record<string, string | undefined>) => void;
}) {
  const parts = Object.entries(filter).filter(([name]) => name !== 'text');
  if (parts.length === 0) return null;
  const name = (key: string, value: string): string =>
    key === 'run'
      ? `run ${short(value)}`
      : key === 'severity'
        ? `severity ${value} or more`
        : `${SHOWN.find(([facet]) => facet === key)?.[1] ?? key}: ${value
            .split('|')
            .map((each) => valueName(key, each).replace(/^verify: /, ''))
            .join(' or ')}`;
  return (
    <div className="row" style={{ marginBottom: 10 }}>
      {parts.map(([key, value]) => (
        <button
          key={key}
          type="button"
          title="Take this filter away"
          onClick={() => change({ [key]: undefined, ...(key === 'run' ? { arm: undefined } : {}) })}
        >
          {name(key, value)} ✕
        </button>
      ))}
      <button
        type="button"
        className="plain"
        onClick={() => change(Object.fromEntries(Object.keys(filter).map((key) => [key, undefined])))}
      >
        take all away
      </button>
    </div>
  );
}

export function Conversations() {
  const [query, change] = useQueryState();
  const filter = useMemo(() => filterOf(query), [query]);
  const [text, setText] = useState(filter['text'] ?? '');
  const [facets, setFacets] = useState(window.innerWidth > 860);
  const search = useRef<HTMLInputElement>(null);
  const order = useMemo(() => orderOf(query), [query]);
  const counted = useQuery({ ...pageOf(filter, order, 0), placeholderData: keepPreviousData });
  useEffect(() => setText(filter['text'] ?? ''), [filter]);
  useEffect(() => {
    if (text === (filter['text'] ?? '')) return;
    const timer = setTimeout(() => change({ text: text || undefined }), 150);
    return () => clearTimeout(timer);
    // oxlint-disable-next-line react/exhaustive-deps -- waits for the writer alone
  }, [text]);
  const id = query['id'];
  const open = (next: string | undefined, push = false): void =>
    navigate(addressOf(location.pathname, {}, { ...query, id: next }), { replace: !push });
  const { total, indexing } = counted.data ?? { total: null, indexing: null };
  return (
    <Page
      wide
      title="Conversations"
      lead={
        total === null ? (
          'counting …'
        ) : (
          <>
            <span role="status">{number(total)} found</span>
            {indexing && indexing.done < indexing.total
              ? `; reading the store, ${number(indexing.done)} of ${number(indexing.total)}`
              : ''}
          </>
        )
      }
      actions={
        <a
          className="button"
          href={addressOf('/api/conversations/export', {}, filter)}
          title="At most 10,000, without their texts: to share what was counted"
        >
          Export, texts left out
        </a>
      }
    >
      <div className="row" style={{ marginBottom: 10 }}>
        <div className="grow">
          <input
            ref={search}
            type="search"
            value={text}
            onChange={(event) => setText(event.target.value)}
            placeholder="search all words of requests and answers ( / )"
            aria-label="Search the texts"
          />
        </div>
        <button type="button" aria-expanded={facets} onClick={() => setFacets(!facets)}>
          Filters
        </button>
      </div>
      <Chosen filter={filter} change={change} />
      <div className={facets ? 'browser' : ''}>
        {facets ? (
          <div className="facets" role="search" aria-label="Filters">
            <Facets filter={filter} change={change} wait={counted.isPending || counted.isPlaceholderData} />
          </div>
        ) : null}
        <div className={`split ${id ? 'open' : ''}`}>
          <List filter={filter} order={order} change={change} selected={id} open={open} search={search} />
          {id ? <Detail id={id} close={() => open(undefined)} /> : null}
        </div>
      </div>
    </Page>
  );
}

function Detail({ id, close }: { id: string; close: () => void }) {
  const conversation = useApi('GET /api/conversations/:id', { params: { id } }, { keep: true });
  return (
    <section className="detail" aria-label="Conversation" tabIndex={0}>
      <Loaded query={conversation}>
        {(page) => <Transcript key={page.asked.conversation.id} page={page} close={close} />}
      </Loaded>
    </section>
  );
}
