/** What people ask in the console, as records that a round can learn from: a scenario, a conversation, verdicts, a finding. */
import { TemperError } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import type { Conversation, Finding, Metric, Scenario, Turn, Verdict } from '../core/records.ts';
import type { Judgement } from '../judges/judge.ts';
import { verdictId } from '../judges/run.ts';
import { BY_HAND } from '../loop/arms.ts';
import type { Note } from '../store/store.ts';

export const SESSION_NOTE = 'console-session';
export const TURN_NOTE = 'console-turn';

export interface ConsoleSession {
  readonly title: string;
  /** What the red teamer wants to reach, in general terms. */
  readonly goal: string;
  readonly category: string;
  readonly system?: string | undefined;
  /** Id of the campaign that it is of. */
  readonly campaign?: string | undefined;
  readonly archived?: boolean | undefined;
}

export interface ConsoleReply {
  readonly text: string;
  readonly finish: Turn['finish'];
  readonly tokens: number;
  readonly target: string;
  readonly error?: string | undefined;
  readonly judge: string;
  readonly verdicts: readonly { readonly metric: Metric; readonly judgement: Judgement }[];
}

export interface ConsoleTurn {
  /** The turn that it follows; null at the beginning. Several may follow one: branches. */
  readonly parent: string | null;
  readonly plain: string;
  readonly request: string;
  readonly attacks: readonly string[];
  /** The strategy that proposed the message. */
  readonly strategy?: string | undefined;
  readonly seed: number;
  /** By arm: `base`, or the name of an adapter. */
  readonly replies: Readonly<Record<string, ConsoleReply>>;
}

const KEY = /^by-hand-(\w{6})-(\w{6})$/;

/** Beginnings of the ids of session and turn, as the key of a scenario by hand has them. */
export function sessionAndTurn(key: string): { session: string; turn: string } | null {
  const [, session, turn] = KEY.exec(key) ?? [];
  return session === undefined || turn === undefined ? null : { session, turn };
}

/** The turns up to one, the first first. Errors: `absent`. */
export function pathTo(turns: readonly Note<ConsoleTurn>[], id: string | null): Note<ConsoleTurn>[] {
  const byId = new Map(turns.map((turn) => [turn.id, turn]));
  const path: Note<ConsoleTurn>[] = [];
  for (let at = id; at !== null;) {
    const turn = byId.get(at);
    if (!turn) throw new TemperError('absent', `no turn ${at} is in this session`);
    path.unshift(turn);
    at = turn.record.parent;
  }
  return path;
}

export interface FindingByHand {
  readonly session: Note<ConsoleSession>;
  readonly path: readonly Note<ConsoleTurn>[];
  readonly arm: string;
  readonly kind: Finding['kind'];
  readonly category: string;
  readonly severity: number;
  readonly note: string;
  readonly author: string;
}

export interface ByHandRecords {
  readonly scenario: Scenario;
  readonly conversation: Conversation;
  readonly verdicts: readonly Verdict[];
  readonly finding: Finding;
}

/** Errors: `data` for a path on which the arm gave no answer. */
export function recordsOf(input: FindingByHand): ByHandRecords {
  const { session, path, arm, kind, category, severity, note, author } = input;
  const turns = path.map(({ record }, index): Turn => {
    const reply = record.replies[arm];
    if (!reply || reply.finish === 'error' || reply.finish === 'blocked')
      throw new TemperError('data', `turn ${index + 1} has no answer of ${arm}`, {
        hint: 'Ask it there first, or record the finding for the model that answered every turn.',
      });
    const before = index === 0 ? null : path[index - 1]!.record.replies[arm];
    const refused = before?.verdicts.some(
      ({ judgement }) => judgement.status === 'scored' && judgement.refusal === 'full',
    );
    return {
      index,
      request: record.request,
      plain: record.plain,
      move: index === 0 ? 'opening' : refused ? 'after-refusal' : 'after-answer',
      response: reply.text,
      finish: reply.finish,
      tokens: reply.tokens,
    };
  });
  const last = path.at(-1)!;
  const { attacks } = last.record;
  const attack = attacks.length === 1 ? { attack: attacks[0] as string } : {};
  const harm = kind === 'harm';
  const described = {
    suite: BY_HAND,
    split: 'dev',
    category,
    kind: harm ? 'adversarial' : 'benign',
    metric: harm ? 'severity' : 'refusal',
    persona: 'by-hand',
    objective: session.record.goal === '' ? turns[0]!.plain : session.record.goal,
    turns: turns.length,
    ...attack,
  } as const;
  const scenario: Scenario = {
    id: contentHash({ ...described, turn: last.id }),
    key: `by-hand-${session.subject.slice(0, 6)}-${last.id.slice(0, 6)}`,
    ...described,
  };
  const { system } = session.record;
  const head = {
    scenario: scenario.id,
    target: last.record.replies[arm]!.target,
    simulator: `person:${author}`,
    ...attack,
    seed: last.record.seed,
    sample: 0,
    ...(system ? { system } : {}),
  };
  const conversation: Conversation = { id: contentHash({ conversation: head, turns }), ...head, turns };
  const own = `person:${author}`;
  const at = turns.length - 1;
  const base = { conversation: conversation.id, turn: at };
  const metric = harm ? 'severity' : 'refusal';
  const mine: Verdict = {
    ...base,
    id: verdictId(conversation.id, at, own, metric),
    metric,
    judge: own,
    status: 'scored',
    ...(harm ? { severity } : { refusal: 'full' as const }),
    ...(note === '' ? {} : { rationale: note }),
  };
  const judged = path.flatMap(({ record }, turn): Verdict[] => {
    const reply = record.replies[arm]!;
    return reply.verdicts.map(({ metric: of, judgement }): Verdict => ({
      id: verdictId(conversation.id, turn, reply.judge, of),
      conversation: conversation.id,
      turn,
      metric: of,
      judge: reply.judge,
      ...judgement,
    }));
  });
  const finding: Finding = {
    id: contentHash({ finding: kind, conversation: conversation.id, turn: at, verdict: mine.id }),
    kind,
    conversation: conversation.id,
    scenario: scenario.id,
    verdict: mine.id,
    turn: at,
    category,
    ...attack,
    ...(harm ? { severity } : {}),
  };
  return { scenario, conversation, verdicts: [...judged, mine], finding };
}
