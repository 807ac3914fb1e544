/** What a command over a store tells while it works, in a file beside the store: the web app follows it from another process. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt } from '../core/files.ts';
import type { Emit, TemperEvent } from '../core/events.ts';

export const eventLogPath = (directory: string): string => join(directory, 'events.jsonl');

/** Progress between two lines, at least. */
const EVERY_MS = 400;

/** A line of the file: when it was told, and what; `run`: which run the lines from here on are of. */
export type LoggedEvent =
  | { readonly at: string; readonly type: 'opened'; readonly pid: number }
  | { readonly at: string; readonly type: 'run'; readonly run: string }
  | ({ readonly at: string } & TemperEvent);

export interface EventLog {
  readonly emit: Emit;
  run(id: string): void;
}

/** Begins the file anew, as one command works at a time. Errors: `resource`. */
export function openEventLog(directory: string, emit: Emit): EventLog {
  const path = eventLogPath(directory);
  const line = (event: object): string => `${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`;
  attempt(`write ${path}`, () => writeFileSync(path, line({ type: 'opened', pid: process.pid })));
  let told = 0;
  let stage = '';
  const append = (event: object): void => {
    try {
      appendFileSync(path, line(event));
    } catch {
      // Whoever follows sees less; the work goes on.
    }
  };
  return {
    run: (run) => append({ type: 'run', run }),
    emit: (event) => {
      emit(event);
      if (event.type === 'progress') {
        const now = performance.now();
        const early = event.stage === stage && event.done < event.total && now - told < EVERY_MS;
        if (early) return;
        told = now;
        stage = event.stage;
      }
      append(event);
    },
  };
}
