/** What a name on the command line means as a target: a name of the configuration, a path, `base:adapter`, `provider:model`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config, TargetConfig } from '../config/config.ts';
import { isModel } from '../engine/model.ts';
import { PROVIDERS, specOf } from '../models/registry.ts';
import type { Connection } from '../models/settings.ts';
import { type ModelSpec, parseSpec } from '../models/spec.ts';
import { connectionOf, isEmbedded } from './remote-targets.ts';

/** The target without its model: system prompt and decoding. */
function manner({ system, temperature, topP, maxTokens, batch }: TargetConfig): Omit<TargetConfig, 'model'> {
  return { system, temperature, topP, maxTokens, batch };
}

const isAdapter = (path: string): boolean => existsSync(join(path, 'adapter_config.json'));

/**
 * The target of that name with the manner of the configured one, or null if it names none. `base`: the configured one.
 * `address`: where it will be called, if not where its name says.
 */
export function namedTarget(config: Config, name: string, address?: string): TargetConfig | null {
  const { target, targets = {} } = config;
  if (Object.hasOwn(targets, name)) {
    const { temperature, topP, maxTokens, batch, system, samples: _samples, ...rest } = targets[name]!;
    const own = Object.entries({ temperature, topP, maxTokens, batch, system }).filter(
      ([, value]) => value !== undefined,
    );
    return { ...manner(target), ...rest, ...Object.fromEntries(own) };
  }
  return name === 'base'
    ? target
    : (embedded(config, name) ?? dated(config, name, address) ?? called(config, name, address));
}

/** `NAME#EDITION`: the same model at another time. */
function dated(config: Config, name: string, address: string | undefined): TargetConfig | null {
  const [, of, edition] = /^(.+)#([^#]*)$/.exec(name) ?? [];
  const found = of === undefined ? null : namedTarget(config, of, address);
  return found && { ...found, edition };
}

function embedded(config: Config, name: string): TargetConfig | null {
  const own = { ...manner(config.target), model: 'embedded' };
  if (name === 'embedded') return own;
  const path = name.startsWith('embedded:') ? name.slice('embedded:'.length) : name;
  if (isAdapter(path)) return path === name ? null : { ...own, adapter: path };
  if (existsSync(path)) return isModel(path) ? { ...own, path } : null;
  const colon = path.lastIndexOf(':');
  const adapter = path.slice(colon + 1);
  if (colon < 1 || !isAdapter(adapter)) return null;
  const base = namedTarget(config, path.slice(0, colon));
  return base && isEmbedded(base) ? { ...base, adapter } : null;
}

function called(config: Config, name: string, address: string | undefined): TargetConfig | null {
  const spec = parseSpec(name);
  const asked = address === undefined ? spec : { ...spec, baseUrl: address };
  if (!Object.hasOwn(PROVIDERS, asked.provider)) return null;
  return { ...manner(config.target), ...inherited(config.target, asked), model: name };
}

/** Keys, headers and templates go only where they were configured for: what of the target's connection a model takes over. */
function inherited(target: TargetConfig, asked: ModelSpec): Partial<Connection> {
  const { model: _model, ...connection } = connectionOf(target);
  // Beside the default model they can only be meant for what is named.
  const configured = isEmbedded(target) ? null : specOf(connectionOf(target));
  if (configured && configured.provider !== asked.provider) return {};
  const baseUrl = configured ? configured.baseUrl : target.baseUrl;
  // The address may stand in the model's name, which is not taken over.
  const known = baseUrl === undefined ? connection : { ...connection, baseUrl };
  if (asked.baseUrl === undefined) return known;
  if (baseUrl === undefined) return configured === null ? known : {};
  return sameOrigin(asked.baseUrl, baseUrl) ? known : {};
}

const sameOrigin = (a: string, b: string): boolean =>
  URL.canParse(a) && URL.canParse(b) && new URL(a).origin === new URL(b).origin;
