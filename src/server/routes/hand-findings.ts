/** What comes of asking by hand: the next move, findings, and what the next round makes of them. */
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import { silent } from '../../core/events.ts';
import type { Finding, PreferenceExample } from '../../core/records.ts';
import { curate } from '../../curation/curate.ts';
import { createWriter } from '../../curation/writers.ts';
import { guardedTexts } from '../../loop/guards.ts';
import { FINDING_NOTE, type FindingReview, loadPeople } from '../../loop/people.ts';
import { BUILT_IN } from '../../scenarios/built-in.ts';
import { loadTaxonomy } from '../../scenarios/taxonomy.ts';
import { type ConsoleTurn, pathTo, recordsOf, TURN_NOTE } from '../by-hand.ts';
import { BASE } from '../chat.ts';
import type { ServerContext } from '../context.ts';
import { type Move, nextMove } from '../proposals.ts';
import { author, record, routesOf, text } from '../route.ts';
import { sessionOf } from './sessions.ts';

const on = routesOf('console');

export const handFindingRoutes = (context: ServerContext) =>
  [
    on(
      {
        method: 'POST',
        path: '/api/console/findings',
        needs: 'red-teamer',
        summary:
          'Record a turn as a finding: with its conversation, the verdicts and yours, for the next round to learn from',
        body: z.object({
          session: z.string(),
          turn: z.string(),
          arm: z.string(),
          kind: z.enum(['harm', 'over-refusal']).default('harm'),
          category: z.string().min(1).max(80),
          severity: z.int().min(1).max(7).default(3),
          note: text(2000).default(''),
          author,
        }),
        response: z.object({ finding: z.string(), conversation: z.string() }),
      },
      async ({ body }) => {
        const taxonomy = loadTaxonomy(BUILT_IN.taxonomy);
        if (!taxonomy.leaves.some(({ id }) => id === body.category))
          throw new TemperError('usage', `${body.category} is no category of the taxonomy`, {
            hint: 'GET /api/settings lists them.',
          });
        const session = await sessionOf(context, body.session);
        const turns = await context.store.notes<ConsoleTurn>(TURN_NOTE, body.session);
        const path = pathTo(turns, body.turn);
        const made = recordsOf({ ...body, session, path });
        await context.store.saveConversation(made, made.verdicts);
        await context.store.saveFindings([made.finding]);
        const created = new Date().toISOString();
        const confirmed = { status: 'confirmed', note: body.note || null, changed: created } as const;
        await context.store.changeFindings(new Map([[made.finding.id, confirmed]]));
        await context.store.saveNote<FindingReview>({
          kind: FINDING_NOTE,
          subject: made.finding.id,
          author: body.author,
          created,
          record: {
            status: 'confirmed',
            byHand: true,
            severity: body.severity,
            ...(body.note === '' ? {} : { reason: body.note }),
          },
        });
        await context.search.index.sync();
        return { finding: made.finding.id, conversation: made.conversation.id };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/findings/:id/next',
        summary: 'What the next round makes of a finding made by hand: the example, or why there is none',
        response: z.object({
          example: record<PreferenceExample>('docs/formats.md#records').nullable(),
          reason: z.string().nullable(),
        }),
      },
      async ({ params }) => {
        const people = await loadPeople(context.store);
        const own = people.byHand.find(({ finding }) => finding.id === params.id);
        if (people.dismissed.has(params.id))
          return { example: null, reason: 'It is dismissed: the next round leaves it out.' };
        const { finding: other } = ((await context.store.find(params.id)) ?? {}) as { finding?: Finding };
        if (other && people.unknown.includes(other.category))
          return {
            example: null,
            reason: `The taxonomy has no category '${other.category}', so there is no decline to teach.`,
          };
        if (!own)
          return {
            example: null,
            reason:
              'It was made by a run: the next round asks the same scenario again and judges the answer anew.',
          };
        if (own.finding.kind === 'over-refusal')
          return {
            example: null,
            reason:
              'A refusal teaches nothing without a good answer to prefer: it is kept as a finding alone.',
          };
        const { config } = context;
        const guarded = await guardedTexts(config, config.suites.benchmarks, { emit: silent });
        const { examples, removed } = curate(
          {
            judged: [own.judged],
            findings: [own.finding],
            guarded,
            writer: createWriter({ phrases: config.curation.declinePhrases }),
            reviews: people.reviews,
          },
          { ...config.curation, seed: config.seed },
        );
        const [example = null] = examples;
        const held = removed[0];
        const reason = held ? `It is left out: ${held.reason}${held.like ? ` (${held.like})` : ''}.` : null;
        return { example, reason };
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/console/sessions/:id/propose',
        summary: 'What a strategy would say next after a turn, by its own texts; nothing is sent',
        needs: 'red-teamer',
        logged: false,
        body: z.object({
          strategy: z.string().max(80),
          parent: z.string().nullable(),
          arm: z.string().default(BASE).describe('whose answers it follows'),
        }),
        response: record<Move>('the message, and the turn that it follows'),
      },
      async ({ params, body: { strategy, parent, arm } }) => {
        const session = await sessionOf(context, params.id);
        const turns = await context.store.notes<ConsoleTurn>(TURN_NOTE, params.id);
        return nextMove(strategy, session, pathTo(turns, parent), arm);
      },
    ),
  ] as const;
