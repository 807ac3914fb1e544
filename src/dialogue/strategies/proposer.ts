/** Who words the messages of a strategy: its own texts (scripted), or an attacker model (llm-proposer.ts). */
import type { InvalidSimulation, Scenario } from '../../core/records.ts';
import type { Rng } from '../../core/rng.ts';
import { type Proposal, wasRefused } from './strategy.ts';
import { fill, TEXTS } from './texts.ts';

/** All that a message may follow from. */
export interface ProposalInput extends Proposal {
  readonly strategy: string;
  readonly scenario: Scenario;
  readonly topic: string;
  /** This attempt's own stream. */
  readonly random: Rng;
  /** Of a sampled message. */
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Proposer {
  /** Kind and all that shapes its words; part of every conversation's id. */
  readonly id: string;
  /** For reports. */
  readonly description: string;
  /** Errors: those that end the work. */
  propose(
    input: ProposalInput,
  ): Promise<{ readonly prompt: string } | { readonly invalid: Omit<InvalidSimulation, 'turn'> }>;
  /** Whether the message asks for the objective still. */
  onTopic(prompt: string, input: Pick<ProposalInput, 'scenario' | 'seed' | 'signal'>): Promise<boolean>;
}

const words = (text: string): Set<string> => new Set(text.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu) ?? []);

/** Share of the objective's longer words that a message must have. */
const ON_TOPIC = 0.5;

/** A rule of words, for where no model can be asked. */
export function sharesWords(prompt: string, objective: string): boolean {
  const wanted = words(objective);
  const have = words(prompt);
  return [...wanted].filter((word) => have.has(word)).length >= wanted.size * ON_TOPIC;
}

/** The message by the texts of a strategy. */
function scripted({
  strategy,
  scenario,
  topic,
  random,
  step,
  retry,
  line,
  style,
  parent,
}: ProposalInput): string {
  const values = { request: scenario.objective, topic };
  const { steps, pair, goat, tap } = TEXTS;
  if (strategy === 'goat') return fill(random.pick(goat[style ?? 'follow-up']!), values);
  if (strategy === 'pair' && parent === undefined) {
    const texts = pair.styles[style!]!;
    return fill(texts[retry % texts.length]!, values);
  }
  if (strategy === 'pair') {
    const way = wasRefused(line) ? 'refused' : 'weak';
    return fill(random.pick(pair.improve[way]), { prompt: parent! });
  }
  if (strategy === 'tap') return fill(random.pick(tap.mutations), { prompt: parent ?? scenario.objective });
  const all = steps[strategy]!;
  const wordings = all[Math.min(step, all.length - 1)]!;
  return fill(wordings[retry % wordings.length]!, values);
}

export const SCRIPTED_PROPOSER: Proposer = {
  id: `scripted:${TEXTS.version}`,
  description: 'scripted proposals',
  propose: (input) => Promise.resolve({ prompt: scripted(input) }),
  onTopic: (prompt, { scenario }) => Promise.resolve(sharesWords(prompt, scenario.objective)),
};
