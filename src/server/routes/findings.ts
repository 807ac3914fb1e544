/** Findings: what broke, in clusters, its status, replays, and what came of it. */
import { join } from 'node:path';
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import type { Finding } from '../../core/records.ts';
import { severityOf, triage } from '../../findings/triage.ts';
import { REPLAY_SIMULATOR } from '../../loop/replay.ts';
import { FINDING_NOTE, type FindingReview, latest } from '../../loop/people.ts';
import { organise } from '../../loop/register.ts';
import type { Note, RegisteredFinding } from '../../store/store.ts';
import { decode } from '../../store/tables.ts';
import { BASE } from '../chat.ts';
import type { ServerContext } from '../context.ts';
import type { Job } from '../jobs.ts';
import { author, record, routesOf, text } from '../route.ts';
import { refuseWhileWorking } from './runs.ts';

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
  /** Readable name of the group that asks for the same. */
  readonly cluster: string;
  readonly duplicateOf: string | null;
  /** Findings that ask for the same, this one too; and that times the severity. */
  readonly frequency: number;
  readonly priority: number;
  /** Times it was asked again, and times it broke then. */
  readonly replays: number;
  readonly reproduced: number;
  /** `temper`, or the format that it was imported from. */
  readonly source: string;
}

export interface Evidence {
  /** The newest replays of the same case: conversations of their own. */
  readonly replays: readonly {
    readonly id: string;
    readonly target: string;
    readonly outcome: string;
    readonly severity: number | null;
  }[];
  /** Examples that were made of it, and the runs whose adapters were trained on them. */
  readonly answers: readonly {
    readonly example: string;
    readonly dataset: string;
    readonly runs: readonly { readonly run: string; readonly adapter: string | null }[];
  }[];
}

interface FindingRow {
  readonly record: string;
  readonly category: string;
  readonly status: string;
  readonly note: string | null;
  readonly cluster: string | null;
  readonly duplicateOf: string | null;
  readonly replays: number;
  readonly reproduced: number;
  readonly source: string;
  readonly snippet: string | null;
}

