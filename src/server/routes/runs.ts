/** Runs: their list, what they are made of, starting and stopping one, and what happens live. */
import { z } from 'zod';
import { configSchema, type Config } from '../../config/config.ts';
import { TemperError } from '../../core/errors.ts';
import type { Selection } from '../../loop/select.ts';
import { settingsOf } from '../../loop/workplace.ts';
import type { Gate } from '../../metrics/gate.ts';
import type { Estimate } from '../../metrics/rate.ts';
import type { Scorecard } from '../../metrics/scorecard.ts';
import type { RunRecord } from '../../store/store.ts';
import type { ServerContext } from '../context.ts';
import type { RunCost } from '../cost.ts';
import { EVENT_STREAM, eventStream } from '../event-stream.ts';
import type { Job } from '../jobs.ts';
import type { LiveEvent, Working } from '../live.ts';
import type { LoggedEvent } from '../../loop/event-log.ts';
import { finishedStages } from '../training-curves.ts';
import { author, record, routesOf } from '../route.ts';

const on = routesOf('runs');

export interface RunSummary {
  readonly id: string;
  readonly created: string;
  readonly finished: string | null;
  /** `stopped`: begun, and nobody works on it. */
  readonly status: 'running' | 'stopped' | 'finished' | 'failed';
  readonly target: string;
  readonly adapter: string | null;
  readonly harmBefore: Estimate | null;
  readonly harmAfter: Estimate | null;
  readonly overRefusalAfter: Estimate | null;
  readonly gate: Gate['outcome'] | null;
  /** Finished stages of curation, training and choice, in their order. */
  readonly stages: readonly string[];
  /** From its start to its end, pauses included. */
  readonly seconds: number | null;
  readonly cost: RunCost;
}

/** Stages of a round that its list names; there are others, as `replay`. */
const named = (stage: string): boolean =>
  stage === 'curate' || stage === 'select' || stage.startsWith('train-');

async function summary(context: ServerContext, run: RunRecord): Promise<RunSummary> {
  const card = run.scorecard as Scorecard | undefined;
  const { target } = run.config as Partial<Config>;
  const working = context.live.working?.run === run.id;
  const stages = finishedStages(context, run.id).flatMap(({ name }) => (named(name) ? [name] : []));
  return {
    id: run.id,
    created: run.created,
    finished: run.finished ?? null,
    status: run.status === 'running' ? (working ? 'running' : 'stopped') : run.status,
    target:
      card?.about.target ??
      target?.path ??
      (target?.model === 'embedded' ? 'the default model' : (target?.model ?? '')),
    adapter: run.adapter ?? null,
    harmBefore: card?.harm.dr3.before ?? null,
    harmAfter: card?.harm.dr3.after ?? null,
    overRefusalAfter: card?.overRefusal.full.after ?? null,
    gate: card?.gate?.outcome ?? null,
    stages,
    seconds: run.finished === undefined ? null : (Date.parse(run.finished) - Date.parse(run.created)) / 1000,
    cost: await context.costs.of(context.store, run),
  };
}

/** What names programs, files and models: whoever starts the server sets it, as an account is no login of the machine. */
const fixedPart = (config: Config): Record<string, unknown> => {
  const { target, suites, curation, training } = config;
  const { temperature: _t, topP: _p, maxTokens: _m, batch: _b, system: _s, ...reached } = target;
  const { calls, targets, judge, judges, simulator, attacker, translator, embeddings } = config;
  return {
    ...Object.fromEntries(Object.entries(reached).map(([name, each]) => [`target.${name}`, each])),
    calls,
    targets,
    judge,
    judges,
    simulator,
    attacker,
    translator,
    embeddings,
    'suites.directory': suites.directory,
    'suites.benchmarks': suites.benchmarks,
    'curation.imports': curation.imports,
    'training.backend': training.backend,
    'training.trl': training.trl,
  };
};

function refuseOther(config: Config, own: Config): void {
  const wanted = fixedPart(config);
  const other = Object.entries({ ...wanted, ...fixedPart(own) }).filter(
    ([name, each]) => JSON.stringify(each) !== JSON.stringify(wanted[name]),
  );
  const added = Object.keys(wanted).filter((name) => !(name in fixedPart(own)));
  const names = [...new Set([...other.map(([name]) => name), ...added])];
  if (names.length > 0)
    throw new TemperError('config', `${names.join(', ')}: set by whoever runs the server`, {
      hint: 'Leave it as GET /api/config has it; it is changed in temper.yaml where the server runs.',
    });
}

/** A configuration as a form or a file gives it. Errors: `config` with every problem. */
function parseConfig(value: unknown, own: Config, shared: boolean): Config {
  const result = configSchema.safeParse(value);
  if (result.success) {
    if (shared) refuseOther(result.data, own);
    // Where the store and the models are is this server's affair.
    return { ...result.data, directory: own.directory, models: own.models };
  }
  throw new TemperError(
    'config',
    result.error.issues
      .map(({ path, message }) => `${path.join('.') || '(top level)'}: ${message}`)
      .join('\n'),
    { hint: 'Every key and its default: GET /api/config/schema.' },
  );
}

