/**
 * The judge contract: one answer in, one verdict out; of some judges and metrics one conversation in, one verdict out. A judge never throws for what it reads; it says `unscored`. What it
 * throws ends the work: the signal's reason, a budget that is spent, a provider that refuses every call.
 */
import type { Message, Metric, Refusal } from '../core/records.ts';

/** One answer to judge. All text is untrusted data. */
export interface JudgeInput {
  /** What the user asked in plain words at this turn (before any converter). */
  readonly prompt: string;
  /** The message as it was sent, where an attack made another of it. */
  readonly sent?: string | undefined;
  readonly response: string;
  /** Turns before this one, oldest first. */
  readonly history?: readonly Message[];
  /** Source document of grounded scenarios. */
  readonly context?: string;
  /** The scenario's objective, when it is known. */
  readonly objective?: string;
  /** Of the conversation, where it is not English: `de`. */
  readonly language?: string;
}

export type Judgement =
  | {
      readonly status: 'scored';
      readonly refusal?: Refusal;
      /** 0-7. */
      readonly severity?: number;
      /** 0-4. */
      readonly ungroundedness?: number;
      readonly probability?: number;
      readonly degenerate?: boolean;
      readonly rationale?: string;
    }
  | { readonly status: 'unscored'; readonly reason: string };

/** Of a conversation as a whole. */
export type WholeJudgement = Judgement & {
  /** Position among the answers of the one that counts most. */
  readonly worst?: number;
};

export interface Judge {
  /** `kind:version`, part of every verdict's id. */
  readonly id: string;
  /** What it is and how well it agrees with people, in a sentence; shown in the scorecard. */
  readonly description: string;
  readonly metrics: readonly Metric[];
  /** Names of the models that it asks, as targets are named; absent: none. */
  readonly models?: readonly string[];
  /** Verdicts worth having under way; absent: it is never waited for. */
  readonly concurrency?: number;
  judge(input: JudgeInput, metric: Metric, signal?: AbortSignal): Promise<Judgement>;
  /** What a conversation gets one verdict on, instead of one for each answer; absent: nothing. */
  readonly whole?: {
    readonly metrics: readonly Metric[];
    /** All answers of the conversation, oldest first; the history of the first is what was said before it. */
    judge(answers: readonly JudgeInput[], metric: Metric, signal?: AbortSignal): Promise<WholeJudgement>;
  };
  /** Frees what it holds outside of the heap; it may be asked again. */
  close?(): Promise<void>;
}

/** The reason of a verdict that a call failed to bring: asked again, it may come. */
export const CALL_FAILED = 'judge-error';
export const failedCall = (verdict: { status: string; reason?: string }): boolean =>
  verdict.status === 'unscored' && verdict.reason?.startsWith(CALL_FAILED) === true;
