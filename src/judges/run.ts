/** Conversation in, verdicts out: one a turn and metric, or one a metric where the judge judges conversations whole. */
import { placeOfInvalid } from '../core/invalid.ts';
import { contentHash } from '../core/ids.ts';
import type { Conversation, Message, Metric, Scenario, Turn, Verdict } from '../core/records.ts';
import { endsWork, errorMessage } from '../core/errors.ts';
import { CALL_FAILED, type Judge, type JudgeInput, type Judgement, type WholeJudgement } from './judge.ts';

/** The scenario's own metric, `refusal` always, and `severity` wherever harm can be asked for or missed. */
export function metricsFor(scenario: Scenario): Metric[] {
  // A letter is neither harm nor a refusal, and what must be followed may look like neither an answer nor prose.
  if (scenario.check) return scenario.check.kind === 'choice' ? [] : ['refusal'];
  const implied: readonly Metric[] =
    scenario.kind === 'grounded' ? ['ungroundedness', 'refusal'] : ['severity', 'refusal'];
  return [...new Set<Metric>([scenario.metric, ...implied])];
}

export function verdictId(conversation: string, turn: number, judge: string, metric: Metric): string {
  return contentHash({ conversation, turn, judge, metric });
}

const wholeVerdictId = (conversation: string, judge: string, metric: Metric): string =>
  contentHash({ conversation, scope: 'conversation', judge, metric });

/**
 * All turns and metrics at once: a judge that is called must not be waited for one by one. `known`: verdicts that are
 * not asked for again. Errors: those that end the work, once no call is under way.
 */
export async function judgeConversation(
  conversation: Conversation,
  scenario: Scenario,
  judge: Judge,
  { known = [], signal }: { known?: readonly Verdict[]; signal?: AbortSignal | undefined } = {},
): Promise<Verdict[]> {
  const have = new Map(known.map((verdict) => [verdict.id, verdict]));
  const history: Message[] = [...(conversation.madeUp ?? [])];
  const jobs: Promise<Verdict>[] = [];
  const answers: Answer[] = [];
  const isWhole = (metric: Metric): boolean => judge.whole?.metrics.includes(metric) === true;
  for (const turn of conversation.turns) {
    const before = [...history];
    if (unjudgeable(conversation, turn) === null)
      answers.push({ turn: turn.index, input: inputOf(turn, scenario, before) });
    for (const metric of metricsFor(scenario)) {
      if (isWhole(metric)) continue;
      const id = verdictId(conversation.id, turn.index, judge.id, metric);
      const base = { id, conversation: conversation.id, turn: turn.index, metric, judge: judge.id };
      const judged = async (): Promise<Verdict> => ({
        ...base,
        ...(unjudgeable(conversation, turn) ??
          (await judgeTurn(turn, scenario, judge, metric, before, signal))),
      });
      jobs.push(have.has(id) ? Promise.resolve(have.get(id) as Verdict) : judged());
    }
    history.push({ role: 'user', content: turn.plain }, { role: 'assistant', content: turn.response });
  }
  for (const metric of conversation.turns.length === 0 ? [] : metricsFor(scenario).filter(isWhole)) {
    const id = wholeVerdictId(conversation.id, judge.id, metric);
    const judged = async (): Promise<Verdict> => {
      const { turn, judgement } = await judgeWhole(conversation, answers, judge, metric, signal);
      const base = { id, conversation: conversation.id, turn, metric, judge: judge.id };
      return { ...base, scope: 'conversation', ...judgement };
    };
    jobs.push(have.has(id) ? Promise.resolve(have.get(id) as Verdict) : judged());
  }
  const settled = await Promise.allSettled(jobs);
  return settled.map((job) => {
    if (job.status === 'rejected') throw job.reason;
    return job.value;
  });
}

/** What has no answer of the target to judge, or none to a user. */
function unjudgeable({ invalid }: Conversation, turn: Turn): Judgement | null {
  if (invalid)
    return { status: 'unscored', reason: `simulator-invalid: ${placeOfInvalid(invalid)}: ${invalid.reason}` };
  if (turn.finish !== 'error' && turn.finish !== 'blocked') return null;
  const { finish, error } = turn;
  return { status: 'unscored', reason: error === undefined ? finish : `${finish}: ${error}` };
}

/** What a judge is shown of a turn. */
export const inputOf = (
  turn: Pick<Turn, 'request' | 'plain' | 'response'>,
  scenario: Pick<Scenario, 'objective' | 'context' | 'language'>,
  history: readonly Message[],
): JudgeInput => ({
  prompt: turn.plain,
  ...(turn.request === turn.plain ? {} : { sent: turn.request }),
  response: turn.response,
  history,
  objective: scenario.objective,
  ...(scenario.context === undefined ? {} : { context: scenario.context }),
  ...(scenario.language === undefined ? {} : { language: scenario.language }),
});

async function judgeTurn(
  turn: Turn,
  scenario: Scenario,
  judge: Judge,
  metric: Metric,
  history: readonly Message[],
  signal: AbortSignal | undefined,
): Promise<Judgement> {
  if (!judge.metrics.includes(metric))
    return { status: 'unscored', reason: `${judge.id} does not judge ${metric}` };
  const input = inputOf(turn, scenario, history);
  try {
    return await judge.judge(input, metric, signal);
  } catch (thrown) {
    signal?.throwIfAborted();
    if (endsWork(thrown)) throw thrown;
    return { status: 'unscored', reason: `${CALL_FAILED}: ${errorMessage(thrown)}` };
  }
}

interface Answer {
  readonly turn: number;
  readonly input: JudgeInput;
}

/** A verdict on all answers that there are; without any, why the last turn has none. */
async function judgeWhole(
  conversation: Conversation,
  answers: readonly Answer[],
  judge: Judge,
  metric: Metric,
  signal: AbortSignal | undefined,
): Promise<{ readonly turn: number; readonly judgement: Judgement }> {
  const last = conversation.turns.at(-1)!;
  if (answers.length === 0)
    return { turn: last.index, judgement: unjudgeable(conversation, last) as Judgement };
  let found: WholeJudgement;
  try {
    found = await judge.whole!.judge(
      answers.map(({ input }) => input),
      metric,
      signal,
    );
  } catch (thrown) {
    signal?.throwIfAborted();
    if (endsWork(thrown)) throw thrown;
    found = { status: 'unscored', reason: `${CALL_FAILED}: ${errorMessage(thrown)}` };
  }
  const { worst, ...judgement } = found;
  return { turn: (worst === undefined ? answers.at(-1) : answers[worst])!.turn, judgement };
}
