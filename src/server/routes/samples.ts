/** What each candidate of a run answered to the same dev prompts: the conversations that the choice was made by. */
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import type { Turn } from '../../core/records.ts';
import type { Selection } from '../../loop/select.ts';
import type { ServerContext } from '../context.ts';
import { record, routesOf } from '../route.ts';

const on = routesOf('runs');

/** Arms of the candidates: `choose: sft step 190 x 1.25`, and `choose: base`. */
const PREFIX = 'choose: ';
const BASE = 'base';

export interface Sample {
  /** Of the candidate, as the arm names it; `base`: the target as it is. */
  readonly candidate: string;
  readonly conversation: string;
  readonly turns: readonly Pick<Turn, 'request' | 'response' | 'prefill' | 'finish'>[];
  readonly outcome: string;
  readonly severity: number | null;
}

export interface SampledPrompt {
  readonly scenario: string;
  readonly key: string;
  readonly kind: string;
  readonly category: string;
  readonly samples: readonly Sample[];
}

interface Row {
  readonly arm: string;
  readonly id: string;
  readonly scenario: string;
  readonly key: string;
  readonly kind: string;
  readonly category: string;
  readonly outcome: string;
  readonly severity: number | null;
}

const kinds = ['adversarial', 'benign', 'general', 'grounded'] as const;

/** The target as it is first, then the candidates as they were measured. */
function candidatesOf(rows: readonly Row[], selection: Selection | null): string[] {
  const measured = [...new Set(rows.map(({ arm }) => arm.slice(PREFIX.length)))];
  const order = (selection?.frontier ?? []).map(({ checkpoint, strength }) => `${checkpoint} x ${strength}`);
  const place = (name: string): number =>
    name === BASE ? -1 : order.includes(name) ? order.indexOf(name) : order.length;
  return measured.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}

export const sampleRoutes = (context: ServerContext) =>
  [
    on(
      {
        method: 'GET',
        path: '/api/runs/:id/samples',
        summary:
          'What the target and each candidate answered to the same held-out dev prompts, those they differ most on first',
        query: z.object({
          kind: z.enum(kinds).optional(),
          offset: z.coerce.number().int().min(0).max(100_000).default(0),
          limit: z.coerce.number().int().min(1).max(20).default(3),
        }),
        response: z.object({
          candidates: z.array(z.string()),
          chosen: z.string().nullable().describe('the candidate that was released'),
          total: z.number(),
          kinds: z.record(z.string(), z.number()).describe('prompts of each kind'),
          prompts: z.array(record<SampledPrompt>('a prompt with the answers of all candidates')),
        }),
      },
      async ({ params, query }) => {
        const run = await context.run(params.id);
        const selection = (await context.store.stage(run.id, 'select')) as Selection | null;
        const rows = context.search.index.database
          .prepare(
            `select a.arm, i.id, i.scenario, i.key, i.kind, i.category, i.outcome, i.severity
               from arms a join items i on i.rowid = a.item where a.run = ? and a.arm like 'choose: %' order by i.key, i.id`,
          )
          .all(run.id) as unknown as Row[];
        const candidates = candidatesOf(rows, selection);
        const all = [...Map.groupBy(rows, ({ scenario }) => scenario).values()];
        const counts: Record<string, number> = {};
        for (const [{ kind }] of all as [Row][]) counts[kind] = (counts[kind] ?? 0) + 1;
        const telling = (group: readonly Row[]): number =>
          new Set(group.map(({ outcome, severity }) => `${outcome} ${severity ?? ''}`)).size;
        const found = all
          .filter(([first]) => query.kind === undefined || first!.kind === query.kind)
          .sort((a, b) => telling(b) - telling(a));
        const prompts: SampledPrompt[] = [];
        for (const group of found.slice(query.offset, query.offset + query.limit)) {
          const { scenario, key, kind, category } = group[0]!;
          prompts.push({ scenario, key, kind, category, samples: await samplesOf(group) });
        }
        const { checkpoint, strength } = selection?.chosen ?? {};
        return {
          candidates,
          chosen: checkpoint === undefined ? null : `${checkpoint} x ${strength}`,
          total: found.length,
          kinds: counts,
          prompts,
        };

        async function samplesOf(group: readonly Row[]): Promise<Sample[]> {
          const samples: Sample[] = [];
          for (const { arm, id, outcome, severity } of group) {
            const stored = await context.store.conversation(id);
            if (!stored)
              throw new TemperError('store', `conversation ${id} was replaced while it was read`, {
                hint: 'Ask again.',
              });
            const turns = stored.conversation.turns.map(({ request, response, prefill, finish }) => ({
              request,
              response,
              finish,
              ...(prefill === undefined ? {} : { prefill }),
            }));
            samples.push({ candidate: arm.slice(PREFIX.length), conversation: id, turns, outcome, severity });
          }
          return samples.sort((a, b) => candidates.indexOf(a.candidate) - candidates.indexOf(b.candidate));
        }
      },
    ),
  ] as const;
