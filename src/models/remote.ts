/** A model reached by calls, with all that surrounds them: cache, budget, places, retries, usage. */
import { availableParallelism } from 'node:os';
import type { LanguageModelV4, LanguageModelV4Middleware } from '@ai-sdk/provider';
import type { AnswerCache } from '../store/answers.ts';
import type { Budget } from './budget.ts';
import { calling } from './calling.ts';
import { AdaptiveLimiter } from './limiter.ts';
import { cached, withoutDefaults, wrap } from './middleware.ts';
import { requireConnection } from './problems.ts';
import { modelIdentity, openModel, specOf } from './registry.ts';
import type { Secrets } from './secrets.ts';
import type { CallSettings, Connection } from './settings.ts';
import type { Meter, ModelRole } from './usage.ts';

export interface RemoteOptions {
  readonly role: ModelRole;
  readonly calls: CallSettings;
  readonly secrets: Secrets;
  readonly meter: Meter;
  readonly budget: Budget;
  /** Absent: every answer is asked for. */
  readonly cache?: AnswerCache | undefined;
  /** How pauses are waited for; default: by the clock. */
  readonly delay?: (milliseconds: number, signal?: AbortSignal) => Promise<unknown>;
}

export interface RemoteModel extends Disposable {
  readonly model: LanguageModelV4;
  /** `provider:model`, with the address if it is not the provider's own. */
  readonly name: string;
  /** Identity, for ids and the cache. */
  readonly id: string;
  /** Calls worth having under way: what the limiter may let through. */
  readonly concurrency: number;
}

/** Opens a model with its middleware. Errors: those of `openModel`; `config`, with all problems of the connection at once. */
export async function openRemote(connection: Connection, options: RemoteOptions): Promise<RemoteModel> {
  const { calls, role, meter, secrets, budget, cache } = options;
  const waiting = options.delay ? { delay: options.delay } : {};
  const { price } = connection;
  requireConnection(
    connection,
    calls.budget.dollars !== null && price === undefined
      ? [`${role}.price: calls.budget.dollars needs it, in dollars for a million tokens`]
      : [],
    role,
  );
  const { provider, model: modelId, baseUrl } = specOf(connection);
  const part = (sign: string, value: string | undefined): string => (value ? `${sign}${value}` : '');
  const name = `${provider}${part(':', modelId)}${part('@', baseUrl)}${part('#', connection.edition)}`;
  const vectors = role === 'embeddings';
  // The same model may also be asked for words.
  const id = `${modelIdentity(connection, secrets.path)}${vectors ? '/embeddings' : ''}`;
  const opened = await openModel(connection, secrets, calls, vectors);
  const { start, max } = calls.concurrency;
  // Programs run on this machine: more of them than it has processors only wait for each other.
  const most = provider === 'command' ? Math.min(max, availableParallelism()) : max;
  const limiter = new AdaptiveLimiter({ start: Math.min(start, most), max: most, ...waiting });
  const usage = meter.of(role);
  const middleware = [
    withoutDefaults,
    ...(cache ? [cached(cache, id, usage)] : []),
    calling({ name, limiter, budget, usage, secrets, retries: calls.retries, price, ...waiting }),
    ...(connection.options && opened.optionNames.length > 0
      ? [withOptions(opened.optionNames, connection.options)]
      : []),
  ];
  return {
    model: wrap(opened.model, middleware),
    name,
    id,
    concurrency: most,
    [Symbol.dispose]: () => {
      limiter[Symbol.dispose]();
      opened[Symbol.dispose]();
    },
  };
}

function withOptions(
  names: readonly string[],
  options: NonNullable<Connection['options']>,
): LanguageModelV4Middleware {
  const providerOptions = Object.fromEntries(names.map((name) => [name, options]));
  return {
    specificationVersion: 'v4',
    transformParams: ({ params }) =>
      Promise.resolve({
        ...params,
        providerOptions: providerOptions as NonNullable<typeof params.providerOptions>,
      }),
  };
}
