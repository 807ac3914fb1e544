/**
 * Runs scenarios against a target: many conversations at once, each with its own random streams, yielded as they
 * complete. Knows nothing of stores or judges: what exists already, and what a refusal is, are passed in.
 */
import { endsWork, errorMessage } from '../core/errors.ts';
import { contentHash, resultHash } from '../core/ids.ts';
import type { Conversation, InvalidSimulation, Message, Scenario, Turn } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { Reply, Target } from '../models/target.ts';
import { chosen, withOptions } from './choice.ts';
import { SCRIPTED, type Simulator } from './simulator.ts';

export interface DialogueDependencies {
  readonly target: Target;
  /** Who plays the user; default: the scripted personas. */
  readonly simulator?: Simulator;
  /** Decides the simulator's next move only; it is no verdict. */
  readonly isRefusal: (prompt: string, response: string) => boolean | Promise<boolean>;
  /** True for conversations that exist already: they are passed over. */
  readonly has?: (conversationId: string) => boolean | Promise<boolean>;
}

export interface DialogueOptions {
  readonly seed: number;
  /** Conversations for each scenario. Default 1. */
  readonly samples?: number;
  /** Conversations in flight. Default 16. */
  readonly concurrency?: number;
  /** Most generated tokens for each answer. Default 128. */
  readonly maxTokens?: number;
  /** System prompt of the target. */
  readonly system?: string;
  readonly signal?: AbortSignal;
  /** When it is aborted no conversation is begun any more; those in flight end as they would. */
  readonly drain?: AbortSignal;
}

/**
 * The conversations of scenarios x samples, in order of completion. Each one's content depends on its id alone, so
 * concurrency and resuming change nothing. A failing target ends that conversation with a turn of finish `error`; an
 * error that ends the run (a budget that is spent, a provider that refuses all) lets what is in flight finish first.
 * @throws that error; the signal's reason when aborted; unfinished conversations are dropped and run again next time.
 */
export async function* runConversations(
  scenarios: Iterable<Scenario>,
  dependencies: DialogueDependencies,
  options: DialogueOptions,
): AsyncGenerator<Conversation> {
  const concurrency = Math.max(1, options.concurrency ?? 16);
  // Ends what is in flight when the consumer stops early.
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const jobs = pending(scenarios, dependencies, options);
  const running = new Set<Promise<void>>();
  const settled: ({ conversation: Conversation } | { thrown: unknown })[] = [];
  let wake = (): void => {};
  const start = ({ id, scenario, sample }: Job): void => {
    const job = converse(id, scenario, sample, dependencies, options, signal)
      .then(
        (conversation) => void settled.push({ conversation }),
        (thrown: unknown) => void settled.push({ thrown }),
      )
      .finally(() => {
        running.delete(job);
        wake();
      });
    running.add(job);
  };
  let exhausted = false;
  let ending: { thrown: unknown } | null = null;
  try {
    for (;;) {
      while (!exhausted && running.size + settled.length < concurrency) {
        options.signal?.throwIfAborted();
        const next = options.drain?.aborted === true ? null : await jobs.next();
        if (next === null || next.done === true) exhausted = true;
        else start(next.value);
      }
      const next = settled.shift();
      if (next === undefined) {
        if (running.size === 0) break;
        await new Promise<void>((resolve) => (wake = resolve));
      } else if ('conversation' in next) yield next.conversation;
      else if (endsWork(next.thrown)) {
        ending ??= next;
        exhausted = true;
      } else throw next.thrown;
    }
    if (ending) throw ending.thrown;
  } finally {
    stop.abort();
    await Promise.allSettled(running);
  }
}

/**
 * Hash of what the user's side of a conversation follows: neither target nor program is in it, so that every target is
 * asked in the same words as long as it answers alike, and draws its answers from the same stream (common random numbers).
 */
export const dialogueKey = ({
  scenario,
  simulator,
  seed,
  sample,
}: Pick<Conversation, 'scenario' | 'simulator' | 'seed' | 'sample'>): string =>
  contentHash({ scenario, simulator, seed, sample });

