/** Conversations: pages of the index, facets, one with its verdicts, both arms and what came of it. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import type { Conversation, Finding, PreferenceExample, Scenario, Verdict } from '../../core/records.ts';
import { decode } from '../../store/tables.ts';
import type { ServerContext } from '../context.ts';
import { type HandSides, handSides } from '../hand-sides.ts';
import { FACETS, type Facet, type Filter, type Item, SORTS } from '../search-query.ts';
import { record, routesOf } from '../route.ts';

const on = routesOf('conversations');

const chosen = z.string().optional().describe('values of which one has to hold, separated by | ');

const facetShape = Object.fromEntries(FACETS.map((facet) => [facet, chosen])) as Record<Facet, typeof chosen>;

const filterShape = {
  text: z.string().max(400).optional().describe('words that all occur; the last may be a beginning'),
  run: z.string().optional(),
  arm: z.string().optional().describe('what the run measured under this name, as `verify: before`'),
  severity: z.coerce
    .number()
    .int()
    .min(0)
    .max(7)
    .optional()
    .describe('the worst answer is at least so severe'),
  ...facetShape,
};
const filterQuery = z.object(filterShape);
type FilterQuery = z.infer<typeof filterQuery>;

function filterOf({ text, run, arm, severity, ...facets }: FilterQuery): Filter {
  return {
    text,
    run,
    arm,
    severity,
    facets: Object.fromEntries(
      FACETS.flatMap((facet) => {
        const values = facets[facet]?.split('|').filter((value, _, all) => value !== '' || all.length === 1);
        return values ? [[facet, values]] : [];
      }),
    ),
  };
}

const pageShape = {
  offset: z.coerce.number().int().min(0).max(10_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  sort: z.enum(SORTS).default('place'),
  descending: z.stringbool().default(true),
};

const item = z.object({
  id: z.string(),
  key: z.string(),
  category: z.string(),
  kind: z.string(),
  row: z.string(),
  attack: z.string(),
  turns: z.number(),
  outcome: z.string(),
  severity: z.number().nullable(),
  target: z.string(),
  split: z.string(),
  disagree: z.number(),
  snippet: z.string(),
});

export interface Side {
  readonly conversation: Conversation;
  readonly verdicts: readonly Verdict[];
  /** Where a run measured it: run and arm. */
  readonly arms: readonly { run: string; arm: string }[];
}

export interface ConversationPage {
  readonly scenario: Scenario;
  readonly asked: Side;
  /** The same test case with other targets. */
  readonly others: readonly { id: string; target: string; arms: readonly { run: string; arm: string }[] }[];
  readonly findings: readonly (Finding & { readonly status: string })[];
  readonly examples: readonly { dataset: string; example: PreferenceExample }[];
  /** Of one that was had by hand. */
  readonly hand: HandSides | null;
}

function armsBy(siblings: readonly { id: string; run: string | null; arm: string | null }[], id: string) {
  return siblings.flatMap((each) =>
    each.id === id && each.run !== null && each.arm !== null ? [{ run: each.run, arm: each.arm }] : [],
  );
}

/** What tells whether two texts are the same, without what they say. */
const redacted = (text: string): string =>
  `[${text.length} characters, sha256 ${createHash('sha256').update(text).digest('hex').slice(0, 12)}]`;

async function sideOf(context: ServerContext, id: string): Promise<Side & { scenario: Scenario }> {
  const found = (await context.store.conversation(id)) ?? null;
  if (!found) throw new TemperError('absent', `no conversation ${id} is in this store`);
  const { database } = context.search.index;
  const verdicts = (
    database.prepare('select record from store.verdicts where conversation = ? order by rowid').all(id) as {
      record: string;
    }[]
  ).map((row) => decode<Verdict>(row.record));
  return { ...found, verdicts, arms: armsBy(context.search.siblings(id), id) };
}

