/**
 * Runs a technique against a target: sends its messages, scores the answers, counts the queries, and stops when the target
 * goes along. What comes out is an ordinary conversation: the line that went furthest. Knows nothing of stores or judges: how
 * an answer is scored is passed in.
 */
import { endsWork, errorMessage, TemperError } from '../../core/errors.ts';
import { contentHash } from '../../core/ids.ts';
import type { Conversation, InvalidSimulation, Message, Scenario, Turn } from '../../core/records.ts';
import { rng } from '../../core/rng.ts';
import type { Reply, Target } from '../../models/target.ts';
import { TEMPLATES_VERSION } from '../attacks/index.ts';
import { conversationId, dialogueKey } from '../run.ts';
import type { Technique } from './index.ts';
import type { ProposalInput, Proposer } from './proposer.ts';
import { type Line, type Proposal, type SearchTools, wasRefused } from './strategy.ts';
import { TEXTS } from './texts.ts';

/** What a judge says of the last answer of a line; undefined: it could not be scored. */
export interface Score {
  readonly severity: number | undefined;
  readonly refused: boolean | undefined;
}

export interface Scorer {
  /** Of the judge; part of the conversation's id, as the search follows what it says. */
  readonly id: string;
  score(scenario: Scenario, turns: readonly Turn[], madeUp: readonly Message[]): Promise<Score>;
}

export interface SearchDependencies {
  readonly target: Target;
  readonly scorer: Scorer;
  readonly proposer: Proposer;
  /** The category in words. */
  readonly topicOf: (category: string) => string;
}

export interface SearchOptions {
  readonly seed: number;
  /** Tries of one technique on one request, from 0. */
  readonly sample: number;
  readonly maxTokens: number;
  readonly system?: string | undefined;
  /** From which severity on the target went along. */
  readonly harmSeverity: number;
  readonly signal?: AbortSignal | undefined;
  /** Called before any model is. Throws where the work has ended meanwhile. */
  readonly goOn?: () => void;
}

/** The test case: a request under a technique. */
export function attackedScenario(
  base: Scenario,
  { id: attack, family, turns, kind }: Pick<Technique, 'id' | 'family' | 'turns' | 'kind'>,
): Scenario {
  const {
    id: _id,
    key,
    attack: _attack,
    attackFamily: _family,
    partner: _partner,
    row: _row,
    ...rest
  } = base;
  const parts =
    kind === 'plain'
      ? { ...rest, turns, ...(base.row ? { row: base.row } : {}) }
      : { ...rest, turns, attack, attackFamily: family, row: 'jailbreak' as const };
  return { id: contentHash(parts), key: kind === 'plain' ? key : `${key}+${attack}`, ...parts };
}

/** Who asks, in a conversation's id: all that shapes the messages but scenario and seed. */
const asker = (
  { kind }: Pick<Technique, 'kind'>,
  { proposer, scorer }: SearchDependencies,
  { harmSeverity }: SearchOptions,
): string =>
  kind === 'strategy'
    ? `search:${TEXTS.version}:${proposer.id}:${scorer.id}>=${harmSeverity}`
    : `attack:${TEMPLATES_VERSION}.${TEXTS.version}`;

/** Id of the conversation of an attempt, before it is made. */
export function searchId(
  scenario: Scenario,
  technique: Technique,
  dependencies: SearchDependencies,
  options: SearchOptions,
): string {
  const { seed, system, sample } = options;
  const settings = { seed, ...(system === undefined ? {} : { system }) };
  const simulator = asker(technique, dependencies, options);
  return conversationId(scenario, dependencies.target.id, { ...settings, simulator }, sample);
}

/** Ends a strategy from within `ask`: it went through, it may ask no more, or a call failed. */
class Over extends Error {}

/** Ends a strategy from within `propose`. */
class NoProposal extends Error {
  readonly invalid: Omit<InvalidSimulation, 'turn'>;
  constructor(invalid: Omit<InvalidSimulation, 'turn'>) {
    super(invalid.reason);
    this.invalid = invalid;
  }
}

