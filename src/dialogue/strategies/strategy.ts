/**
 * What a strategy is: a search for a way through, over several messages or several tries. It knows neither models nor
 * judges: it asks, and is told what came of it. Not owned here: counting, stopping, storing (search.ts).
 */
import type { z } from 'zod';
import type { Message, Scenario, Turn } from '../../core/records.ts';
import type { Rng } from '../../core/rng.ts';
import type { SuffixSettings } from '../../models/target.ts';

/** A conversation on the way. Immutable: asking gives a longer one, so going back is keeping the shorter. */
export interface Line {
  readonly madeUp: readonly Message[];
  readonly turns: readonly Turn[];
  /** Of the last answer. `blocked`: by a filter of the provider; for the search that is a refusal. */
  readonly outcome: 'none' | 'refused' | 'answered' | 'blocked';
  /** Worst severity of its answers; undefined: none was scored. */
  readonly severity?: number;
}

export const EMPTY: Line = { madeUp: [], turns: [], outcome: 'none' };

export const wasRefused = ({ outcome }: Line): boolean => outcome === 'refused' || outcome === 'blocked';

export interface Proposal {
  /** Step of the strategy, from 0; the last step stands for all later ones. */
  readonly step: number;
  /** Which wording of it: how often it was refused before. */
  readonly retry: number;
  readonly line: Line;
  /** Style of a stream (PAIR), or the technique that comes next (GOAT). */
  readonly style?: string;
  /** The message that this one improves on. */
  readonly parent?: string;
  /** Earlier tries of this stream, oldest first. */
  readonly tried?: readonly { readonly prompt: string; readonly line: Line }[];
}

export type SuffixSearch = Pick<SuffixSettings, 'steps' | 'candidates' | 'top'>;

/** What a strategy needs of a target that a called model cannot give. */
export type Need = 'prefill' | 'gradients';

export interface SearchTools {
  readonly scenario: Scenario;
  /** The category in words. */
  readonly topic: string;
  /** A stream of its own for this attempt. */
  readonly random: Rng;
  /**
   * Sends a message after a line. Does not return when the search is over: the target went along, no query is left, or a
   * call failed. `plain`: what it asks for in plain words, where the message is a wrapping of it; `prefill`: the beginning of the answer.
   */
  ask(line: Line, request: string, plain?: string, prefill?: string): Promise<Line>;
  /** Suffixes of a first message, each better than the one before, towards an answer that begins with `wanted`. */
  suffixes(request: string, wanted: string, settings: SuffixSearch): AsyncIterable<string>;
  /** The next message, by the attacker model or from the texts of the strategy. */
  propose(proposal: Proposal): Promise<string>;
  /** Whether a message still asks for the objective. */
  onTopic(prompt: string): Promise<boolean>;
  /** A refused message is taken back. */
  backtrack(): void;
}

export interface Strategy<O = unknown> {
  readonly id: string;
  /** A side of it is in prompts/attack-families.json. */
  readonly family: string;
  readonly description: string;
  readonly source: string;
  /** What the source runs it with, for people. */
  readonly published: string;
  readonly needs?: Need;
  /** Its defaults are those with which a campaign runs it. */
  readonly options: z.ZodType<O>;
  /** Most messages that it sends. */
  queries(options: O): number;
  /** Most user turns of a conversation. */
  turns(options: O): number;
  run(tools: SearchTools, options: O): Promise<void>;
}

/** Keeps the options' type within, so that strategies of all kinds are one list. */
export interface AnyStrategy {
  readonly id: string;
  readonly family: string;
  readonly description: string;
  readonly source: string;
  readonly published: string;
  readonly options: z.ZodType;
  bound(options: unknown): Bound;
}

/** A strategy with its options. */
export interface Bound {
  readonly needs?: Need;
  readonly queries: number;
  readonly turns: number;
  run(tools: SearchTools): Promise<void>;
}

export function strategy<O>(parts: Strategy<O>): AnyStrategy {
  const { id, family, description, source, published, options, needs } = parts;
  const need = needs === undefined ? {} : { needs };
  return {
    ...need,
    id,
    family,
    description,
    source,
    published,
    options,
    bound(given) {
      const value = options.parse(given);
      return {
        ...need,
        queries: parts.queries(value),
        turns: parts.turns(value),
        run: (tools) => parts.run(tools, value),
      };
    },
  };
}
