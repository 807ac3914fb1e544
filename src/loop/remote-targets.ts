/** A model that is reached by calls, as a target: it can be broken and verified; its weights are elsewhere. */
import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { Config, TargetConfig } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { requireConnection } from '../models/problems.ts';
import type { RemoteModel } from '../models/remote.ts';
import { type Connection, connectionShape } from '../models/settings.ts';
import { createTarget, type Target } from '../models/target.ts';
import type { Callers } from './callers.ts';
import { EmbeddedTargets, locateModel, type Targets } from './targets.ts';
import { adapterPath } from './trainer.ts';

/** The part of a target that says where its model is. */
export function connectionOf(target: TargetConfig): Connection {
  const keys = new Set(Object.keys(connectionShape));
  return Object.fromEntries(Object.entries(target).filter(([key]) => keys.has(key))) as Connection;
}

export const isEmbedded = ({ model }: Pick<TargetConfig, 'model'>): boolean => model === 'embedded';

export class RemoteTargets implements Targets {
  readonly weights = null;
  readonly #remote: RemoteModel;
  readonly #target: TargetConfig;

  private constructor(remote: RemoteModel, target: TargetConfig) {
    this.#remote = remote;
    this.#target = target;
  }

  /** Errors: `config`, `model`, `store`. */
  static async open(target: TargetConfig, callers: Callers): Promise<RemoteTargets> {
    return new RemoteTargets(await callers.open('target', connectionOf(target)), target);
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

  base({ maxTokens }: { maxTokens?: number } = {}): Promise<Target> {
    const { system, temperature, topP } = this.#target;
    const identity = {
      model: this.id,
      ...(system === undefined ? {} : { system }),
      decoding: { temperature, topP, maxTokens: maxTokens ?? this.#target.maxTokens },
    };
    const name = `${this.name}${system === undefined ? '' : ', system prompt'}`;
    return Promise.resolve({ ...createTarget(this.#remote.model, identity), name });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#remote[Symbol.dispose]();
    return Promise.resolve();
  }
}

/** The target of a configuration, wherever its model is. Errors: `config`, `model`, `store`. */
export async function openTargets(
  config: Config,
  callers: Callers,
): Promise<EmbeddedTargets | RemoteTargets> {
  const { target } = config;
  requireConnection(target);
  if (!isEmbedded(target)) return RemoteTargets.open(target, callers);
  const adapter = locateAdapter(config);
  return new EmbeddedTargets(await locateModel(target, config, callers.emit), { ...target, adapter });
}

/** The target's own adapter: as its path says from here, else from the folder that the store lies in, or in the store itself. */
function locateAdapter({ directory, target: { adapter } }: Config): string | undefined {
  if (adapter === undefined || isAbsolute(adapter)) return adapter;
  const places = [adapter, resolve(directory, '..', adapter), adapterPath(directory, adapter)];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new TemperError(
    'model',
    `target.adapter ${adapter}: there is no such folder, neither here nor where the store is (${resolve(directory)})`,
    { hint: 'Give its absolute path, or start the command in the folder that the path begins in.' },
  );
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
