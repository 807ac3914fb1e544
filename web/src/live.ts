/** What happens on the store, as the server tells it. */
import { useSyncExternalStore } from 'react';
import type { LiveEvent, Working } from '../../src/server/live.ts';
import { newest, phaseOf } from '../../src/server/newest.ts';
import type { LoggedEvent } from '../../src/loop/event-log.ts';
import { call, queryClient } from './api.ts';

export interface LiveState {
  readonly connected: boolean;
  readonly working: Working | null;
  readonly events: readonly LoggedEvent[];
  readonly indexing: { readonly done: number; readonly total: number };
}

let state: LiveState = { connected: false, working: null, events: [], indexing: { done: 0, total: 0 } };
const listeners = new Set<() => void>();
const set = (part: Partial<LiveState>): void => {
  state = { ...state, ...part };
  for (const listener of listeners) listener();
};

const MOST_EVENTS = 600;
const REFRESH_MS = 1500;

let waiting = 0;
/** Several changes in a row are asked about once. */
function refresh(): void {
  if (waiting !== 0) return;
  waiting = window.setTimeout(() => {
    waiting = 0;
    void queryClient.invalidateQueries();
  }, REFRESH_MS);
}

function take(event: LiveEvent): void {
  if (event.type === 'working') {
    set({ working: event.working });
    refresh();
  } else if (event.type === 'event') {
    const begins = event.event.type === 'opened';
    set({ events: begins ? [event.event] : newest([...state.events, event.event], MOST_EVENTS) });
  } else if (event.type === 'store') refresh();
  else {
    set({ indexing: { done: event.done, total: event.total } });
    if (event.done === event.total) refresh();
  }
}

export function connect(): void {
  const source = new EventSource('/api/live');
  source.addEventListener('open', () => {
    set({ connected: true });
    void call('GET /api/live/events').then(
      ({ events, working, indexing }) => set({ events, working, indexing }),
      () => {},
    );
  });
  source.addEventListener('error', () => set({ connected: false }));
  source.addEventListener('message', ({ data }) => take(JSON.parse(data as string) as LiveEvent));
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
export const useLive = (): LiveState => useSyncExternalStore(subscribe, () => state);

/** Where a command stands: its phase, the figure of its stage, and how long that may still take. */
export function progressOf(events: readonly LoggedEvent[]) {
  const stage = events.findLast((event) => event.type === 'progress');
  const first = stage && events.find((event) => event.type === 'progress' && event.stage === stage.stage);
  let left: number | null = null;
  if (stage?.type === 'progress' && first?.type === 'progress' && stage.done > first.done) {
    const seconds = (Date.parse(stage.at) - Date.parse(first.at)) / 1000;
    left = ((stage.total - stage.done) * seconds) / (stage.done - first.done);
  }
  return {
    phase: phaseOf(events),
    stage: stage?.type === 'progress' ? stage : null,
    left,
  };
}
