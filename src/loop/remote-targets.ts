/** A model that is reached by calls, as a target: it can be broken and verified; its weights are elsewhere. */
import { join } from 'node:path';
import { type Config, environment, environmentNames, type TargetConfig } from '../config/config.ts';
import { type Emit, silent } from '../core/events.ts';
import { TemperError } from '../core/errors.ts';
import { Budget } from '../models/budget.ts';
import { requireConnection } from '../models/problems.ts';
import { openRemote, type RemoteModel } from '../models/remote.ts';
import { Secrets } from '../models/secrets.ts';
import { type Connection, connectionShape } from '../models/settings.ts';
import { createTarget, type Target } from '../models/target.ts';
import { describeUsage, Meter, type ModelRole, type Usage } from '../models/usage.ts';
import { AnswerCache } from '../store/answers.ts';
import { EmbeddedTargets, locateModel, type Targets } from './targets.ts';

/** The part of a target that says where its model is. */
export function connectionOf(target: TargetConfig): Connection {
  const keys = new Set(Object.keys(connectionShape));
  return Object.fromEntries(Object.entries(target).filter(([key]) => keys.has(key))) as Connection;
}

export const isEmbedded = ({ model }: Pick<TargetConfig, 'model'>): boolean => model === 'embedded';

export interface TargetTools {
  readonly emit?: Emit;
  /** What the command may spend; default: what the configuration says, anew. */
  readonly budget?: Budget;
}

export class RemoteTargets implements Targets {
  readonly weights = null;
  readonly #remote: RemoteModel;
  readonly #target: TargetConfig;
  readonly #resources: AsyncDisposableStack;
  readonly #meter: Meter;

  private constructor(
    remote: RemoteModel,
    target: TargetConfig,
    meter: Meter,
    resources: AsyncDisposableStack,
  ) {
    this.#remote = remote;
    this.#target = target;
    this.#meter = meter;
    this.#resources = resources;
  }

  /** Errors: `config`, `model`, `store`. At the end the emitter hears what was used. */
  static async open(
    { target, calls, directory }: Config,
    { emit = silent, budget = new Budget(calls.budget) }: TargetTools = {},
  ): Promise<RemoteTargets> {
    await using resources = new AsyncDisposableStack();
    const meter = new Meter();
    resources.defer(() => {
      for (const [role, usage] of Object.entries(meter.usage))
        emit({ type: 'note', level: 'info', message: describeUsage(role as ModelRole, usage) });
    });
    const cache = calls.cache ? resources.use(new AnswerCache(join(directory, 'answers.sqlite'))) : undefined;
    const secrets = new Secrets(environment, environmentNames());
    const connection = connectionOf(target);
    const remote = resources.use(
      await openRemote(connection, { role: 'target', calls, secrets, meter, budget, cache }),
    );
    return new RemoteTargets(remote, target, meter, resources.move());
  }

  get name(): string {
    return this.#remote.name;
  }

  get id(): string {
    return this.#remote.id;
  }

  /** Conversations wait for a judge and a store too: a few more than calls. */
  get concurrency(): number {
    return this.#remote.concurrency + 8;
  }

  get usage(): Partial<Record<ModelRole, Usage>> {
    return this.#meter.usage;
  }

  base({ maxTokens }: { maxTokens?: number } = {}): Promise<Target> {
    const { system, temperature, topP } = this.#target;
    const identity = {
      model: this.id,
      ...(system === undefined ? {} : { system }),
      decoding: { temperature, topP, maxTokens: maxTokens ?? this.#target.maxTokens },
    };
    return Promise.resolve(createTarget(this.#remote.model, identity));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** The target of a configuration, wherever its model is. Errors: `config`, `model`, `store`. */
export async function openTargets(
  config: Config,
  tools: TargetTools = {},
): Promise<EmbeddedTargets | RemoteTargets> {
  requireConnection(config.target);
  if (!isEmbedded(config.target)) return RemoteTargets.open(config, tools);
  return new EmbeddedTargets(await locateModel(config.target, config.models, tools.emit), config.target);
}

/** The weights of a target, for what trains or adapts. Errors: `config`, naming what can be done without them. */
export function requireWeights(targets: Targets, what: string): EmbeddedTargets {
  if (targets.weights) return targets.weights;
  throw noWeights(targets.name, what);
}

export const noWeights = (name: string, what: string): TemperError =>
  new TemperError('config', `${what} needs the weights of the target, and ${name} is reached by calls`, {
    hint: 'temper eval, attack and compare measure it, and temper curate writes the pairs for a trainer of yours; to train here, give the weights with target.path.',
  });
