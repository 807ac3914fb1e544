/** Scenarios against a target, judged and stored; what the store has already is not run again. */
import { endsWork, TemperError } from '../core/errors.ts';
import { type Emit, silent } from '../core/events.ts';
import type { Conversation, Scenario, Verdict } from '../core/records.ts';
import { isRightChoice } from '../dialogue/choice.ts';
import { conversationId, runConversations } from '../dialogue/run.ts';
import type { Simulator } from '../dialogue/simulator.ts';
import { followsAll } from '../judges/checks/instructions.ts';
import { embeddedJudge } from '../judges/embedded.ts';
import { failedCall, type Judge } from '../judges/judge.ts';
import { judgeConversation, metricsFor } from '../judges/run.ts';
import { invalidText } from './scorecard.ts';
import type { Judged } from '../metrics/conversation.ts';
import { rememberTarget } from './target-names.ts';
import type { Target } from '../models/target.ts';
import type { Store } from '../store/store.ts';

export interface MeasureDependencies {
  readonly store: Store;
  readonly judge: Judge;
  /** Default: the scripted personas. */
  readonly simulator?: Simulator;
  readonly emit?: Emit;
}

export interface MeasureOptions {
  readonly stage: string;
  readonly seed: number;
  readonly maxTokens: number;
  /** Conversations for each scenario; default: 1. */
  readonly samples?: number | undefined;
  readonly system?: string | undefined;
  /** Run again what ended with an error: elsewhere it may have passed, on the embedded engine it would not. */
  readonly retryErrors: boolean;
  /** Conversations under way at once. */
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
}

/** Whether an answer passes its check, or contains one of the accepted strings as whole words. */
export function isCorrect(scenario: Scenario, conversation: Conversation): boolean | undefined {
  const { check } = scenario;
  if ((!scenario.accept && !check) || conversation.invalid) return undefined;
  const [turn] = conversation.turns;
  if (!turn || turn.finish === 'error' || turn.finish === 'blocked') return undefined;
  if (check?.kind === 'choice') return isRightChoice(check, conversation);
  if (check) return followsAll(turn.response, check.instructions);
  if (!scenario.accept) return undefined;
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
  { stop, drain }: Record<'stop' | 'drain', AbortController>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let first: { error: unknown } | null = null;
  const take = async (): Promise<void> => {
    for (;;) {
      try {
        const next = await items.next();
        if (next.done === true) return;
        await work(next.value);
      } catch (error) {
        first ??= { error };
        // What is paid for and under way is not thrown away where only calls have ended.
        if (!endsWork(error)) {
          stop.abort(error);
          return;
        }
        drain.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: width }, take));
  const failure = first as { error: unknown } | null;
  if (failure) throw failure.error;
}

const failed = ({ turns }: Conversation): boolean => turns.some(({ finish }) => finish === 'error');

/** Whether a call to the judge or the simulator failed. */
export const hasFailedCall = ({ conversation, verdicts }: Judged): boolean =>
  conversation.invalid?.kind === 'error' || verdicts.some(failedCall);

/** A call to the simulator that failed is asked again wherever the target is. */
const askedAgain = (conversation: Conversation, { retryErrors }: MeasureOptions): boolean =>
  conversation.invalid?.kind === 'error' || (retryErrors && failed(conversation));

const ends = () => ({ stop: new AbortController(), drain: new AbortController() });

/** The generator of a list, which ends when it is drained. */
// oxlint-disable-next-line typescript/require-await -- as what `shared` takes
async function* each<T>(items: readonly T[], drain: AbortSignal): AsyncGenerator<T> {
  for (const item of items) {
    if (drain.aborted) return;
    yield item;
  }
}

/** Decides the scripted user's next move, whoever judges: a conversation must not depend on its judge. */
function isRefusal(prompt: string, response: string): Promise<boolean> {
  const verdict = embeddedJudge().judgeNow({ prompt, response }, 'refusal');
  return Promise.resolve(verdict.status === 'scored' && verdict.refusal === 'full');
}

