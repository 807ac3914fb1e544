/**
 * Questions with several answers. Where the target gives log-probabilities the likeliest answer is its answer; where it only
 * speaks, it is asked for a letter, which is another measure: the request of the conversation shows which it was.
 */
import type { Check, Conversation, Message, Scenario } from '../core/records.ts';
import type { Reply, Target } from '../models/target.ts';
import { LETTERS, lettered } from '../scenarios/benchmarks/checked.ts';
import type { Simulator } from './simulator.ts';

type Choice = Extract<Check, { kind: 'choice' }>;
type Next = Awaited<ReturnType<Simulator['next']>>;

const choiceOf = ({ check }: Scenario): Choice | null => (check?.kind === 'choice' ? check : null);

/** The message, with the options in it where the target has to name one and the question does not list them. */
export function withOptions(next: Next, scenario: Scenario, target: Target): Next {
  const choice = choiceOf(scenario);
  if (choice?.by !== 'text' || target.choose || next === null || 'invalid' in next) return next;
  const request = lettered(next.request, choice.options);
  return { ...next, plain: request, request };
}

/** The target's answer by log-probability; null: it has to speak. */
export async function chosen(
  target: Target,
  scenario: Scenario,
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<Reply | null> {
  const choice = choiceOf(scenario);
  if (!choice || !target.choose) return null;
  const answers = choice.by === 'text' ? choice.options : LETTERS.slice(0, choice.options.length).split('');
  const index = await target.choose(messages, answers, { signal });
  return { text: answers[index]!, finish: 'stop', tokens: 0 };
}

/** A letter that an answer begins with, or that it says the answer is; undefined: none, or several. */
function letterOf(response: string, options: number): number | undefined {
  const said = response.trim();
  const allowed = LETTERS.slice(0, options);
  const first = new RegExp(`^[*("'\\s]*([${allowed}])(?![\\p{L}\\p{N}'])`, 'u').exec(said);
  // "A good question" begins with no answer.
  if (first && (first[0].length === said.length || !/^ [a-z]/.test(said.slice(first[0].length))))
    return allowed.indexOf(first[1]!);
  const named = [
    ...said.matchAll(
      new RegExp(`\\b(?:answer|option|choice)(?: is)?:?[*("'\\s]*([${allowed}])(?![\\p{L}\\p{N}'])`, 'giu'),
    ),
  ].map((match) => allowed.indexOf(match[1]!));
  const distinct = new Set(named.filter((index) => index >= 0));
  return distinct.size === 1 ? [...distinct][0] : undefined;
}

/** Whether the answer to a choice is right; undefined: it names none. */
export function isRightChoice(check: Choice, { turns }: Conversation): boolean | undefined {
  const response = turns[0]?.response ?? '';
  const spoken = check.by === 'text' ? check.options.indexOf(response) : -1;
  const index = spoken >= 0 ? spoken : letterOf(response, check.options.length);
  return index === undefined ? undefined : index === check.answer;
}
