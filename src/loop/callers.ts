/** What all models of a command that are called share: budget, cache of answers, keys, and what they used, by role. */
import { join } from 'node:path';
import { type Config, environment, environmentNames } from '../config/config.ts';
import { type Emit, silent } from '../core/events.ts';
import { Budget } from '../models/budget.ts';
import { openRemote, type RemoteModel } from '../models/remote.ts';
import { Secrets } from '../models/secrets.ts';
import type { Connection } from '../models/settings.ts';
import { describeUsage, Meter, type ModelRole, type Usage } from '../models/usage.ts';
import { AnswerCache } from '../store/answers.ts';

export interface CallTools {
  readonly emit?: Emit;
  /** What the command may spend; default: what the configuration says, anew. */
  readonly budget?: Budget;
}

export class Callers implements Disposable {
  readonly emit: Emit;
  readonly #config: Pick<Config, 'calls' | 'directory'>;
  readonly #budget: Budget;
  readonly #meter = new Meter();
  readonly #secrets = new Secrets(environment, environmentNames());
  #cache: AnswerCache | undefined;

  constructor(
    config: Pick<Config, 'calls' | 'directory'>,
    { emit = silent, budget = new Budget(config.calls.budget) }: CallTools = {},
  ) {
    this.#config = config;
    this.emit = emit;
    this.#budget = budget;
  }

  /** The caller closes it, before this. Errors: `config`, `model`, `store`. */
  open(role: ModelRole, connection: Connection): Promise<RemoteModel> {
    const { calls, directory } = this.#config;
    if (calls.cache) this.#cache ??= new AnswerCache(join(directory, 'answers.sqlite'));
    return openRemote(connection, {
      role,
      calls,
      secrets: this.#secrets,
      meter: this.#meter,
      budget: this.#budget,
      cache: this.#cache,
    });
  }

  /** Empty where nothing is called. */
  get usage(): Partial<Record<ModelRole, Usage>> {
    return this.#meter.usage;
  }

  /** The emitter hears what was used. */
  [Symbol.dispose](): void {
    this.#cache?.[Symbol.dispose]();
    for (const [role, usage] of Object.entries(this.usage))
      this.emit({ type: 'note', level: 'info', message: describeUsage(role as ModelRole, usage) });
  }
}
