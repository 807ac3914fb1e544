/** The red-team console: sessions with branches, attacks before they are sent, answers as they come. */
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import { contentHash } from '../../core/ids.ts';
import type { Message } from '../../core/records.ts';
import { rng } from '../../core/rng.ts';
import { attackById, ATTACKS } from '../../dialogue/attacks/index.ts';
import { PERSONAS } from '../../dialogue/simulator.ts';
import { STRATEGIES } from '../../dialogue/strategies/index.ts';
import { errorMessage } from '../../core/errors.ts';
import { latest } from '../../loop/people.ts';
import type { Note } from '../../store/store.ts';
import {
  type ConsoleReply,
  type ConsoleSession,
  type ConsoleTurn,
  pathTo,
  SESSION_NOTE,
  TURN_NOTE,
} from '../by-hand.ts';
import { type ConsoleArm, consoleArms } from '../console-arms.ts';
import type { ServerContext } from '../context.ts';
import { EVENT_STREAM, eventStream } from '../event-stream.ts';
import { problemOf } from '../problems.ts';
import { author, record, routesOf, text } from '../route.ts';
import { campaignOf } from './campaigns.ts';

const on = routesOf('console');

/** What a request to a model tells while it is answered. */
export type AskEvent =
  | { readonly type: 'wait'; readonly arm: string; readonly before: number }
  | { readonly type: 'text'; readonly arm: string; readonly text: string }
  | { readonly type: 'reply'; readonly arm: string; readonly reply: ConsoleReply }
  | { readonly type: 'turn'; readonly turn: Note<ConsoleTurn> }
  | { readonly type: 'error'; readonly error: { code: string; message: string; hint?: string } };

const attacks = z.array(z.string()).max(6).describe('ids of attacks, applied one after the other');

export interface AttackStep {
  readonly attack: string;
  readonly text: string;
}

/** A message through the attacks, one after the other. Errors: `data` for an unknown one. */
export function attacked(plain: string, ids: readonly string[], seed: number): AttackStep[] {
  const steps: AttackStep[] = [];
  for (const [i, id] of ids.entries()) {
    const before = steps.at(-1)?.text ?? plain;
    steps.push({ attack: id, text: attackById(id).apply(before, rng('console', seed, i)) });
  }
  return steps;
}

const sessionBody = z.object({
  title: text(200).default(''),
  goal: text(2000).default(''),
  category: z.string().max(80).default('other'),
  system: text(4000).optional(),
  campaign: z.string().max(200).optional().describe('id of the campaign that it is of'),
  archived: z.boolean().optional(),
  author,
});

export interface ShownSession {
  readonly id: string;
  readonly author: string;
  readonly created: string;
  readonly session: ConsoleSession;
  readonly turns: number;
  /** Who began it, and who asked in it. */
  readonly people: readonly string[];
}

export async function sessionOf(context: ServerContext, id: string): Promise<Note<ConsoleSession>> {
  const note = latest(await context.store.notes<ConsoleSession>(SESSION_NOTE, id)).get(id);
  if (note) return note;
  throw new TemperError('absent', `no session ${id} is in this store`);
}

const messages = (
  system: string | undefined,
  path: readonly Note<ConsoleTurn>[],
  arm: string,
  request: string,
): Message[] => [
  ...(system ? [{ role: 'system' as const, content: system }] : []),
  ...path.flatMap(({ record: turn }): Message[] => [
    { role: 'user', content: turn.request },
    { role: 'assistant', content: turn.replies[arm]?.text ?? '' },
  ]),
  { role: 'user', content: request },
];

const history = (path: readonly Note<ConsoleTurn>[], arm: string): Message[] =>
  path.flatMap(({ record: turn }): Message[] => [
    { role: 'user', content: turn.plain },
    { role: 'assistant', content: turn.replies[arm]?.text ?? '' },
  ]);