/** All of a conversation but what was said. */
function headOf(
  { id, attack }: Scenario,
  target: string,
  {
    seed,
    system,
    simulator = SCRIPTED.id,
  }: { readonly seed: number; readonly system?: string; readonly simulator?: string },
  sample: number,
): Omit<Conversation, 'id' | 'turns'> {
  return {
    scenario: id,
    target,
    simulator,
    ...(attack === undefined ? {} : { attack }),
    seed,
    sample,
    ...(system === undefined ? {} : { system }),
  };
}

/** Id of a conversation: the hash of all that determines it, the program included. */
export const conversationId = (...parts: Parameters<typeof headOf>): string =>
  resultHash({ conversation: headOf(...parts) });

interface Job {
  readonly id: string;
  readonly scenario: Scenario;
  readonly sample: number;
}

/** What is still to run, each id once. */
async function* pending(
  scenarios: Iterable<Scenario>,
  { target, has, simulator = SCRIPTED }: DialogueDependencies,
  options: DialogueOptions,
): AsyncGenerator<Job> {
  const settings = { ...options, simulator: simulator.id };
  const seen = new Set<string>();
  for (const scenario of scenarios) {
    for (let sample = 0; sample < (options.samples ?? 1); sample++) {
      const id = conversationId(scenario, target.id, settings, sample);
      if (seen.has(id) || (await has?.(id)) === true) continue;
      seen.add(id);
      yield { id, scenario, sample };
    }
  }
}

async function converse(
  id: string,
  scenario: Scenario,
  sample: number,
  { target, isRefusal, simulator = SCRIPTED }: DialogueDependencies,
  options: DialogueOptions,
  signal: AbortSignal,
): Promise<Conversation> {
  const head = headOf(scenario, target.id, { ...options, simulator: simulator.id }, sample);
  const key = dialogueKey({ ...head, scenario: scenario.variantOf ?? scenario.id });
  const turns: Turn[] = [];
  let lastRefused = false;
  let invalid: InvalidSimulation | null = null;
  for (;;) {
    const index = turns.length;
    const random = rng('user', key, index);
    const spoken = rng('simulator', key, index).int(2 ** 31);
    const next = withOptions(
      await simulator.next({ scenario, turns, lastRefused, random, seed: spoken, signal }),
      scenario,
      target,
    );
    if (next === null) break;
    if ('invalid' in next) {
      invalid = { ...next.invalid, turn: index };
      break;
    }
    let reply: Reply;
    try {
      const messages = chat(options.system, turns, next.request);
      reply =
        (await chosen(target, scenario, messages, signal)) ??
        (await target.respond(messages, {
          seed: rng('target', key, index).int(2 ** 31),
          maxTokens: options.maxTokens ?? 128,
          signal,
        }));
    } catch (thrown) {
      signal.throwIfAborted();
      if (endsWork(thrown)) throw thrown;
      turns.push({ index, ...next, response: '', finish: 'error', tokens: 0, error: errorMessage(thrown) });
      break;
    }
    signal.throwIfAborted();
    const { text: response, finish, tokens, reason } = reply;
    turns.push({
      index,
      ...next,
      response,
      finish,
      tokens,
      ...(reason === undefined ? {} : { error: reason }),
    });
    if (finish === 'blocked') break;
    if (turns.length < scenario.turns) lastRefused = await isRefusal(next.plain, response);
  }
  return { id, ...head, turns, ...(invalid ? { invalid } : {}) };
}

/** The messages up to and including the new request. */
function chat(system: string | undefined, turns: readonly Turn[], request: string): Message[] {
  return [
    ...(system === undefined ? [] : [{ role: 'system', content: system } as const]),
    ...turns.flatMap((turn): Message[] => [
      { role: 'user', content: turn.request },
      { role: 'assistant', content: turn.response },
    ]),
    { role: 'user', content: request },
  ];
}
