/** Progress of long work, as events; only cli/ and server/ render them. */

export interface ProgressEvent {
  readonly type: 'progress';
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  /** What `done` counts: conversations, tokens, steps, bytes. */
  readonly unit: string;
  /** Latest figures worth showing (loss, tokens per second). */
  readonly detail?: Readonly<Record<string, number | string>>;
}

export interface StageEvent {
  readonly type: 'stage';
  readonly stage: string;
  readonly status: 'start' | 'done' | 'skipped';
  /** Which of the phases of the whole it begins, from 1; absent for a part of a phase. */
  readonly phase?: {
    readonly number: number;
    readonly of: number;
    /** All of them in their order; absent in logs of before. */
    readonly names?: readonly string[];
  };
  readonly detail?: string;
}

export interface NoteEvent {
  readonly type: 'note';
  readonly level: 'info' | 'warning';
  readonly message: string;
}

/** Figures of a moment, under the names of the tool that made them common (TRL's, for training). */
export interface MetricsEvent {
  readonly type: 'metrics';
  readonly stage: string;
  readonly values: Readonly<Record<string, number>>;
}

export type TemperEvent = ProgressEvent | StageEvent | NoteEvent | MetricsEvent;
export type Emit = (event: TemperEvent) => void;

export const silent: Emit = () => {};