/** Answered between others' requests, however many there are. */
async function* exported(context: ServerContext, ids: readonly string[], texts: boolean) {
  const hidden = (text: string): string => (texts ? text : redacted(text));
  const encoder = new TextEncoder();
  for (const [i, id] of ids.entries()) {
    if (i % 50 === 49) await setImmediate();
    const { scenario, conversation, verdicts } = await sideOf(context, id);
    const turns = conversation.turns.map((turn) => ({
      ...turn,
      request: hidden(turn.request),
      plain: hidden(turn.plain),
      response: hidden(turn.response),
      ...(turn.prefill === undefined ? {} : { prefill: hidden(turn.prefill) }),
    }));
    const said = verdicts.map(({ id: _id, conversation: _conversation, ...verdict }) => ({
      ...verdict,
      ...('rationale' in verdict && verdict.rationale ? { rationale: hidden(verdict.rationale) } : {}),
    }));
    const { key, category, kind, row, attack } = scenario;
    const { target } = conversation;
    const line = { id, scenario: key, category, kind, row, attack, target, turns, verdicts: said };
    yield encoder.encode(`${JSON.stringify(line)}\n`);
  }
}

export const conversationRoutes = (context: ServerContext) =>
  [
    on(
      {
        method: 'GET',
        path: '/api/conversations',
        summary: 'A page of conversations under filters',
        query: z.object({ ...filterShape, ...pageShape }),
        response: z.object({
          total: z.number(),
          items: z.array(item),
          /** Conversations still to be read into the index. */
          indexing: z.object({ done: z.number(), total: z.number() }),
        }),
      },
      ({ query }) => {
        const { offset, limit, sort, descending, ...rest } = query;
        const filter = filterOf(rest);
        return {
          total: context.search.count(filter),
          items: context.search
            .page(filter, { offset, limit, sort, descending })
            .map((each: Item) => ({ ...each })),
          indexing: context.search.index.progress,
        };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/conversations/facets',
        summary: 'Of each facet its values, with how many conversations each would leave',
        query: filterQuery,
        response: z.object({
          facets: z.record(z.string(), z.array(z.tuple([z.string(), z.number()]))),
        }),
      },
      ({ query }) => ({
        facets: context.search.facets(filterOf(query)) as Record<string, [string, number][]>,
      }),
    ),
    on(
      {
        method: 'GET',
        path: '/api/conversations/export',
        summary:
          'Conversations under filters as JSON Lines, their texts left out unless asked for; at most 10,000',
        query: z.object({ ...filterShape, texts: z.stringbool().default(false) }),
        media: 'application/x-ndjson',
        logged: true,
      },
      async ({ query: { texts, ...query } }) => {
        const page = { offset: 0, limit: 10_000, sort: 'place', descending: false } as const;
        const ids = context.search.page(filterOf(query), page).map(({ id }) => id);
        return new Response(Readable.toWeb(Readable.from(exported(context, ids, texts))) as ReadableStream, {
          headers: {
            'content-type': 'application/x-ndjson; charset=utf-8',
            'content-disposition': `attachment; filename="conversations${texts ? '' : '-redacted'}.jsonl"`,
          },
        });
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/conversations/:id',
        summary:
          'A conversation with its verdicts, the same test case with other targets, and what came of it',
        response: record<ConversationPage>('docs/formats.md#records'),
      },
      async ({ params }) => {
        const { scenario, ...asked } = await sideOf(context, params.id);
        const siblings = context.search.siblings(params.id);
        const ids = [...new Set(siblings.map(({ id }) => id))].filter((id) => id !== params.id);
        const { database } = context.search.index;
        const all = [params.id, ...ids];
        const marks = all.map(() => '?').join(', ');
        const findings = (
          database
            .prepare(`select record from store.findings where conversation in (${marks})`)
            .all(...all) as { record: string; status: string }[]
        ).map((row) => ({ ...decode<Finding>(row.record), status: row.status }));
        const examples = database
          .prepare(
            `select dataset, record from store.examples where json_extract(record, '$.lineage.conversation') in (${marks}) limit 20`,
          )
          .all(...all) as { dataset: string; record: string }[];
        return {
          scenario,
          asked,
          hand: await handSides(context, scenario, asked.conversation),
          others: ids.map((id) => ({
            id,
            target: siblings.find((each) => each.id === id)!.target,
            arms: armsBy(siblings, id),
          })),
          findings: findings.map((finding) => ({
            ...finding,
            status: finding.status === 'new' ? 'open' : finding.status,
          })),
          examples: examples.map((row) => ({
            dataset: row.dataset,
            example: decode<PreferenceExample>(row.record),
          })),
        };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/find/:id',
        summary: 'Any record by its id or the beginning of it',
        response: record<Record<string, unknown>>('as `temper show --json`'),
      },
      async ({ params }) => {
        const found = await context.store.find(params.id);
        if (!found) throw new TemperError('absent', `nothing in this store has the id ${params.id}`);
        return found;
      },
    ),
  ] as const;