/** All scenarios, judged, in the order given, the conversations of one beside each other. Errors: the first of those that end the work; what is finished is stored. */
export async function measure(
  scenarios: readonly Scenario[],
  target: Target,
  { store, judge, simulator, emit = silent }: MeasureDependencies,
  options: MeasureOptions,
): Promise<Judged[]> {
  const { stage, concurrency, signal, samples = 1 } = options;
  const settings = {
    seed: options.seed,
    ...(options.system === undefined ? {} : { system: options.system }),
  };
  await rememberTarget(store, target);
  const byId = new Map(scenarios.map((scenario) => [scenario.id, scenario]));
  const total = scenarios.length * samples;
  const done = new Map<string, Judged>();
  const finish = (scenario: Scenario, conversation: Conversation, verdicts: readonly Verdict[]): void => {
    const correct = isCorrect(scenario, conversation);
    done.set(conversation.id, {
      scenario,
      conversation,
      verdicts,
      ...(correct === undefined ? {} : { correct }),
    });
  };
  const judgeAndStore = async (conversation: Conversation, known?: readonly Verdict[]): Promise<void> => {
    const scenario = byId.get(conversation.scenario) as Scenario;
    let verdicts: readonly Verdict[] = [];
    try {
      verdicts = await judgeConversation(conversation, scenario, judge, { known: known ?? [], signal });
    } finally {
      // Without verdicts, too, where the judge ended the work: the next command judges it.
      await store.saveConversation({ scenario, conversation }, verdicts);
    }
    finish(scenario, conversation, verdicts);
    emit({ type: 'progress', stage, done: done.size, total, unit: 'conversations' });
  };
  const unjudged: { conversation: Conversation; verdicts: readonly Verdict[] }[] = [];
  const missing = new Set<string>();
  const identity = simulator === undefined ? settings : { ...settings, simulator: simulator.id };
  const planned = scenarios.flatMap((scenario) =>
    Array.from({ length: samples }, (_, sample) => ({
      scenario,
      id: conversationId(scenario, target.id, identity, sample),
    })),
  );
  for (const { scenario, id } of planned) {
    const known = await store.conversation(id);
    if (!known || askedAgain(known.conversation, options)) missing.add(id);
    else {
      const { conversation } = known;
      const stored = await store.verdicts(id, judge.id);
      // A call of the judge that failed may do now.
      const verdicts = stored.filter((verdict) => !failedCall(verdict));
      // None: judged by another judge or version before, or not at all; the conversation stays.
      const none = stored.length === 0 && conversation.turns.length > 0 && metricsFor(scenario).length > 0;
      if (none || verdicts.length < stored.length) unjudged.push({ conversation, verdicts });
      else finish(scenario, conversation, stored);
    }
  }
  if (missing.size + unjudged.length === 0) {
    emit({ type: 'stage', stage, status: 'skipped', detail: `${total} conversations from the store` });
  } else {
    const again = unjudged.length > 0 && judge.concurrency !== undefined;
    const detail = `${missing.size} conversations${again ? `, ${unjudged.length} more to judge` : ''}`;
    emit({ type: 'stage', stage, status: 'start', detail });
    const ending = ends();
    const { stop, drain } = ending;
    await shared(each(unjudged, drain.signal), concurrency, ending, ({ conversation, verdicts }) =>
      judgeAndStore(conversation, verdicts),
    );
    const running = runConversations(
      scenarios,
      { target, isRefusal, has: (id) => !missing.has(id), ...(simulator ? { simulator } : {}) },
      {
        ...settings,
        samples,
        concurrency,
        maxTokens: options.maxTokens,
        signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
        drain: drain.signal,
      },
    );
    await shared(running, concurrency, ending, (conversation) => judgeAndStore(conversation));
    emit({ type: 'stage', stage, status: 'done' });
  }
  const results = planned.map(({ id }) => done.get(id) as Judged);
  warn(results, options, emit);
  return results;
}

/** Share of conversations whose calls may fail twice; they stay unscored. */
const MOST_FAILED = 0.1;

/**
 * The same, where the next step rests on it: calls that failed are made once more. Errors: `provider`, too, where many
 * failed again.
 */
export async function measureTwice(...asked: Parameters<typeof measure>): Promise<Judged[]> {
  const judged = await measure(...asked);
  if (!judged.some(hasFailedCall)) return judged;
  const again = await measure(...asked);
  const failed = again.filter(hasFailedCall).length;
  if (failed <= again.length * MOST_FAILED) return again;
  const what = `calls failed in ${failed} of ${again.length} conversations (${asked[3].stage})`;
  throw new TemperError('provider', what, {
    hint: 'What is finished is kept; the same command asks the rest again.',
  });
}

/** Says what is unscored because a call failed or the simulator did. */
function warn(results: readonly Judged[], { retryErrors }: MeasureOptions, emit: Emit): void {
  const note = (message: string): void => emit({ type: 'note', level: 'warning', message });
  const again = '; the same command asks them again';
  const errors = results.filter(({ conversation }) => failed(conversation)).length;
  if (errors > 0)
    note(
      `${errors} of ${results.length} conversations ended with an error and are unscored${retryErrors ? again : ''}`,
    );
  const unjudged = results.filter(({ verdicts }) => verdicts.some(failedCall)).length;
  if (unjudged > 0)
    note(`${unjudged} of ${results.length} conversations have verdicts whose calls failed${again}`);
  const invalid = invalidText(results);
  if (invalid !== null) note(invalid);
}
