/** Findings: what broke, its status, and what came of it. */
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import type { Finding } from '../../core/records.ts';
import { FINDING_NOTE, type FindingReview, latest } from '../../loop/people.ts';
import type { Note } from '../../store/store.ts';
import { decode } from '../../store/tables.ts';
import type { ServerContext } from '../context.ts';
import { author, record, routesOf, text } from '../route.ts';

const on = routesOf('findings');

const STATUSES = ['open', 'confirmed', 'dismissed', 'fixed', 'regressed'] as const;
type ShownStatus = (typeof STATUSES)[number];

export interface ShownFinding extends Finding {
  /** Of the register; `open` is what nobody has looked at. */
  readonly status: ShownStatus;
  readonly byHand: boolean;
  readonly author: string | null;
  readonly reason: string | null;
  readonly snippet: string;
  /** Training examples that answer it. */
  readonly examples: number;
}

export const findingRoutes = (context: ServerContext) =>
  [
    on(
      {
        method: 'GET',
        path: '/api/findings',
        summary: 'Findings under filters, worst first, and their numbers by status, category and attack',
        query: z.object({
          status: z.enum(STATUSES).optional(),
          kind: z.enum(['harm', 'over-refusal']).optional(),
          category: z.string().optional(),
          attack: z.string().optional(),
          offset: z.coerce.number().int().min(0).default(0),
          limit: z.coerce.number().int().min(1).max(500).default(200),
        }),
        response: z.object({
          total: z.number(),
          findings: z.array(record<ShownFinding>('docs/formats.md#records, with its status')),
          clusters: z.array(
            z.object({
              category: z.string(),
              attack: z.string(),
              kind: z.string(),
              count: z.number(),
              worst: z.number(),
            }),
          ),
          statuses: z.record(z.string(), z.number()),
        }),
      },
      async ({ query }) => {
        const { database } = context.search.index;
        const rows = database
          .prepare(
            `select f.record, f.status, f.note, i.snippet from store.findings f
               left join items i on i.id = f.conversation`,
          )
          .all() as { record: string; status: string; note: string | null; snippet: string | null }[];
        const answered = new Map(
          (
            database
              .prepare(
                `select json_extract(record, '$.lineage.finding') as finding, count(*) as n from store.examples
                   where finding is not null group by 1`,
              )
              .all() as { finding: string; n: number }[]
          ).map(({ finding, n }) => [finding, n]),
        );
        const notes = latest(await context.store.notes<FindingReview>(FINDING_NOTE));
        const all = rows.map((row): ShownFinding => {
          const finding = decode<Finding>(row.record);
          const note = notes.get(finding.id);
          return {
            ...finding,
            status: row.status === 'new' ? 'open' : (row.status as ShownStatus),
            byHand: note?.record.byHand === true,
            author: note?.author ?? null,
            reason: note?.record.reason ?? row.note,
            snippet: row.snippet ?? '',
            examples: answered.get(finding.id) ?? 0,
          };
        });
        const fits = (finding: ShownFinding): boolean =>
          (query.kind === undefined || finding.kind === query.kind) &&
          (query.category === undefined || finding.category === query.category) &&
          (query.attack === undefined || (finding.attack ?? 'plain') === query.attack);
        const some = all.filter(fits);
        const statuses: Record<string, number> = { open: 0, confirmed: 0, dismissed: 0 };
        for (const { status } of some) statuses[status] = (statuses[status] ?? 0) + 1;
        const found = some
          .filter(({ status }) => query.status === undefined || status === query.status)
          .sort((a, b) => (b.severity ?? 0) - (a.severity ?? 0) || (a.id < b.id ? -1 : 1));
        const clusters = [
          ...Map.groupBy(all, ({ kind, category, attack }) => `${kind}\n${category}\n${attack ?? 'plain'}`),
        ].map(([key, group]) => {
          const [kind = '', category = '', attack = ''] = key.split('\n');
          return {
            kind,
            category,
            attack,
            count: group.length,
            worst: Math.max(0, ...group.map(({ severity }) => severity ?? 0)),
          };
        });
        return {
          total: found.length,
          findings: found.slice(query.offset, query.offset + query.limit),
          clusters: clusters.sort((a, b) => b.count - a.count || b.worst - a.worst),
          statuses,
        };
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/findings/:id/status',
        needs: 'reviewer',
        summary: 'Confirm or dismiss a finding, or open it again: the next round leaves dismissed ones out',
        body: z.object({
          status: z.enum(['open', 'confirmed', 'dismissed']),
          reason: text(2000).optional(),
          author,
        }),
        response: z.object({ note: record<Note<FindingReview>>('the decision') }),
      },
      async ({ params, body }) => {
        const found = (await context.store.find(params.id)) as { finding?: Finding } | null;
        if (!found?.finding) throw new TemperError('absent', `no finding ${params.id} is in this store`);
        const subject = found.finding.id;
        const created = new Date().toISOString();
        await context.store.changeFindings(
          new Map([
            [
              subject,
              {
                status: body.status === 'open' ? ('new' as const) : body.status,
                ...(body.reason ? { note: body.reason } : {}),
                changed: created,
              },
            ],
          ]),
        );
        const before = latest(await context.store.notes<FindingReview>(FINDING_NOTE, subject)).get(subject);
        return {
          note: await context.store.saveNote<FindingReview>({
            kind: FINDING_NOTE,
            subject,
            author: body.author,
            created,
            record: { ...before?.record, status: body.status, reason: body.reason },
          }),
        };
      },
    ),
  ] as const;