export const consoleRoutes = (context: ServerContext) =>
  [
    on(
      {
        method: 'GET',
        path: '/api/console',
        summary: 'What can be asked: models, attacks, categories; and the sessions',
        response: z.object({
          arms: z.array(
            record<ConsoleArm>('`base` or an adapter, and the runs that chose it, the newest first'),
          ),
          judge: z.string(),
          attacks: z.array(
            z.object({
              id: z.string(),
              family: z.string(),
              kind: z.string(),
              description: z.string(),
              source: z.string(),
            }),
          ),
          strategies: z.array(z.object({ id: z.string(), description: z.string(), source: z.string() })),
          sessions: z.array(record<ShownSession>('a session')),
        }),
      },
      async () => {
        const turns = Map.groupBy(await context.store.notes(TURN_NOTE), ({ subject }) => subject);
        const all = await context.store.notes<ConsoleSession>(SESSION_NOTE);
        const begun = new Map(all.toReversed().map((note) => [note.subject, note]));
        const sessions = [...latest(all)].map(([id, { record: session }]): ShownSession => {
          const { author: by, created } = begun.get(id)!;
          const own = turns.get(id) ?? [];
          const people = [...new Set([by, ...own.map((turn) => turn.author)])];
          return { id, author: by, created, session, turns: own.length, people };
        });
        return {
          arms: await consoleArms(context),
          judge: context.chat.judgeName,
          attacks: Object.values(ATTACKS).map(({ id, family, kind, description, source }) => ({
            id,
            family,
            kind,
            description,
            source,
          })),
          strategies: Object.values(STRATEGIES).map(({ id, description, source }) => ({
            id,
            description,
            source,
          })),
          sessions: sessions.filter(({ session }) => !session.archived).reverse(),
        };
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/console/sessions',
        needs: 'red-teamer',
        summary: 'Begin a session',
        body: sessionBody,
        response: record<Note<ConsoleSession>>('the session; its id is `subject`'),
      },
      async ({ body: { author: by, ...session } }) => {
        if (session.campaign !== undefined) await campaignOf(context, session.campaign);
        const created = new Date().toISOString();
        const subject = contentHash({ session, by, created });
        return context.store.saveNote<ConsoleSession>({
          kind: SESSION_NOTE,
          subject,
          author: by,
          created,
          record: session,
        });
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/console/sessions/:id',
        summary: 'A session with all its turns, branches included',
        response: z.object({
          session: record<Note<ConsoleSession>>('goal and category'),
          turns: z.array(record<Note<ConsoleTurn>>('a turn; `parent` is the one before')),
        }),
      },
      async ({ params }) => ({
        session: await sessionOf(context, params.id),
        turns: await context.store.notes<ConsoleTurn>(TURN_NOTE, params.id),
      }),
    ),
    on(
      {
        method: 'PUT',
        path: '/api/console/sessions/:id',
        needs: 'red-teamer',
        summary: 'Change title, goal or category of a session, or put it away',
        body: sessionBody,
        response: record<Note<ConsoleSession>>('the session'),
      },
      async ({ params, body: { author: by, ...session } }) => {
        await sessionOf(context, params.id);
        if (session.campaign !== undefined) await campaignOf(context, session.campaign);
        return context.store.saveNote<ConsoleSession>({
          kind: SESSION_NOTE,
          subject: params.id,
          author: by,
          created: new Date().toISOString(),
          record: session,
        });
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/console/preview',
        needs: 'red-teamer',
        logged: false,
        summary: 'A message through attacks, as the target would receive it; nothing is sent',
        body: z.object({ plain: text(20_000), attacks, seed: z.int().min(0).default(1) }),
        response: z.object({
          request: z.string(),
          steps: z.array(z.object({ attack: z.string(), text: z.string() })),
        }),
      },
      ({ body }) => {
        const steps = attacked(body.plain, body.attacks, body.seed);
        return { request: steps.at(-1)?.text ?? body.plain, steps: [...steps] };
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/console/suggest',
        needs: 'red-teamer',
        logged: false,
        summary: 'What a scripted adversary would say next, after a refusal or an answer',
        body: z.object({ goal: text(2000), move: z.enum(['opening', 'after-refusal', 'after-answer']) }),
        response: z.object({ suggestions: z.array(z.object({ persona: z.string(), text: z.string() })) }),
      },
      ({ body: { goal, move } }) => ({
        suggestions: Object.entries(PERSONAS)
          .filter(([id]) => id.includes('adversary'))
          .flatMap(([id, persona]) =>
            (move === 'opening'
              ? persona.openings
              : move === 'after-refusal'
                ? persona.afterRefusal
                : persona.afterAnswer
            )
              .slice(0, 4)
              .map((line) => ({ persona: id, text: line.replace('{objective}', () => goal) })),
          ),
      }),
    ),
    on(
      {
        method: 'POST',
        path: '/api/console/sessions/:id/ask',
        needs: 'red-teamer',
        summary:
          'Send a message after a turn, to one or several models; answers and verdicts come as server-sent events',
        body: z.object({
          parent: z.string().nullable().describe('the turn that it follows; null: a beginning'),
          plain: text(20_000).min(1),
          attacks: attacks.default([]),
          strategy: z
            .string()
            .refine((id) => Object.hasOwn(STRATEGIES, id), { error: 'GET /api/console lists the strategies' })
            .optional()
            .describe('the one that proposed the message'),
          arms: z.array(z.string()).min(1).max(4),
          seed: z.int().min(0).default(1),
          maxTokens: z.int().min(1).max(1024).default(128),
          author,
        }),
        media: EVENT_STREAM,
      },
      async ({ params, body, signal }) => {
        const session = await sessionOf(context, params.id);
        const turns = await context.store.notes<ConsoleTurn>(TURN_NOTE, params.id);
        const path = pathTo(turns, body.parent);
        const request = attacked(body.plain, body.attacks, body.seed).at(-1)?.text ?? body.plain;
        const { system, goal } = session.record;
        return eventStream<AskEvent>(
          signal,
          async (send, left) => {
            const replies: Record<string, ConsoleReply> = {};
            for (const arm of body.arms) {
              const reply = await answered(arm, send, left);
              replies[arm] = reply;
              send({ type: 'reply', arm, reply });
            }
            const turn = await context.store.saveNote<ConsoleTurn>({
              kind: TURN_NOTE,
              subject: params.id,
              author: body.author,
              created: new Date().toISOString(),
              record: {
                parent: body.parent,
                plain: body.plain,
                request,
                attacks: body.attacks,
                ...(body.strategy === undefined ? {} : { strategy: body.strategy }),
                seed: body.seed,
                replies,
              },
            });
            send({ type: 'turn', turn });
          },
          (error) => ({ type: 'error', ...problemOf(error) }),
        );

        async function answered(
          arm: string,
          send: (event: AskEvent) => void,
          left: AbortSignal,
        ): Promise<ConsoleReply> {
          const said = await context.chat.respond({
            messages: messages(system ?? context.config.target.system, path, arm, request),
            arm,
            seed: body.seed,
            maxTokens: body.maxTokens,
            signal: left,
            onText: (sofar) => send({ type: 'text', arm, text: sofar }),
            onWait: (before) => send({ type: 'wait', arm, before }),
          });
          const { text: answer, finish, tokens, target, reason } = said;
          const unjudged = { text: answer, finish, tokens, target, error: reason, judge: '', verdicts: [] };
          if (finish === 'blocked') return unjudged;
          const input = {
            prompt: body.plain,
            ...(request === body.plain ? {} : { sent: request }),
            response: answer,
            history: history(path, arm),
            objective: goal,
          };
          try {
            return { ...unjudged, ...(await context.chat.judge(input, left)) };
          } catch (error) {
            left.throwIfAborted();
            return { ...unjudged, error: `not judged: ${errorMessage(error)}` };
          }
        }
      },
    ),
  ] as const;
