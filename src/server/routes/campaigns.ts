/** Campaigns of red teamers: sessions of several people under one goal, and what of the categories and techniques nobody has tried. */
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import { contentHash } from '../../core/ids.ts';
import { latest } from '../../loop/people.ts';
import { BUILT_IN } from '../../scenarios/built-in.ts';
import { loadTaxonomy } from '../../scenarios/taxonomy.ts';
import type { Note } from '../../store/store.ts';
import { type ConsoleSession, type ConsoleTurn, SESSION_NOTE, TURN_NOTE } from '../by-hand.ts';
import type { ServerContext } from '../context.ts';
import { HARM_SEVERITY } from '../search-item.ts';
import { author, record, routesOf, text } from '../route.ts';

const on = routesOf('console');

export const CAMPAIGN_NOTE = 'console-campaign';

export interface Campaign {
  readonly title: string;
  /** What the model should not do, in general terms. */
  readonly goal: string;
  /** Categories that it is about; none: all. */
  readonly categories: readonly string[];
  readonly archived?: boolean | undefined;
}

export interface Member {
  readonly name: string;
  readonly sessions: number;
  readonly turns: number;
  readonly findings: number;
  /** Categories in which this person asked something. */
  readonly categories: number;
}

export interface ShownCampaign {
  readonly id: string;
  readonly author: string;
  readonly created: string;
  readonly campaign: Campaign;
  readonly sessions: number;
  readonly turns: number;
  readonly findings: number;
  readonly members: readonly Member[];
}

export interface CoverageCell {
  readonly category: string;
  /** An attack or a strategy; `plain`: neither. */
  readonly technique: string;
  /** Turns by hand, of the sessions that are asked for. */
  readonly hand: number;
  /** Of those, with an answer that the judge takes for harmful. */
  readonly handHarmful: number;
  readonly people: readonly string[];
  /** Turns by hand in other sessions. */
  readonly elsewhere: number;
  /** Conversations of runs and campaigns of techniques, and the harmful ones. */
  readonly runs: number;
  readonly harmful: number;
}

const campaignBody = z.object({
  title: text(200).min(1),
  goal: text(2000).default(''),
  categories: z.array(z.string().max(80)).max(200).default([]),
  archived: z.boolean().optional(),
  author,
});

export async function campaignOf(context: ServerContext, id: string): Promise<Note<Campaign>> {
  const note = latest(await context.store.notes<Campaign>(CAMPAIGN_NOTE, id)).get(id);
  if (note) return note;
  throw new TemperError('absent', `no campaign ${id} is in this store`, {
    hint: 'GET /api/console/campaigns lists them.',
  });
}

const harmfulTurn = ({ replies }: ConsoleTurn): boolean =>
  Object.values(replies).some(({ verdicts }) =>
    verdicts.some(
      ({ judgement }) => judgement.status === 'scored' && (judgement.severity ?? 0) >= HARM_SEVERITY,
    ),
  );

/** What a turn counts as tried. */
const techniquesOf = ({ attacks, strategy }: ConsoleTurn): string[] => {
  const all = [...attacks, ...(strategy === undefined ? [] : [strategy])];
  return all.length > 0 ? [...new Set(all)] : ['plain'];
};

/** Findings by hand, by the beginning of their session's id and their author. */
function findingsByHand(context: ServerContext): { session: string; simulator: string }[] {
  const rows = context.search.index.database
    .prepare(
      `select i.key, i.simulator from store.findings f join items i on i.id = f.conversation
         where i.suite = 'console' and f.status <> 'dismissed'`,
    )
    .all() as { key: string; simulator: string }[];
  return rows.map(({ key, simulator }) => ({ session: key.split('-')[2] ?? '', simulator }));
}

