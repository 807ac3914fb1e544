/** The parts that every page is made of. */
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { printable } from '../../../src/core/limits.ts';
import { ApiError } from '../api.ts';
import { useQueryState } from '../router.tsx';

export function Page({
  title,
  lead,
  actions,
  children,
  wide,
}: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  wide?: boolean;
}) {
  useEffect(() => {
    document.title = `${title} · temper`;
  }, [title]);
  return (
    <main id="main" tabIndex={-1} className={wide ? 'wide' : ''}>
      <div className="head">
        <div>
          <h1>{title}</h1>
          {lead ? <p className="lead">{lead}</p> : null}
        </div>
        {actions ? <div className="row no-print">{actions}</div> : null}
      </div>
      {children}
    </main>
  );
}

/** A model by what tells it from others: of a path its last part. */
export const modelName = (target: string): string =>
  printable(/^(?:[~.]*[/\\]|[a-z]:\\).*?([^/\\]+)[/\\]*$/i.exec(target)?.[1] ?? target, 200);

export const Tag = ({ is, children }: { is?: string | undefined; children?: ReactNode }) => (
  <span className={`tag ${is ?? ''}`}>{children ?? is}</span>
);

export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const known = error instanceof ApiError ? error : null;
  return (
    <div className="note bad" role="alert">
      <p>
        <b>
          {known?.status === 401 ? 'This browser is not let in' : printable(known?.message ?? String(error))}
        </b>
        {known?.hint ? `\n${printable(known.hint)}` : ''}
      </p>
      {retry ? (
        <button type="button" onClick={retry}>
          Try again
        </button>
      ) : null}
    </div>
  );
}

export const Loading = ({ lines = 5, what = 'loading' }: { lines?: number; what?: string }) => (
  <div className="skeleton" role="status" aria-label={what}>
    {Array.from({ length: lines }, (_, i) => (
      <i key={i} style={{ width: `${95 - ((i * 17) % 40)}%` }} />
    ))}
  </div>
);

export const Empty = ({ title, children }: { title: string; children?: ReactNode }) => (
  <div className="empty">
    <h2>{title}</h2>
    {children}
  </div>
);

/** Loading, error, or the data. */
export function Loaded<T>({
  query,
  children,
  lines,
}: {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
  lines?: number;
}) {
  if (query.data !== undefined)
    return (
      <>
        {query.isError ? <Problem error={query.error} retry={() => void query.refetch()} /> : null}
        {children(query.data)}
      </>
    );
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  return <Loading {...(lines === undefined ? {} : { lines })} />;
}

export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

export const when = (iso: string): string => iso.replace(/^(\S+)T(\d+:\d+).*Z$/, '$1 $2 UTC');
export const short = (id: string): string => id.slice(0, 8);
export const number = (n: number): string => n.toLocaleString('en').replaceAll(',', '\u202F');
/** `domestic-abuse` as words. */
export const words = (id: string): string => id.replaceAll('-', ' ');

/** The part of a list that the address shows. */
export function useOffset(): number {
  const [query] = useQueryState();
  return Number(query['offset'] ?? 0) || 0;
}

/** Leads from one part of a list to the next, where there are several. */
export function Pager({ total, size }: { total: number; size: number }) {
  const [, change] = useQueryState();
  const offset = useOffset();
  if (total <= size) return null;
  const go = (to: number): void => change({ offset: to > 0 ? String(to) : undefined }, true);
  return (
    <div className="row" style={{ padding: 10 }}>
      <button type="button" disabled={offset === 0} onClick={() => go(offset - size)}>
        Before
      </button>
      <small>
        {offset + 1} to {Math.min(total, offset + size)} of {number(total)}
      </small>
      <button type="button" disabled={offset + size >= total} onClick={() => go(offset + size)}>
        Next
      </button>
    </div>
  );
}
