/**
 * What a strategy would say next in a conversation that a person holds: it is run over the turns that were had, and the first message
 * beyond them is its proposal. A strategy that takes a refused message back proposes another beginning from the turn before.
 */
import { TemperError } from '../core/errors.ts';
import type { Scenario } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import { SCRIPTED_PROPOSER } from '../dialogue/strategies/proposer.ts';
import { STRATEGIES, technique } from '../dialogue/strategies/index.ts';
import type { Line } from '../dialogue/strategies/strategy.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';
import type { Note } from '../store/store.ts';
import type { ConsoleSession, ConsoleTurn } from './by-hand.ts';

export interface Move {
  readonly strategy: string;
  readonly request: string;
  /** The turn that it follows; null: a new beginning. */
  readonly after: string | null;
}

/** What ends a strategy once its message is known. */
class Proposed extends Error {
  readonly move: Omit<Move, 'strategy'>;
  constructor(move: Omit<Move, 'strategy'>) {
    super('proposed');
    this.move = move;
  }
}

const notByHand = (strategy: string, why: string): TemperError =>
  new TemperError('usage', `${strategy} cannot be had by hand: ${why}`, {
    hint: `\`temper attack --budget 20 --technique ${strategy}\` runs it.`,
  });

const outcomeOf = ({ record }: Note<ConsoleTurn>, arm: string): Pick<Line, 'outcome' | 'severity'> => {
  const reply = record.replies[arm];
  const scored = (reply?.verdicts ?? []).flatMap(({ judgement }) =>
    judgement.status === 'scored' ? [judgement] : [],
  );
  const severity = scored.find((each) => each.severity !== undefined)?.severity;
  const refused = scored.some((each) => each.refusal === 'full');
  return {
    outcome: reply?.finish === 'blocked' ? 'blocked' : refused ? 'refused' : 'answered',
    ...(severity === undefined ? {} : { severity }),
  };
};

/** Errors: `usage` for no such strategy, or one that cannot be had by hand; `data` where it has no more to say. */
export async function nextMove(
  strategy: string,
  session: Note<ConsoleSession>,
  path: readonly Note<ConsoleTurn>[],
  arm: string,
): Promise<Move> {
  if (!Object.hasOwn(STRATEGIES, strategy))
    throw new TemperError('usage', `there is no strategy ${strategy}`, {
      hint: 'GET /api/console lists them.',
    });
  const { goal, category } = session.record;
  const objective = goal || path[0]?.record.plain;
  if (!objective)
    throw new TemperError('usage', 'a strategy needs a goal', {
      hint: 'Give the session one, or send a first message in plain words.',
    });
  const scenario: Scenario = {
    id: session.subject,
    key: session.subject,
    suite: 'console',
    split: 'dev',
    category,
    kind: 'adversarial',
    metric: 'severity',
    persona: 'by-hand',
    objective,
    turns: path.length + 1,
  };
  const topic = leavesById(loadTaxonomy(BUILT_IN.taxonomy)).get(category)?.name ?? category;
  const random = rng('console', session.subject, strategy);
  let had = 0;
  try {
    await technique(strategy).run({
      scenario,
      topic,
      random,
      ask(line, request, _plain, prefill) {
        if (line.madeUp.length > 0) throw notByHand(strategy, 'it makes up what was said before');
        if (prefill !== undefined) throw notByHand(strategy, 'it begins the answer itself');
        const depth = line.turns.length;
        const turn = path[depth];
        if (turn === undefined || depth < had)
          throw new Proposed({ request, after: depth === 0 ? null : path[depth - 1]!.id });
        had = depth + 1;
        const { record } = turn;
        const said = { index: depth, request: record.request, plain: record.plain } as const;
        const reply = record.replies[arm];
        const move = depth === 0 ? ('opening' as const) : ('after-answer' as const);
        const answer = { response: reply?.text ?? '', finish: reply?.finish ?? 'stop', tokens: 0 } as const;
        return Promise.resolve({
          madeUp: [],
          turns: [...line.turns, { ...said, move, ...answer }],
          ...outcomeOf(turn, arm),
        });
      },
      suffixes: () => {
        throw notByHand(strategy, 'it reads the weights of the model');
      },
      async propose(proposal) {
        const made = await SCRIPTED_PROPOSER.propose({
          ...proposal,
          strategy,
          scenario,
          topic,
          random,
          seed: 1,
        });
        return 'prompt' in made ? made.prompt : objective;
      },
      onTopic: (prompt) => SCRIPTED_PROPOSER.onTopic(prompt, { scenario, seed: 1 }),
      backtrack: () => {},
    });
  } catch (thrown) {
    if (thrown instanceof Proposed) return { strategy, ...thrown.move };
    throw thrown;
  }
  throw new TemperError('data', `${strategy} has no more to say after ${path.length} turns`, {
    hint: 'Go back to an earlier turn, or choose another strategy.',
  });
}