export const findingRoutes = (context: ServerContext) =>
  [
    on(
      {
        method: 'GET',
        path: '/api/findings',
        summary:
          'Findings under filters, the worst or the most urgent first, and their numbers by status, category and attack',
        query: z.object({
          status: z.enum(STATUSES).optional(),
          kind: z.enum(['harm', 'over-refusal']).optional(),
          category: z.string().optional(),
          attack: z.string().optional(),
          cluster: z.string().max(400).optional().describe('its name'),
          id: z.string().optional().describe('one alone'),
          sort: z.enum(['severity', 'priority']).default('severity'),
          duplicates: z.stringbool().default(true).describe('those too that another stands for'),
          offset: z.coerce.number().int().min(0).default(0),
          limit: z.coerce.number().int().min(1).max(500).default(200),
        }),
        response: z.object({
          total: z.number(),
          findings: z.array(record<ShownFinding>('docs/formats.md#records, with its status')),
          clusters: z.array(
            z.object({
              name: z.string(),
              category: z.string(),
              attacks: z.array(z.string()),
              kind: z.string(),
              count: z.number(),
              worst: z.number(),
              open: z.number().describe('nobody has looked at'),
            }),
          ),
          statuses: z.record(z.string(), z.number()),
        }),
      },
      async ({ query }) => {
        const { database } = context.search.index;
        const fresh = database
          .prepare('select count(*) as n from store.findings where cluster is null')
          .get() as { n: number };
        if (fresh.n > 0) await organise(context.store, context.config);
        const rows = database
          .prepare(
            `select f.record, f.category, f.status, f.note, f.cluster, f.duplicate_of as duplicateOf, f.replays, f.reproduced,
               f.source, i.snippet from store.findings f left join items i on i.id = f.conversation`,
          )
          .all() as unknown as FindingRow[];
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
        const frequencies = new Map<string, number>();
        for (const { cluster, category } of rows)
          frequencies.set(cluster ?? category, (frequencies.get(cluster ?? category) ?? 0) + 1);
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
            cluster: row.cluster ?? finding.category,
            duplicateOf: row.duplicateOf,
            frequency: frequencies.get(row.cluster ?? finding.category) ?? 1,
            priority: severityOf(finding) * (frequencies.get(row.cluster ?? finding.category) ?? 1),
            replays: row.replays,
            reproduced: row.reproduced,
            source: row.source,
          };
        });
        const fits = (finding: ShownFinding): boolean =>
          (query.kind === undefined || finding.kind === query.kind) &&
          (query.category === undefined || finding.category === query.category) &&
          (query.cluster === undefined || finding.cluster === query.cluster) &&
          (query.id === undefined || finding.id === query.id) &&
          (query.duplicates || finding.duplicateOf === null) &&
          (query.attack === undefined || (finding.attack ?? 'plain') === query.attack);
        const some = all.filter(fits);
        const statuses: Record<string, number> = Object.fromEntries(STATUSES.map((each) => [each, 0]));
        for (const { status } of some) statuses[status] = (statuses[status] ?? 0) + 1;
        const found = some
          .filter(({ status }) => query.status === undefined || status === query.status)
          .sort(
            (a, b) =>
              (query.sort === 'priority' ? b.priority - a.priority : 0) ||
              (b.severity ?? 0) - (a.severity ?? 0) ||
              (a.id < b.id ? -1 : 1),
          );
        const entries = all.map(
          ({ cluster, status, replays, reproduced, source, ...finding }): RegisteredFinding => ({
            finding,
            status: status === 'open' ? 'new' : status,
            cluster,
            replays,
            reproduced,
            source,
          }),
        );
        const clusters = triage(entries, query.status === 'dismissed').map((cluster) => ({
          name: cluster.name,
          category: cluster.category,
          attacks: [...cluster.attacks],
          kind: cluster.kind,
          count: cluster.frequency,
          worst: cluster.kind === 'harm' ? cluster.severity : 0,
          open: cluster.statuses.new ?? 0,
        }));
        return {
          total: found.length,
          findings: found.slice(query.offset, query.offset + query.limit),
          clusters,
          statuses,
        };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/findings/:id/evidence',
        summary: 'Replays of a finding, the examples that answer it and the adapters trained on them',
        response: record<Evidence>('ids of conversations, examples, datasets, runs and adapters'),
      },
      async ({ params }) => {
        const entry = await context.store.registered(params.id);
        if (!entry) throw new TemperError('absent', `no finding ${params.id} is in this store`);
        const { finding } = entry;
        const replays = context.search.index.database
          .prepare(
            `select id, target, outcome, severity from items where scenario = ? and simulator = ? and attack = ?
               order by rowid desc limit 100`,
          )
          .all(finding.scenario, REPLAY_SIMULATOR, finding.attack ?? 'plain');
        const runs = await context.store.runs();
        const curated = await context.store.stages('curate');
        const answers = (await context.store.examplesFrom('finding', finding.id)).flatMap(
          ({ example, datasets }) =>
            datasets.map((dataset) => ({
              example: example.id,
              dataset,
              runs: curated
                .filter(({ result }) => (result as { dataset?: string } | null)?.dataset === dataset)
                .map(({ run }) => ({
                  run,
                  adapter:
                    runs
                      .find(({ id }) => id === run)
                      ?.adapter?.split(/[/\\]/)
                      .at(-1) ?? null,
                })),
            })),
        );
        return { replays: replays.map((row) => ({ ...row })) as unknown as Evidence['replays'], answers };
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/findings/replay',
        summary:
          'Ask the target again what broke it: k of n confirm a finding, none of n fixes a confirmed one',
        needs: 'red-teamer',
        body: z.object({
          ids: z.array(z.string().min(1).max(200)).min(1).max(200),
          replays: z.int().min(1).max(100).default(5),
          need: z.int().min(1).max(100).default(3),
          arm: z.string().default(BASE).describe('`base`, or the name of an adapter'),
          author,
        }),
        response: record<Job>('the process'),
      },
      async ({ body: { ids, replays, need, arm, author: by } }) => {
        if (need > replays)
          throw new TemperError('usage', `${need} of ${replays} replays cannot break`, {
            hint: 'Need no more than are made.',
          });
        for (const id of ids)
          if (!(await context.store.registered(id)))
            throw new TemperError('absent', `no finding ${id} is in this store`);
        if (arm !== BASE && !context.chat.adapters().includes(arm))
          throw new TemperError('absent', `there is no adapter ${arm} in this store`);
        refuseWhileWorking(context);
        const { config } = context;
        const counts = ['--replays', String(replays), '--need', String(need)];
        const adapter = arm === BASE ? [] : ['--adapter', join(config.directory, 'adapters', arm)];
        return context.jobs.start(config, by, 'replay', [
          'findings',
          'confirm',
          ...ids,
          ...counts,
          ...adapter,
        ]);
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
