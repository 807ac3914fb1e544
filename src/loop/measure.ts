/** Scenarios against a target, judged and stored; what the store has already is not run again. */
import { type Emit, silent } from '../core/events.ts';
import type { Conversation, Scenario } from '../core/records.ts';
import { conversationId, runConversations } from '../dialogue/run.ts';
import type { Judge } from '../judges/judge.ts';
import { judgeConversation } from '../judges/run.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { Target } from '../models/target.ts';
import type { Store } from '../store/store.ts';

export interface MeasureDependencies {
  readonly store: Store;
  readonly judge: Judge;
  readonly emit?: Emit;
}

export interface MeasureOptions {
  readonly stage: string;
  readonly seed: number;
  readonly maxTokens: number;
  readonly system?: string | undefined;
  /** Run again what ended with an error: elsewhere it may have passed, on the embedded engine it would not. */
  readonly retryErrors: boolean;
  /** Conversations under way at once. */
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
}

/** Whether an answer contains one of the accepted strings as whole words. */
export function isCorrect(scenario: Scenario, conversation: Conversation): boolean | undefined {
  if (!scenario.accept) return undefined;
  const [turn] = conversation.turns;
  if (!turn || turn.finish === 'error' || turn.finish === 'blocked') return undefined;
  const words = (text: string): string =>
    ` ${(text.toLowerCase().match(/[\p{L}\p{N}.]+/gu) ?? []).map((w) => w.replace(/\.+$/, '')).join(' ')} `;
  const answer = words(turn.response);
  return scenario.accept.some((accepted) => answer.includes(words(accepted)));
}

/**
 * Works on what a generator yields, several at once: a judge that is called must not wait for the one before. When one
 * fails, `stop` ends the generator: its own `return` would wait behind what the others have asked it for. What was begun
 * is finished. Errors: the first.
 */
async function shared<T>(
  items: AsyncGenerator<T>,
  width: number,
  stop: AbortController,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let first: { error: unknown } | null = null;
  const take = async (): Promise<void> => {
    try {
      for (let next = await items.next(); next.done !== true; next = await items.next())
        await work(next.value);
    } catch (error) {
      first ??= { error };
      stop.abort(error);
    }
  };
  await Promise.all(Array.from({ length: width }, take));
  const failure = first as { error: unknown } | null;
  if (failure) throw failure.error;
}

const failed = ({ turns }: Conversation): boolean => turns.some(({ finish }) => finish === 'error');

/** All scenarios, judged, in the order given. */
export async function measure(
  scenarios: readonly Scenario[],
  target: Target,
  { store, judge, emit = silent }: MeasureDependencies,
  options: MeasureOptions,
): Promise<Judged[]> {
  const settings = {
    seed: options.seed,
    ...(options.system === undefined ? {} : { system: options.system }),
  };
  const byId = new Map(scenarios.map((scenario) => [scenario.id, scenario]));
  const done = new Map<string, Judged>();
  const judged = (scenario: Scenario, conversation: Conversation, verdicts: Judged['verdicts']): Judged => {
    const correct = isCorrect(scenario, conversation);
    return { scenario, conversation, verdicts, ...(correct === undefined ? {} : { correct }) };
  };
  for (const scenario of scenarios) {
    const id = conversationId(scenario, target.id, settings, 0);
    const known = await store.conversation(id);
    if (!known || (options.retryErrors && failed(known.conversation))) continue;
    let verdicts = await store.verdicts(id, judge.id);
    if (verdicts.length === 0) {
      // Judged by another judge or version before: the conversation stays, the verdicts are new.
      verdicts = await judgeConversation(known.conversation, scenario, judge);
      await store.saveConversation(known, verdicts);
    }
    done.set(scenario.id, judged(scenario, known.conversation, verdicts));
  }
  const total = scenarios.length;
  const missing = scenarios.filter((scenario) => !done.has(scenario.id));
  if (missing.length === 0) {
    emit({
      type: 'stage',
      stage: options.stage,
      status: 'skipped',
      detail: `${total} conversations from the store`,
    });
  } else {
    emit({ type: 'stage', stage: options.stage, status: 'start', detail: `${missing.length} conversations` });
    const stop = new AbortController();
    const { signal } = options;
    const running = runConversations(
      missing,
      {
        target,
        isRefusal: async (prompt, response) => {
          const verdict = await judge.judge({ prompt, response }, 'refusal');
          return verdict.status === 'scored' && verdict.refusal === 'full';
        },
      },
      {
        ...settings,
        concurrency: options.concurrency,
        maxTokens: options.maxTokens,
        signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
      },
    );
    const finish = async (conversation: Conversation): Promise<void> => {
      const scenario = byId.get(conversation.scenario) as Scenario;
      const verdicts = await judgeConversation(conversation, scenario, judge);
      await store.saveConversation({ scenario, conversation }, verdicts);
      done.set(scenario.id, judged(scenario, conversation, verdicts));
      emit({ type: 'progress', stage: options.stage, done: done.size, total, unit: 'conversations' });
    };
    await shared(running, options.concurrency, stop, finish);
    emit({ type: 'stage', stage: options.stage, status: 'done' });
  }
  const errors = [...done.values()].filter(({ conversation }) => failed(conversation)).length;
  if (errors > 0) {
    const again = options.retryErrors ? '; the same command asks them again' : '';
    const message = `${errors} of ${total} conversations ended with an error and are unscored${again}`;
    emit({ type: 'note', level: 'warning', message });
  }
  return scenarios.map((scenario) => done.get(scenario.id) as Judged);
}
