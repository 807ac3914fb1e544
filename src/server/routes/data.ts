/** Curated examples and training: what an adapter learns from, what people decide about it, and how the training went. */
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import type { PreferenceExample } from '../../core/records.ts';
import type { Quarantined } from '../../curation/firewall.ts';
import type { LeftOut } from '../../curation/left-out.ts';
import { type ExampleReview, reviewedAs } from '../../curation/reviews.ts';
import { EXAMPLE_NOTE, latest, loadPeople } from '../../loop/people.ts';
import type { Selection } from '../../loop/select.ts';
import type { Note } from '../../store/store.ts';
import type { ServerContext } from '../context.ts';
import { author, record, routesOf, text } from '../route.ts';
import { type TrainingCurve, trainingCurves } from '../training-curves.ts';

const on = routesOf('data');

export interface DatasetDetails {
  readonly counts: Readonly<Record<string, number>>;
  readonly removed: readonly Quarantined[];
  readonly left: readonly LeftOut[];
}

/** Conversations of which nothing was learnt, for one reason. */
export interface LeftFor {
  readonly reason: string;
  readonly count: number;
  /** The first of them. */
  readonly conversations: readonly string[];
}

const MOST_LEFT = 40;

function leftFor(left: readonly LeftOut[]): LeftFor[] {
  // How alike two are is no reason of its own.
  const groups = Map.groupBy(left, ({ reason }) => reason.replace(/ \(?\d+ %.*$/, ''));
  return [...groups]
    .map(([reason, some]) => ({
      reason,
      count: some.length,
      conversations: some.slice(0, MOST_LEFT).map(({ conversation }) => conversation),
    }))
    .sort((a, b) => b.count - a.count);
}

export interface ShownExample {
  readonly example: PreferenceExample;
  /** What is decided for the next round, by the id that the example was made with. */
  readonly review: (ExampleReview & { author: string; created: string }) | null;
  readonly versions: number;
}

const decision = z.discriminatedUnion('decision', [
  z.object({ decision: z.literal('accept'), reason: text(2000).optional() }),
  z.object({ decision: z.literal('undecided'), reason: text(2000).optional() }),
  z.object({ decision: z.literal('reject'), reason: text(2000).optional() }),
  z.object({
    decision: z.literal('edit'),
    reason: text(2000).optional(),
    chosen: text(20_000).min(1),
    rejected: text(20_000),
  }),
]);

const reviewOf = (note: Note<ExampleReview> | undefined) =>
  note === undefined || note.record.decision === 'undecided'
    ? null
    : { ...note.record, author: note.author, created: note.created };

export const dataRoutes = (context: ServerContext) => {
  const datasetRuns = async (): Promise<Map<string, string[]>> => {
    const found = new Map<string, string[]>();
    for (const run of await context.store.runs()) {
      const stage = (await context.store.stage(run.id, 'curate')) as { dataset: string } | null;
      if (stage) found.set(stage.dataset, [...(found.get(stage.dataset) ?? []), run.id]);
    }
    return found;
  };
  return [
    on(
      {
        method: 'GET',
        path: '/api/people',
        summary: 'What people decided and found by hand that the next round respects',
        response: z.object({
          byHand: z
            .array(
              z.object({
                id: z.string(),
                kind: z.enum(['harm', 'over-refusal']),
                category: z.string(),
                severity: z.number().nullable(),
              }),
            )
            .describe('findings; those of harm become examples, unless a check leaves them out'),
          edited: z.number(),
          rejected: z.number(),
          dismissed: z.number(),
        }),
      },
      async () => {
        const { byHand, reviews, dismissed } = await loadPeople(context.store);
        const count = (decision: string): number =>
          [...reviews.values()].filter((review) => review.decision === decision).length;
        return {
          byHand: byHand.map(({ finding: { id, kind, category, severity = null } }) => ({
            id,
            kind,
            category,
            severity,
          })),
          edited: count('edit'),
          rejected: count('reject'),
          dismissed: dismissed.size,
        };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/datasets',
        summary: 'Curated datasets, newest first, with what they are made of',
        response: z.object({
          datasets: z.array(
            z.object({
              id: z.string(),
              examples: z.number(),
              counts: z.record(z.string(), z.number()),
              removed: z.number(),
              runs: z.array(z.string()),
            }),
          ),
        }),
      },
      async () => {
        const runs = await datasetRuns();
        const rows = context.search.index.database
          .prepare(
            `select d.id, d.details, (select count(*) from store.examples e where e.dataset = d.id) as examples
               from store.datasets d order by d.rowid desc`,
          )
          .all() as { id: string; details: string; examples: number }[];
        return {
          datasets: rows.map(({ id, details, examples }) => {
            const { counts = {}, removed = [] } = JSON.parse(details) as Partial<DatasetDetails>;
            return { id, examples, counts: { ...counts }, removed: removed.length, runs: runs.get(id) ?? [] };
          }),
        };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/datasets/:id',
        summary: 'Examples of a dataset under filters, what was removed, and how balanced it is',
        query: z.object({
          offset: z.coerce.number().int().min(0).default(0),
          limit: z.coerce.number().int().min(1).max(500).default(100),
          purpose: z.string().optional(),
          source: z.string().optional(),
          category: z.string().optional(),
          decision: z.enum(['accept', 'reject', 'edit', 'undecided']).optional(),
          text: z.string().max(400).optional(),
          finding: z.string().optional().describe('examples that answer this finding'),
        }),
        response: z.object({
          total: z.number(),
          all: z.number(),
          examples: z.array(record<ShownExample>('docs/formats.md#records, with the decision on it')),
          removed: z.array(record<Quarantined>('an example that was held back: why, and what was asked')),
          left: z.array(record<LeftFor>('conversations of which nothing was learnt, by reason')),
          balance: z.array(z.object({ category: z.string(), purpose: z.string(), count: z.number() })),
          sources: z.record(z.string(), z.number()),
          mix: z.array(z.object({ source: z.string(), purpose: z.string(), count: z.number() })),
          decisions: z.record(z.string(), z.number()),
        }),
      },
      async ({ params, query }) => {
        const dataset = await context.store.dataset(params.id);
        if (!dataset) throw new TemperError('absent', `no dataset ${params.id} is in this store`);
        const details = dataset.details as Partial<DatasetDetails> | null;
        const notes = await context.store.notes<ExampleReview>(EXAMPLE_NOTE);
        const last = latest(notes);
        const versions = Map.groupBy(notes, ({ subject }) => subject);
        const shown = dataset.examples.map((example): ShownExample => {
          const subject = reviewedAs(example);
          return {
            example,
            review: reviewOf(last.get(subject)),
            versions: versions.get(subject)?.length ?? 0,
          };
        });
        const wanted = query.text?.toLowerCase();
        const fits = ({ example, review }: ShownExample): boolean =>
          (query.purpose === undefined || example.purpose === query.purpose) &&
          (query.source === undefined || example.lineage.source === query.source) &&
          (query.category === undefined || example.category === query.category) &&
          (query.finding === undefined || example.lineage.finding === query.finding) &&
          (query.decision === undefined || (review?.decision ?? 'undecided') === query.decision) &&
          (wanted === undefined ||
            JSON.stringify([example.prompt, example.chosen, example.rejected])
              .toLowerCase()
              .includes(wanted));
        const found = shown.filter(fits);
        const balance = new Map<string, number>();
        const sources: Record<string, number> = {};
        const mix = new Map<string, { source: string; purpose: string; count: number }>();
        const decisions: Record<string, number> = {};
        for (const { example, review } of shown) {
          const key = `${example.category} ${example.purpose}`;
          balance.set(key, (balance.get(key) ?? 0) + 1);
          sources[example.lineage.source] = (sources[example.lineage.source] ?? 0) + 1;
          const { source } = example.lineage;
          const { purpose } = example;
          const part = `${source} ${purpose}`;
          mix.set(part, { source, purpose, count: (mix.get(part)?.count ?? 0) + 1 });
          const made = review?.decision ?? 'undecided';
          decisions[made] = (decisions[made] ?? 0) + 1;
        }
        return {
          total: found.length,
          all: shown.length,
          examples: found.slice(query.offset, query.offset + query.limit),
          removed: [...(details?.removed ?? [])].slice(0, 1000),
          left: leftFor(details?.left ?? []),
          mix: [...mix.values()],
          balance: [...balance].map(([key, count]) => {
            const [category = '', purpose = ''] = key.split(' ');
            return { category, purpose, count };
          }),
          sources,
          decisions,
        };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/examples/:id/versions',
        summary: 'What people decided about an example, oldest first',
        response: z.object({ versions: z.array(record<Note<ExampleReview>>('a decision with its author')) }),
      },
      async ({ params }) => ({ versions: await context.store.notes<ExampleReview>(EXAMPLE_NOTE, params.id) }),
    ),
    on(
      {
        method: 'POST',
        path: '/api/examples/:id/review',
        needs: 'reviewer',
        summary: 'Accept, reject or edit an example: kept as a new version, which the next round follows',
        body: z.object({ review: decision, author }),
        response: z.object({ note: record<Note<ExampleReview>>('the decision') }),
      },
      async ({ params, body }) => {
        const found = (await context.store.find(params.id)) as { example?: PreferenceExample } | null;
        if (!found?.example) throw new TemperError('absent', `no example ${params.id} is in this store`);
        return {
          note: await context.store.saveNote<ExampleReview>({
            kind: EXAMPLE_NOTE,
            subject: reviewedAs(found.example),
            author: body.author,
            created: new Date().toISOString(),
            record: body.review,
          }),
        };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/runs/:id/training',
        summary: 'How the trainings of a run went, step by step, and the candidates that came of them',
        response: z.object({
          curves: z.array(record<TrainingCurve>('docs/formats.md#metricsjsonl')),
          selection: record<Selection>('candidates on held-out dev scenarios').nullable(),
          recipes: record<Record<string, unknown>>('recipes of the configuration'),
        }),
      },
      async ({ params }) => {
        const run = await context.run(params.id);
        return {
          curves: trainingCurves(context, run.id),
          selection: (await context.store.stage(run.id, 'select')) as Selection | null,
          recipes: ((run.config as { training?: Record<string, unknown> }).training ?? {}) as Record<
            string,
            unknown
          >,
        };
      },
    ),
  ] as const;
};
