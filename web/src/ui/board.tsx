/** Findings as cards in columns by status, the most urgent first; moved by mouse or keys. */
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { useApi, useChange } from '../api.ts';
import { useMay } from '../me.tsx';
import { personName } from '../person.ts';
import { addressWith, Link } from '../router.tsx';
import { Loading, number, Problem, Tag, words } from './parts.tsx';
import { useReveal } from './untrusted.tsx';
import { printable } from '../../../src/core/limits.ts';
import type { ShownFinding } from '../../../src/server/routes/findings.ts';

const COLUMNS = ['open', 'confirmed', 'fixed', 'regressed', 'dismissed'] as const;
type Column = (typeof COLUMNS)[number];
type Decided = 'open' | 'confirmed' | 'dismissed';

const TITLES: Readonly<Record<Column, string>> = {
  open: 'new',
  confirmed: 'confirmed',
  fixed: 'fixed',
  regressed: 'regressed',
  dismissed: 'dismissed',
};
const EMPTY: Readonly<Record<Column, string>> = {
  open: 'Nothing waits.',
  confirmed: 'Nothing is confirmed.',
  fixed: 'Replays without harm bring a confirmed one here.',
  regressed: 'A fixed one that breaks again comes here.',
  dismissed: 'Nothing is dismissed.',
};

/** What a person may decide; whether it is fixed, replays say. */
const decides = (column: Column): column is Decided => column !== 'fixed' && column !== 'regressed';

const MOST = 30;

interface Moved {
  readonly finding: ShownFinding;
  readonly to: Column;
}

export interface BoardFilter {
  readonly kind: 'harm' | 'over-refusal' | undefined;
  readonly category: string | undefined;
  readonly attack: string | undefined;
  readonly cluster: string | undefined;
}

function useColumn(status: Column, filter: BoardFilter) {
  return useApi(
    'GET /api/findings',
    { query: { ...filter, status, sort: 'priority', duplicates: false, limit: MOST } },
    { keep: true },
  );
}