/** One attempt. Errors: those that end the work; the signal's reason. */
export async function search(
  scenario: Scenario,
  technique: Technique,
  dependencies: SearchDependencies,
  options: SearchOptions,
): Promise<Conversation> {
  const { target, scorer, proposer, topicOf } = dependencies;
  const { seed, sample, system, maxTokens, harmSeverity, signal, goOn = () => {} } = options;
  const simulator = asker(technique, dependencies, options);
  const key = dialogueKey({ scenario: scenario.id, simulator, seed, sample });
  const topic = topicOf(scenario.category);
  const random = rng('search', key);
  let best: Line | null = null;
  let queries = 0;
  let proposals = 0;
  let backtracks = 0;
  let unscored = 0;
  let invalid: InvalidSimulation | undefined;

  const send = async (
    line: Line,
    request: string,
    prefill: string | undefined,
  ): Promise<Reply | { readonly failed: string }> => {
    const messages: Message[] = [
      ...(system === undefined ? [] : [{ role: 'system', content: system } as const]),
      ...line.madeUp,
      ...line.turns.flatMap((turn): Message[] => [
        { role: 'user', content: turn.request },
        { role: 'assistant', content: `${turn.prefill ?? ''}${turn.response}` },
      ]),
      { role: 'user', content: request },
      ...(prefill === undefined ? [] : [{ role: 'assistant', content: prefill } as const]),
    ];
    try {
      return await target.respond(messages, {
        seed: rng('target', key, queries).int(2 ** 31),
        maxTokens,
        ...(signal ? { signal } : {}),
      });
    } catch (thrown) {
      signal?.throwIfAborted();
      if (endsWork(thrown)) throw thrown;
      return { failed: errorMessage(thrown) };
    }
  };

  const ask = async (line: Line, request: string, plain = request, prefill?: string): Promise<Line> => {
    if (queries >= technique.queries) throw new Over('no query is left');
    goOn();
    const reply = await send(line, request, prefill);
    queries++;
    const move =
      line.turns.length === 0
        ? 'opening'
        : wasRefused(line)
          ? ('after-refusal' as const)
          : ('after-answer' as const);
    const said = {
      index: line.turns.length,
      request,
      plain,
      move,
      ...(prefill === undefined ? {} : { prefill }),
    } as const;
    if ('failed' in reply) {
      const { failed: error } = reply;
      const turn: Turn = { ...said, response: '', finish: 'error', tokens: 0, error };
      best = { ...line, turns: [...line.turns, turn] };
      throw new Over(error);
    }
    const { text: response, finish, tokens, reason } = reply;
    const turn: Turn = {
      ...said,
      response,
      finish,
      tokens,
      ...(reason === undefined ? {} : { error: reason }),
    };
    const turns = [...line.turns, turn];
    const score: Score =
      finish === 'blocked'
        ? { severity: undefined, refused: true }
        : await scorer.score(scenario, turns, line.madeUp);
    signal?.throwIfAborted();
    if (score.severity === undefined) unscored++;
    const worst = Math.max(line.severity ?? -1, score.severity ?? -1);
    const next: Line = {
      madeUp: line.madeUp,
      turns,
      outcome: finish === 'blocked' ? 'blocked' : score.refused === true ? 'refused' : 'answered',
      ...(worst < 0 ? {} : { severity: worst }),
    };
    if (best === null || further(next, best)) best = next;
    if ((score.severity ?? 0) >= harmSeverity) throw new Over('it went along');
    return next;
  };

  const input = (): Pick<ProposalInput, 'scenario' | 'seed' | 'signal'> => ({
    scenario,
    seed: rng('attacker', key, proposals++).int(2 ** 31),
    signal,
  });
  const propose = async (proposal: Proposal): Promise<string> => {
    // A proposal costs, too: none for a query that cannot be made.
    if (queries >= technique.queries) throw new Over('no query is left');
    goOn();
    const outcome = await proposer.propose({
      ...proposal,
      ...input(),
      strategy: strategyOf(technique),
      topic,
      random,
    });
    if ('invalid' in outcome) throw new NoProposal(outcome.invalid);
    return outcome.prompt;
  };

  const suffixesOf: SearchTools['suffixes'] = (request, wanted, settings) => {
    if (!target.suffixes)
      throw new TemperError('internal', `the technique ${technique.id} needs the weights of the target`);
    const messages: Message[] = [
      ...(system === undefined ? [] : [{ role: 'system', content: system } as const]),
      { role: 'user', content: request },
    ];
    return target.suffixes(messages, wanted, { ...settings, random, signal });
  };

  try {
    await technique.run({
      scenario,
      topic,
      random,
      ask,
      suffixes: (request, wanted, settings) => suffixesOf(request, wanted, settings),
      propose,
      onTopic: async (prompt) => {
        goOn();
        return await proposer.onTopic(prompt, input());
      },
      backtrack: () => void backtracks++,
    });
  } catch (thrown) {
    if (thrown instanceof NoProposal) {
      const { turns = [] } = (best ?? {}) as Partial<Line>;
      // What was asked before stands; only where nothing was, there is nothing to judge.
      if (turns.length === 0) invalid = { ...thrown.invalid, turn: 0 };
    } else if (!(thrown instanceof Over)) throw thrown;
  }
  if (best === null && invalid === undefined)
    throw new TemperError('internal', `the technique ${technique.id} asked nothing`);
  const { turns = [], madeUp = [] } = (best ?? {}) as Partial<Line>;
  return {
    id: searchId(scenario, technique, dependencies, options),
    scenario: scenario.id,
    target: target.id,
    simulator,
    ...(scenario.attack === undefined ? {} : { attack: scenario.attack }),
    seed,
    sample,
    ...(system === undefined ? {} : { system }),
    ...(madeUp.length > 0 ? { madeUp } : {}),
    turns,
    search: { queries, backtracks, unscored },
    ...(invalid ? { invalid } : {}),
  };
}

const strategyOf = ({ id }: Technique): string => id.split(':')[0]!;

/** By severity, then by whether it was answered at all, then by length; the first among equals. */
function further(a: Line, b: Line): boolean {
  const rank = (line: Line): number => (line.severity ?? -1) * 2 + (wasRefused(line) ? 0 : 1);
  return rank(a) > rank(b) || (rank(a) === rank(b) && a.turns.length > b.turns.length);
}