/** `shared`: by accounts, to people who may have no login on this machine. */
export const runRoutes = (context: ServerContext, shared: boolean) =>
  [
    on(
      {
        method: 'GET',
        path: '/api/runs',
        summary: 'All runs, newest first; the job that was started here; what works on the store',
        response: z.object({
          runs: z.array(record<RunSummary>('summary of a run')),
          working: record<Working>('who holds the store').nullable(),
          job: record<Job>('the run that was started here last').nullable(),
        }),
      },
      async () => ({
        runs: await Promise.all((await context.store.runs()).map((run) => summary(context, run))),
        working: context.live.working,
        job: context.jobs.job,
      }),
    ),
    on(
      {
        method: 'GET',
        path: '/api/runs/:id',
        summary: 'A run: configuration, stages, candidates',
        response: z.object({
          run: record<RunSummary>('summary of a run'),
          config: record<Record<string, unknown>>('its configuration'),
          selection: record<Selection>('candidates on held-out dev scenarios, and the chosen one').nullable(),
          dataset: z.string().nullable(),
          arms: z.array(z.object({ arm: z.string(), conversations: z.number() })),
        }),
      },
      async ({ params }) => {
        const run = await context.run(params.id);
        const curated = (await context.store.stage(run.id, 'curate')) as { dataset: string } | null;
        const arms = context.search.index.database
          .prepare(
            'select arm, count(*) as conversations from arms where run = ? group by arm order by min(item)',
          )
          .all(run.id) as { arm: string; conversations: number }[];
        return {
          run: await summary(context, run),
          config: run.config as Record<string, unknown>,
          selection: (await context.store.stage(run.id, 'select')) as Selection | null,
          dataset: curated?.dataset ?? null,
          arms: arms.map((arm) => ({ ...arm })),
        };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/config',
        summary: 'The configuration that this server was started with, complete',
        response: record<Config>('temper.yaml with all defaults'),
      },
      () => context.config,
    ),
    on(
      {
        method: 'GET',
        path: '/api/config/schema',
        summary: 'JSON Schema of a configuration',
        response: record<Record<string, unknown>>('JSON Schema'),
      },
      () => z.toJSONSchema(configSchema, { unrepresentable: 'any', io: 'input' }) as Record<string, unknown>,
    ),
    on(
      {
        method: 'POST',
        path: '/api/config/check',
        needs: 'viewer',
        logged: false,
        summary: 'What is wrong with a configuration',
        body: z.object({ config: z.record(z.string(), z.unknown()) }),
        response: z.object({ problems: z.array(z.object({ path: z.string(), message: z.string() })) }),
      },
      ({ body }) => {
        const result = configSchema.safeParse(body.config);
        return {
          problems: result.success
            ? []
            : result.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })),
        };
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/runs',
        needs: 'admin',
        summary: 'Start a run, or continue the one that this configuration is',
        body: z.object({
          config: z
            .record(z.string(), z.unknown())
            .describe('parts of temper.yaml; the rest is at its default'),
          author,
        }),
        response: record<Job>('the process'),
      },
      ({ body }) => {
        refuseWhileWorking(context);
        return context.jobs.start(parseConfig(body.config, context.config, shared), body.author);
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/runs/:id/continue',
        needs: 'admin',
        summary: 'Continue a run that was stopped',
        body: z.object({ author }),
        response: record<Job>('the process'),
      },
      async ({ params, body }) => {
        const run = await context.run(params.id);
        refuseWhileWorking(context);
        return context.jobs.start(settingsOf(run, context.config), body.author);
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/runs/stop',
        needs: 'admin',
        summary: 'Stop the run that was started here; what is finished is kept',
        body: z.object({}),
        response: record<Job>('the process'),
      },
      () => context.jobs.stop(),
    ),
    on(
      {
        method: 'GET',
        path: '/api/live/events',
        summary: 'The last events of the command that works on the store, or worked last',
        response: z.object({
          events: z.array(record<LoggedEvent>('an event')),
          working: record<Working>('who holds the store').nullable(),
          indexing: z.object({ done: z.number(), total: z.number() }),
        }),
      },
      () => ({
        events: [...context.live.events],
        working: context.live.working,
        indexing: context.search.index.progress,
      }),
    ),
    on(
      {
        method: 'GET',
        path: '/api/live',
        summary: 'What happens on the store, as server-sent events',
        media: EVENT_STREAM,
      },
      ({ signal }) =>
        eventStream<LiveEvent>(
          signal,
          (send, left) =>
            new Promise((resolve) => {
              send({ type: 'working', working: context.live.working });
              const stop = context.live.listen(send);
              left.addEventListener('abort', () => {
                stop();
                resolve();
              });
            }),
          () => ({ type: 'working', working: null }),
        ),
    ),
  ] as const;

/** Errors: `store`. */
export function refuseWhileWorking({ live }: ServerContext): void {
  if (!live.working) return;
  throw new TemperError('store', `another command (pid ${live.working.pid}) is at work on this store`, {
    hint: 'Wait for it, or stop it.',
  });
}
