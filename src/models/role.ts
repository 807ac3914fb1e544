/** A model that works for us, as a judge or a simulator: with what names it and how it is asked. */
import type { LanguageModelV4 } from '@ai-sdk/provider';

export interface OpenedRole {
  readonly model: LanguageModelV4;
  /** For people. */
  readonly name: string;
  /** Identity: all that shapes its answers but the request. */
  readonly id: string;
  /** Calls worth having under way. */
  readonly concurrency: number;
  /** What its own configuration says of its answers; absent: it says nothing. */
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
}

/** Opens a model by `provider:model` or by a name of the configuration. */
export type OpenRole = (name: string) => Promise<OpenedRole>;
