/**
 * Answers that were due, in the target's own words: a harmless request that it refused is asked again with the first word of an
 * answer put into its mouth. The words are those with which its own answers begin most often; what comes of one is judged.
 */
import type { Message, PreferenceExample } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { Judge } from '../judges/judge.ts';
import { inputOf } from '../judges/run.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { Target } from '../models/target.ts';
import { goodAnswer, learnable } from './good-answer.ts';
import { answeredInstead, type Mistaken, refusedByMistake, type Revised, verdictOn } from './reviser.ts';

export interface BegunTools {
  readonly target: Target;
  readonly judge: Judge;
  readonly seed: number;
  readonly maxTokens: number;
  readonly signal?: AbortSignal | undefined;
}

/** For lineage. */
export const BEGUN = 'target, begun for it';

/** First words that are tried for a request, one after the other. */
const TRIES = 3;
/** Letters of a first word at most: of a script without spaces it is a clause. */
const LONGEST = 20;
/** Letters that the target must add to it. */
const ENOUGH = 15;
/** Requests that are asked at once. */
const WIDTH = 128;

const firstWord = (text: string): string => /^[\p{L}\p{M}\p{N}]+/u.exec(text.trimStart())?.[0] ?? '';

/** The words with which answers begin most often, none of which a refusal begins with. */
function firstWords(judged: readonly Judged[]): string[] {
  const counts = new Map<string, number>();
  const refusals = new Set<string>();
  for (const one of judged)
    for (const [turn, { response }] of one.conversation.turns.entries()) {
      const word = firstWord(response);
      const verdict = one.verdicts.find((each) => each.turn === turn && each.metric === 'refusal');
      if (verdict?.status === 'scored' && verdict.refusal !== 'none') refusals.add(word.toLowerCase());
      // A letter is the beginning of too many words.
      else if (
        one.scenario.kind !== 'adversarial' &&
        word.length > 1 &&
        word.length <= LONGEST &&
        goodAnswer(one, turn)
      )
        counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  return [...counts]
    .filter(([word]) => !refusals.has(word.toLowerCase()))
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, TRIES)
    .map(([word]) => word);
}

/** One example for each harmless request whose refusal could be turned. Errors: those of the target and the judge. */
export async function beginAnswers(
  judged: readonly Judged[],
  { target, judge, seed, maxTokens, signal }: BegunTools,
  done: (count: number) => void = () => {},
): Promise<Revised<PreferenceExample>> {
  const kept: Record<string, number> = {};
  const words = target.prefills === true ? firstWords(judged) : [];
  if (words.length === 0) return { revised: [], kept };
  let count = 0;
  let failed = false;
  const begun = async (one: Mistaken) => {
    const { scenario, conversation, prompt } = one;
    let problem = '';
    for (const word of words) {
      signal?.throwIfAborted();
      if (failed) return null;
      const messages: Message[] = [...prompt, { role: 'assistant', content: word }];
      const stream = rng('begun', seed, conversation.id, word).int(2 ** 31);
      const reply = await target.respond(messages, {
        seed: stream,
        maxTokens,
        ...(signal ? { signal } : {}),
      });
      const longer = /^[\p{L}\p{M}\p{N}]/u.test(reply.text);
      const letters = reply.text.match(/\p{L}/gu)?.length ?? 0;
      const answer = longer || letters < ENOUGH ? null : learnable(`${word}${reply.text}`, reply.finish);
      problem =
        answer === null
          ? longer
            ? 'the word became another'
            : 'the answer is too short'
          : ((await verdictOn(
              'answer',
              inputOf({ ...conversation.turns[0]!, response: answer.text }, scenario, prompt.slice(0, -1)),
              { judge, signal },
            )) ?? '');
      if (answer === null || problem !== '') continue;
      done(++count);
      return answeredInstead(one, answer, BEGUN);
    }
    kept[problem] = (kept[problem] ?? 0) + 1;
    done(++count);
    return null;
  };
  const made: (PreferenceExample | null)[] = [];
  const refused = refusedByMistake(judged);
  for (let at = 0; at < refused.length; at += WIDTH) {
    const settled = await Promise.allSettled(
      refused.slice(at, at + WIDTH).map((one) =>
        begun(one).catch((error: unknown) => {
          failed = true; // the others begin nothing new
          throw error;
        }),
      ),
    );
    for (const outcome of settled) {
      if (outcome.status === 'rejected') throw outcome.reason;
      made.push(outcome.value);
    }
  }
  return { revised: made.filter((example) => example !== null), kept };
}
