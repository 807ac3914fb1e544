/** Who sits here, how the app looks, and what of harmful text is shown: kept in this browser. */
import { useSyncExternalStore } from 'react';

export type Theme = 'auto' | 'light' | 'dark';

interface Settings {
  readonly name: string;
  readonly theme: Theme;
  /** All texts are shown, until the tab is closed. */
  readonly revealAll: boolean;
  /** Texts that may be harmful, put on the screen in this tab. */
  readonly opened: number;
}

const read = (storage: Storage, key: string): string => {
  try {
    return storage.getItem(key) ?? '';
  } catch {
    return '';
  }
};

let state: Settings = {
  name: read(localStorage, 'temper-name'),
  theme: (read(localStorage, 'temper-theme') || 'auto') as Theme,
  revealAll: read(sessionStorage, 'temper-reveal') === 'yes',
  opened: Number(read(sessionStorage, 'temper-opened')) || 0,
};
const listeners = new Set<() => void>();

function applyTheme(): void {
  if (state.theme === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = state.theme;
}
applyTheme();

export function setPerson(part: Partial<Settings>): void {
  state = { ...state, ...part };
  try {
    localStorage.setItem('temper-name', state.name);
    localStorage.setItem('temper-theme', state.theme);
    sessionStorage.setItem('temper-reveal', state.revealAll ? 'yes' : '');
    sessionStorage.setItem('temper-opened', String(state.opened));
  } catch {
    // A browser that keeps nothing asks again.
  }
  applyTheme();
  for (const listener of listeners) listener();
}

let fresh = 0;
/** A text that may be harmful was put on the screen; several at once are told together. */
export function countOpened(): void {
  fresh++;
  if (fresh > 1) return;
  setTimeout(() => {
    const now = fresh;
    fresh = 0;
    setPerson({ opened: state.opened + now });
  }, 200);
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
export const usePerson = (): Settings => useSyncExternalStore(subscribe, () => state);
export const personName = (): string => state.name || 'reviewer';

/** Texts opened in a tab, after which the app reminds to take a break. */
export const REMIND_EVERY = 25;
