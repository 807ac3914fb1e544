/** The model under test as dialogue needs it: messages in, text out, with an identity that covers all that shapes its answers. */
import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4Prompt } from '@ai-sdk/provider';
import { contentHash } from '../core/ids.ts';
import type { Message } from '../core/records.ts';
import type { Rng } from '../core/rng.ts';
import { EmbeddedLanguageModel } from './embedded.ts';
import { resultText } from './messages.ts';

export interface Decoding {
  /** 0 = greedy. */
  readonly temperature: number;
  readonly topP: number;
  readonly maxTokens: number;
}

/** Everything that determines a target's answers. */
export interface TargetIdentity {
  readonly model: string;
  /** Id of the adapter, and its strength. */
  readonly adapter?: string;
  readonly strength?: number;
  readonly system?: string;
  readonly decoding: Decoding;
}

export const targetId = (identity: TargetIdentity): string => contentHash({ target: identity });

export interface Reply {
  readonly text: string;
  readonly finish: 'stop' | 'length' | 'blocked';
  /** Generated tokens. */
  readonly tokens: number;
  /** Why a filter of the provider stopped it, for `blocked`. */
  readonly reason?: string;
}

/** How a suffix is searched for (engine/suffix.ts). */
export interface SuffixSettings {
  readonly random: Rng;
  readonly steps: number;
  readonly candidates: number;
  readonly top: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Target {
  /** Identity of model, adapter, strength and decoding. */
  readonly id: string;
  /** For people. */
  readonly name?: string;
  /** Whether messages may end with the assistant's: the beginning of an answer that the target goes on with. */
  readonly prefills?: boolean;
  /** Needs the weights: after each step the best suffix of the last message so far, towards an answer that begins with `wanted`. */
  suffixes?(messages: readonly Message[], wanted: string, settings: SuffixSettings): AsyncIterable<string>;
  respond(
    messages: readonly Message[],
    options: {
      seed: number;
      maxTokens: number;
      signal?: AbortSignal;
      /** Told the text so far, where the model gives it before its end. */
      onText?: (text: string) => void;
    },
  ): Promise<Reply>;
  /** Index of the likeliest answer among `options`, where log-probabilities can be had. Errors: `data` if it does not fit. */
  choose?(
    messages: readonly Message[],
    options: readonly string[],
    settings: { signal?: AbortSignal },
  ): Promise<number>;
}

/** Messages in the AI SDK's form. */
export function toPrompt(messages: readonly Message[]): LanguageModelV4Prompt {
  return messages.map(({ role, content }) =>
    role === 'system' ? { role, content } : { role, content: [{ type: 'text', text: content }] },
  );
}

export function createTarget(model: LanguageModelV4, identity: TargetIdentity): Target {
  const { temperature, topP } = identity.decoding;
  return {
    id: targetId(identity),
    prefills: model instanceof EmbeddedLanguageModel,
    async respond(messages, { seed, maxTokens, signal, onText }) {
      const call: LanguageModelV4CallOptions = {
        prompt: toPrompt(messages),
        maxOutputTokens: maxTokens,
        temperature,
        topP,
        seed,
        ...(signal ? { abortSignal: signal } : {}),
      };
      const result = await (model instanceof EmbeddedLanguageModel
        ? model.generateText(call, onText)
        : model.doGenerate(call));
      const { unified, raw } = result.finishReason;
      if (unified === 'error' || unified === 'interrupted')
        throw new Error(raw ?? 'the model reports an error');
      const tokens = result.usage.outputTokens.total ?? 0;
      // What a filter let through of an answer is no answer of the target.
      if (unified === 'content-filter')
        return { text: '', finish: 'blocked', tokens, reason: raw ?? unified };
      return { text: resultText(result), finish: unified === 'length' ? 'length' : 'stop', tokens };
    },
  };
}
