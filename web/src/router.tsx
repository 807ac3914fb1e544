/** Pages by address: the path is the page, the query what it shows. */
import { type ReactNode, useMemo, useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
const notify = (): void => {
  for (const listener of listeners) listener();
};
window.addEventListener('popstate', notify);

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export function navigate(address: string, { replace = false } = {}): void {
  if (address === location.pathname + location.search) return;
  const turned = address.split('?')[0] !== location.pathname;
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  notify();
  // Another page begins at its top.
  if (turned) window.scrollTo(0, 0);
}

export const useAddress = (): string =>
  useSyncExternalStore(subscribe, () => location.pathname + location.search);

export const usePath = (): string => useSyncExternalStore(subscribe, () => location.pathname);

export type Query = Readonly<Record<string, string>>;

export const addressWith = (
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
): string => {
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, String(value)]],
    ),
  ).toString();
  return search === '' ? path : `${path}?${search}`;
};

/** The query of the address, and a way to change parts of it; an empty value takes one away. */
export function useQueryState(): [
  Query,
  (change: Readonly<Record<string, string | undefined>>, push?: boolean) => void,
] {
  const address = useAddress();
  const query = useMemo(
    () => Object.fromEntries(new URLSearchParams(address.split('?')[1] ?? '')),
    [address],
  );
  const change = (part: Readonly<Record<string, string | undefined>>, push = false): void =>
    navigate(
      addressWith(location.pathname, {
        ...Object.fromEntries(new URLSearchParams(location.search)),
        ...part,
      }),
      {
        replace: !push,
      },
    );
  return [query, change];
}

export interface LinkProps {
  readonly to: string;
  readonly children: ReactNode;
  readonly className?: string;
  readonly title?: string;
  readonly 'aria-current'?: 'page' | undefined;
  readonly 'aria-label'?: string;
}

export function Link({ to, children, ...rest }: LinkProps) {
  return (
    <a
      href={to}
      {...rest}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        navigate(to);
      }}
    >
      {children}
    </a>
  );
}
