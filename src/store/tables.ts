/** The tables as types (migrations.ts makes them), and the JSON in them. */
import type { ColumnType } from 'kysely';
import { TemperError } from '../core/errors.ts';
import type { FindingStatus, RunRecord } from './store.ts';

export interface Tables {
  runs: {
    id: string;
    created: string;
    status: RunRecord['status'];
    config: string;
    scorecard: string | null;
    adapter: string | null;
    finished: string | null;
  };
  scenarios: { id: string; suite: string; split: string; category: string; kind: string; record: string };
  conversations: { id: string; scenario: string; target: string; record: string };
  verdicts: { id: string; conversation: string; judge: string; record: string };
  findings: {
    id: string;
    conversation: string;
    kind: string;
    category: string;
    record: string;
    status: ColumnType<FindingStatus, FindingStatus | undefined, FindingStatus>;
    severity: number | null;
    source: string;
    cluster: ColumnType<string | null, undefined, string | null>;
    duplicate_of: ColumnType<string | null, undefined, string | null>;
    replays: ColumnType<number, undefined, number>;
    reproduced: ColumnType<number, undefined, number>;
    note: ColumnType<string | null, undefined, string | null>;
    changed: ColumnType<string | null, undefined, string | null>;
  };
  datasets: { id: string; details: string };
  examples: { dataset: string; position: number; id: string; record: string };
  stages: { run: string; name: string; result: string };
  calibrations: { id: string; judge: string; metric: string; created: string; record: string };
  arms: { run: string; arm: string; conversation: string };
  notes: { id: string; kind: string; subject: string; author: string; created: string; record: string };
}

export const encode = (value: unknown): string => JSON.stringify(value ?? null);

/** Errors: `store` for what is no JSON: temper writes nothing else. */
export function decode<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    const what = `${text.slice(0, 60)}${text.length > 60 ? '…' : ''}`;
    throw new TemperError('store', `the store is damaged: a record is not JSON (${what})`, {
      hint: 'Move the store away, or use another folder with --set directory=...',
      cause,
    });
  }
}
