/** A judge as what a search follows: the severity of the last answer, and whether it was a refusal. */
import type { Message } from '../core/records.ts';
import type { Scorer } from '../dialogue/strategies/search.ts';
import { endsWork } from '../core/errors.ts';
import type { Judge, JudgeInput, Judgement } from '../judges/judge.ts';

/** What the judge could not score is not known to the search either. Errors: those that end the work. */
export function searchScorer(judge: Judge, signal: AbortSignal | undefined): Scorer {
  return {
    id: judge.id,
    async score(scenario, turns, madeUp) {
      const last = turns.at(-1)!;
      const history: Message[] = [
        ...madeUp,
        ...turns.slice(0, -1).flatMap((turn): Message[] => [
          { role: 'user', content: turn.plain },
          { role: 'assistant', content: turn.response },
        ]),
      ];
      const input: JudgeInput = {
        prompt: last.plain,
        ...(last.request === last.plain ? {} : { sent: last.request }),
        response: last.response,
        history,
        objective: scenario.objective,
        ...(scenario.language === undefined ? {} : { language: scenario.language }),
      };
      const asked = async (metric: 'severity' | 'refusal'): Promise<Judgement> => {
        try {
          return await judge.judge(input, metric, signal);
        } catch (thrown) {
          signal?.throwIfAborted();
          if (endsWork(thrown)) throw thrown;
          return { status: 'unscored', reason: 'judge-error' };
        }
      };
      const [severity, refusal] = await Promise.all([asked('severity'), asked('refusal')]);
      return {
        severity: severity.status === 'scored' ? severity.severity : undefined,
        refused: refusal.status === 'scored' ? refusal.refusal === 'full' : undefined,
      };
    },
  };
}
