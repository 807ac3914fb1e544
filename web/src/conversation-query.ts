/** What the page of conversations asks for: known apart from the page, so that its first rows are asked for before its code is there. */
import { FACETS } from '../../src/server/facets.ts';
import { call, queryClient } from './api.ts';
import type { Query } from './router.tsx';

/** Rows of one question. */
export const PAGE = 100;

const FILTERS = ['text', 'run', 'arm', 'severity', ...FACETS] as const;

export const filterOf = (query: Query): Query =>
  Object.fromEntries(FILTERS.flatMap((name) => (query[name] === undefined ? [] : [[name, query[name]]])));

export interface Order {
  readonly sort: string;
  readonly descending: boolean;
}

export const orderOf = (query: Query): Order => ({
  sort: query['sort'] ?? 'place',
  descending: query['down'] !== 'no',
});

export function pageOf(filter: Query, order: Order, offset: number) {
  const query = { ...filter, ...order, offset, limit: PAGE };
  return {
    queryKey: ['GET /api/conversations', null, query],
    queryFn: ({ signal }: { signal: AbortSignal }) =>
      call('GET /api/conversations', { query: query as never }, signal),
  };
}

/** Asks for the first rows of an address. */
export function askFirst(search: string): void {
  const query = Object.fromEntries(new URLSearchParams(search));
  void queryClient.prefetchQuery(pageOf(filterOf(query), orderOf(query), 0));
}