export function Board({
  filter,
  selected,
  open,
}: {
  filter: BoardFilter;
  selected: string | undefined;
  open: (id: string) => void;
}) {
  // As many questions as columns, always in the same order.
  const columns = {
    open: useColumn('open', filter),
    confirmed: useColumn('confirmed', filter),
    fixed: useColumn('fixed', filter),
    regressed: useColumn('regressed', filter),
    dismissed: useColumn('dismissed', filter),
  };
  const change = useChange('POST /api/findings/:id/status');
  const may = useMay('reviewer');
  const [held, setHeld] = useState<ShownFinding | null>(null);
  const [over, setOver] = useState<Column | null>(null);
  const [moved, setMoved] = useState<Moved | null>(null);
  const board = useRef<HTMLDivElement>(null);
  /** Where the focus goes when the cards have moved. */
  const next = useRef<{ column: Column; at: number } | null>(null);

  const cards = (column: Column): HTMLElement[] => [
    ...(board.current?.querySelectorAll<HTMLElement>(`[data-column="${column}"] [data-card]`) ?? []),
  ];
  const focus = (column: Column, at: number): boolean => {
    const all = cards(column);
    const card = all[Math.min(Math.max(0, at), all.length - 1)];
    card?.focus();
    return card !== undefined;
  };
  useEffect(() => {
    const wanted = next.current;
    if (wanted === null || change.isPending || COLUMNS.some((each) => columns[each].isFetching)) return;
    next.current = null;
    if (!focus(wanted.column, wanted.at)) COLUMNS.some((each) => focus(each, 0));
  });

  const move = (finding: ShownFinding, to: Column): void => {
    if (!may || finding.status === to) return;
    setMoved({ finding, to });
    if (!decides(to)) {
      open(finding.id);
      return;
    }
    change.mutate({ params: { id: finding.id }, body: { status: to, author: personName() } });
  };

  const onKey = (event: KeyboardEvent<HTMLElement>, finding: ShownFinding, column: Column): void => {
    if (event.metaKey || event.altKey || event.ctrlKey) return;
    const at = cards(column).indexOf(event.currentTarget);
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const letters: Readonly<Record<string, Column>> = { c: 'confirmed', x: 'dismissed', o: 'open' };
    const letter = letters[event.key];
    if (event.key === 'Enter' || event.key === ' ') open(finding.id);
    else if (event.key === 'ArrowDown' || event.key === 'j') focus(column, at + 1);
    else if (event.key === 'ArrowUp' || event.key === 'k') focus(column, at - 1);
    else if (letter !== undefined || (step !== 0 && event.shiftKey)) {
      const others = step > 0 ? COLUMNS : COLUMNS.toReversed();
      const to = letter ?? others.slice(others.indexOf(column) + 1).find(decides);
      if (to !== undefined) {
        next.current = { column, at };
        move(finding, to);
      }
    } else if (step !== 0) {
      const others = step > 0 ? COLUMNS : COLUMNS.toReversed();
      others.slice(others.indexOf(column) + 1).some((each) => focus(each, at));
    } else return;
    event.preventDefault();
  };

  const failed = COLUMNS.map((each) => columns[each]).find(({ isError }) => isError);
  return (
    <section aria-label="Triage board">
      <p className="soft">
        The most urgent first: severity times how many findings ask for the same. Drag a card, or with the
        keys: <kbd>c</kbd> confirms, <kbd>x</kbd> dismisses, <kbd>o</kbd> opens again, arrows go from card to
        card, <kbd>Shift</kbd> <kbd>→</kbd> moves one. What is fixed or regressed, replays say.
      </p>
      {failed ? <Problem error={failed.error} retry={() => void failed.refetch()} /> : null}
      {change.isError ? <Problem error={change.error} /> : null}
      <div role="status" className="said-move">
        {moved === null ? null : decides(moved.to) ? (
          <span className="row">
            {words(moved.finding.category)}:{' '}
            {change.isPending ? 'moving' : change.isError ? 'not moved' : 'moved'} to {TITLES[moved.to]}
            {change.isSuccess && decides(moved.finding.status) ? (
              <button
                type="button"
                onClick={() => {
                  const { finding, to } = moved;
                  move({ ...finding, status: to }, finding.status);
                }}
              >
                Undo
              </button>
            ) : null}
          </span>
        ) : (
          <span>
            Replays say whether {words(moved.finding.category)} is {TITLES[moved.to]}: ask the target again,
            below.
          </span>
        )}
      </div>
      <div className="board" ref={board}>
        {COLUMNS.map((column) => {
          const { data } = columns[column];
          const takes = held !== null && held.status !== column;
          return (
            <section
              key={column}
              data-column={column}
              aria-label={TITLES[column]}
              className={`column ${takes && over === column ? 'over' : ''} ${takes && decides(column) ? 'takes' : ''}`}
              onDragOver={(event) => {
                if (!takes) return;
                event.preventDefault();
                setOver(column);
              }}
              onDragLeave={(event) => {
                if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(null);
              }}
              onDrop={(event) => {
                event.preventDefault();
                setOver(null);
                if (held) move(held, column);
                setHeld(null);
              }}
            >
              <h2>
                {TITLES[column]} <small>{data ? number(data.total) : ''}</small>
              </h2>
              {data === undefined ? <Loading lines={3} /> : null}
              <ul>
                {data?.findings.map((finding) => (
                  <li key={finding.id}>
                    <Card
                      finding={finding}
                      selected={finding.id === selected}
                      movable={may}
                      hold={setHeld}
                      open={() => open(finding.id)}
                      onKey={(event) => onKey(event, finding, column)}
                    />
                  </li>
                ))}
              </ul>
              {data?.findings.length === 0 ? <p className="soft">{EMPTY[column]}</p> : null}
              {data && data.total > data.findings.length ? (
                <Link to={addressWith('/findings', { ...filter, status: column })}>
                  {number(data.total - data.findings.length)} more in the list
                </Link>
              ) : null}
            </section>
          );
        })}
      </div>
    </section>
  );
}

function Card({
  finding,
  selected,
  movable,
  hold,
  open,
  onKey,
}: {
  finding: ShownFinding;
  selected: boolean;
  movable: boolean;
  hold: (finding: ShownFinding | null) => void;
  open: () => void;
  onKey: (event: KeyboardEvent<HTMLElement>) => void;
}) {
  const { hidden } = useReveal(true, null);
  const { severity, frequency, category, attack, kind } = finding;
  return (
    <div
      role="button"
      tabIndex={0}
      data-card={finding.id}
      aria-pressed={selected}
      className="finding-card"
      draggable={movable}
      onDragStart={(event) => {
        event.dataTransfer.setData('text/plain', finding.id);
        event.dataTransfer.effectAllowed = 'move';
        hold(finding);
      }}
      onDragEnd={() => hold(null)}
      onClick={open}
      onKeyDown={onKey}
    >
      <span className="row spread" style={{ gap: 4 }}>
        <b>{words(category)}</b>
        <span className="priority" title="severity times findings that ask for the same">
          {finding.priority}
        </span>
      </span>
      <small>
        {kind === 'harm' ? `severity ${severity ?? '–'}` : 'refused without need'} × {number(frequency)}
        {attack ? `, ${words(attack)}` : ''}
        {finding.replays > 0 ? `, ${finding.reproduced} of ${finding.replays} replays broke` : ''}
      </small>{' '}
      {finding.byHand ? <Tag is="good">by hand</Tag> : null}
      <span className={`snippet ${hidden ? 'blurred' : ''}`} aria-hidden={hidden || undefined}>
        {printable(finding.snippet, 90)}
      </span>
    </div>
  );
}