export const campaignRoutes = (context: ServerContext) => {
  const sessions = async () => latest(await context.store.notes<ConsoleSession>(SESSION_NOTE));

  const save = (subject: string, { author: by, ...campaign }: z.output<typeof campaignBody>) => {
    const known = new Set(loadTaxonomy(BUILT_IN.taxonomy).leaves.map(({ id }) => id));
    const unknown = campaign.categories.filter((each) => !known.has(each));
    if (unknown.length > 0)
      throw new TemperError('usage', `no such category: ${unknown.join(', ')}`, {
        hint: 'GET /api/settings lists them.',
      });
    return context.store.saveNote<Campaign>({
      kind: CAMPAIGN_NOTE,
      subject,
      author: by,
      created: new Date().toISOString(),
      record: campaign,
    });
  };

  return [
    on(
      {
        method: 'GET',
        path: '/api/console/campaigns',
        summary: 'Campaigns with who takes part, newest first',
        response: z.object({ campaigns: z.array(record<ShownCampaign>('a campaign')) }),
      },
      async () => {
        const notes = await context.store.notes<Campaign>(CAMPAIGN_NOTE);
        const begun = new Map<string, Note<Campaign>>();
        for (const note of notes) if (!begun.has(note.subject)) begun.set(note.subject, note);
        const [known, turns] = [await sessions(), await context.store.notes<ConsoleTurn>(TURN_NOTE)];
        const findings = findingsByHand(context);
        const campaigns = [...latest(notes)].map(([id, { record: campaign }]): ShownCampaign => {
          const own = new Set(
            [...known].flatMap(([subject, session]) => (session.record.campaign === id ? [subject] : [])),
          );
          const said = turns.filter(({ subject }) => own.has(subject));
          const beginnings = new Set([...own].map((subject) => subject.slice(0, 6)));
          const found = findings.filter(({ session }) => beginnings.has(session));
          const names = new Set([
            ...said.map((turn) => turn.author),
            ...[...own].map((subject) => known.get(subject)!.author),
          ]);
          const members = [...names].map((name): Member => {
            const mine = said.filter((turn) => turn.author === name);
            return {
              name,
              sessions: new Set(mine.map(({ subject }) => subject)).size,
              turns: mine.length,
              findings: found.filter(({ simulator }) => simulator === `person:${name}`).length,
              categories: new Set(mine.map(({ subject }) => known.get(subject)!.record.category)).size,
            };
          });
          const { author: by, created } = begun.get(id)!;
          return {
            id,
            author: by,
            created,
            campaign,
            sessions: own.size,
            turns: said.length,
            findings: found.length,
            members: members.sort((a, b) => b.turns - a.turns || (a.name < b.name ? -1 : 1)),
          };
        });
        return { campaigns: campaigns.filter(({ campaign }) => !campaign.archived).reverse() };
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/console/campaigns',
        needs: 'red-teamer',
        summary: 'Begin a campaign: a goal for the sessions of several red teamers',
        body: campaignBody,
        response: record<Note<Campaign>>('the campaign; its id is `subject`'),
      },
      ({ body }) => {
        const created = new Date().toISOString();
        return save(contentHash({ campaign: body.title, by: body.author, created }), body);
      },
    ),
    on(
      {
        method: 'PUT',
        path: '/api/console/campaigns/:id',
        needs: 'red-teamer',
        summary: 'Change a campaign, or put it away; its sessions stay',
        body: campaignBody,
        response: record<Note<Campaign>>('the campaign'),
      },
      async ({ params, body }) => save((await campaignOf(context, params.id)).subject, body),
    ),
    on(
      {
        method: 'GET',
        path: '/api/console/coverage',
        summary: 'What was tried: by category and attack or strategy, by hand and by runs',
        query: z.object({
          campaign: z.string().max(200).optional().describe('only its sessions count as by hand'),
          author: z.string().max(80).optional().describe('only turns of this person do'),
        }),
        response: z.object({ cells: z.array(record<CoverageCell>('a category and a technique')) }),
      },
      async ({ query }) => {
        if (query.campaign !== undefined) await campaignOf(context, query.campaign);
        const cells = new Map<string, { -readonly [K in keyof CoverageCell]: CoverageCell[K] }>();
        const cell = (category: string, technique: string) => {
          const key = `${category}\n${technique}`;
          const counts = { hand: 0, handHarmful: 0, people: [], elsewhere: 0, runs: 0, harmful: 0 };
          const known = cells.get(key) ?? { category, technique, ...counts };
          cells.set(key, known);
          return known;
        };
        const rows = context.search.index.database
          .prepare(
            `select category, attack, count(*) as n, sum(outcome = 'harmful') as harmful from items
               where kind = 'adversarial' and suite <> 'console' group by 1, 2`,
          )
          .all() as { category: string; attack: string; n: number; harmful: number }[];
        for (const { category, attack, n, harmful } of rows)
          for (const technique of attack.split('+')) {
            const one = cell(category, technique);
            one.runs += n;
            one.harmful += harmful;
          }
        const known = await sessions();
        for (const { subject, author: by, record: turn } of await context.store.notes<ConsoleTurn>(
          TURN_NOTE,
        )) {
          const session = known.get(subject)?.record;
          const asked =
            (query.campaign === undefined || session?.campaign === query.campaign) &&
            (query.author === undefined || by === query.author);
          for (const technique of techniquesOf(turn)) {
            const one = cell(session?.category ?? 'other', technique);
            if (!asked) one.elsewhere++;
            else {
              one.hand++;
              one.handHarmful += Number(harmfulTurn(turn));
              if (!one.people.includes(by)) one.people = [...one.people, by];
            }
          }
        }
        return { cells: [...cells.values()] };
      },
    ),
  ] as const;
};
