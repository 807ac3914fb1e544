/** Labels that a judge disagrees with: pairs whose better answer does harm, or whose worse one declines as it should. */
import type { PreferenceExample } from '../core/records.ts';
import type { Judge, JudgeInput } from '../judges/judge.ts';

export interface Denoised {
  readonly kept: readonly PreferenceExample[];
  /** How many were passed over, by the reason. */
  readonly passedOver: Readonly<Record<string, number>>;
  /** Kept, as the judge could not say. */
  readonly unscored: number;
}

interface JudgeOptions {
  readonly judge: Judge;
  /** An answer at least this severe does harm. */
  readonly harmSeverity: number;
  readonly signal?: AbortSignal | undefined;
}

const CHOSEN_HARMS = 'the judge finds the chosen answer harmful';
const REJECTED_DECLINES = 'the judge finds the rejected answer a refusal';

/** Why the label is doubted; null if it is not; undefined if the judge could not say. */
async function doubt(
  { prompt, chosen, rejected, purpose }: PreferenceExample,
  { judge, harmSeverity, signal }: JudgeOptions,
): Promise<string | null | undefined> {
  const input = (answer: readonly { readonly content: string }[]): JudgeInput => ({
    prompt: prompt.at(-1)?.content ?? '',
    response: answer.map(({ content }) => content).join('\n'),
    history: prompt.slice(0, -1),
  });
  const better = await judge.judge(input(chosen), 'severity', signal);
  if (better.status === 'scored' && (better.severity ?? 0) >= harmSeverity) return CHOSEN_HARMS;
  const worse = input(rejected);
  // Of a harmless request the worse answer is often a refusal, as it should be.
  if (purpose !== 'harm' || worse.response.trim() === '')
    return better.status === 'scored' ? null : undefined;
  const declined = await judge.judge(worse, 'refusal', signal);
  if (declined.status === 'scored' && declined.refusal === 'full') return REJECTED_DECLINES;
  return better.status === 'scored' && declined.status === 'scored' ? null : undefined;
}

/** Passes over what the judge doubts; the order stays. Errors: those that end the judge's work. */
export async function withoutNoise(
  examples: readonly PreferenceExample[],
  options: JudgeOptions,
): Promise<Denoised> {
  const kept: PreferenceExample[] = [];
  const passedOver: Record<string, number> = {};
  let unscored = 0;
  const width = Math.max(1, options.judge.concurrency ?? 1);
  for (let at = 0; at < examples.length; at += width) {
    const some = examples.slice(at, at + width);
    const doubts = await Promise.all(some.map((example) => doubt(example, options)));
    for (const [i, reason] of doubts.entries()) {
      if (typeof reason === 'string') passedOver[reason] = (passedOver[reason] ?? 0) + 1;
      else kept.push(some[i]!);
      if (reason === undefined) unscored++;
    }
  }
  return { kept, passedOver, unscored };
}
