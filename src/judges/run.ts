/** Conversation in, verdicts out: one a turn and metric. */
import { contentHash } from '../core/ids.ts';
import type { Conversation, Message, Metric, Scenario, Turn, Verdict } from '../core/records.ts';
import { errorMessage } from '../core/errors.ts';
import type { Judge, JudgeInput, Judgement } from './judge.ts';

/** The scenario's own metric, `refusal` always, and `severity` wherever harm can be asked for or missed. */
export function metricsFor(scenario: Scenario): Metric[] {
  const implied: readonly Metric[] =
    scenario.kind === 'grounded' ? ['ungroundedness', 'refusal'] : ['severity', 'refusal'];
  return [...new Set<Metric>([scenario.metric, ...implied])];
}

export function verdictId(conversation: string, turn: number, judge: string, metric: Metric): string {
  return contentHash({ conversation, turn, judge, metric });
}

export async function judgeConversation(
  conversation: Conversation,
  scenario: Scenario,
  judge: Judge,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const history: Message[] = [];
  for (const turn of conversation.turns) {
    for (const metric of metricsFor(scenario)) {
      const base = {
        id: verdictId(conversation.id, turn.index, judge.id, metric),
        conversation: conversation.id,
        turn: turn.index,
        metric,
        judge: judge.id,
      };
      verdicts.push({ ...base, ...(await judgeTurn(turn, scenario, judge, metric, [...history])) });
    }
    history.push({ role: 'user', content: turn.plain }, { role: 'assistant', content: turn.response });
  }
  return verdicts;
}

async function judgeTurn(
  turn: Turn,
  scenario: Scenario,
  judge: Judge,
  metric: Metric,
  history: readonly Message[],
): Promise<Judgement> {
  if (turn.finish === 'error' || turn.finish === 'blocked') {
    return {
      status: 'unscored',
      reason: turn.error === undefined ? turn.finish : `${turn.finish}: ${turn.error}`,
    };
  }
  if (!judge.metrics.includes(metric))
    return { status: 'unscored', reason: `${judge.id} does not judge ${metric}` };
  const input: JudgeInput = {
    prompt: turn.plain,
    response: turn.response,
    history,
    objective: scenario.objective,
    ...(scenario.context === undefined ? {} : { context: scenario.context }),
  };
  try {
    return await judge.judge(input, metric);
  } catch (thrown) {
    return { status: 'unscored', reason: `judge-error: ${errorMessage(thrown)}` };
  }
}
