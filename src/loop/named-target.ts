/** What a name on the command line means as a target: a name of the configuration, a path, `base:adapter`, `provider:model`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config, TargetConfig } from '../config/config.ts';
import { isModel } from '../engine/model.ts';
import { PROVIDERS } from '../models/registry.ts';
import { parseSpec } from '../models/spec.ts';
import { connectionOf, isEmbedded } from './remote-targets.ts';

/** The target without its model: system prompt and decoding. */
function manner({ system, temperature, topP, maxTokens, batch }: TargetConfig): Omit<TargetConfig, 'model'> {
  return { system, temperature, topP, maxTokens, batch };
}

const isAdapter = (path: string): boolean => existsSync(join(path, 'adapter_config.json'));

/** The target of that name with the manner of the configured one, or null if it names none. `base`: the configured one. */
export function namedTarget(config: Config, name: string): TargetConfig | null {
  const { target, targets = {} } = config;
  if (Object.hasOwn(targets, name)) {
    const { temperature, topP, maxTokens, batch, system, ...rest } = targets[name]!;
    const own = Object.entries({ temperature, topP, maxTokens, batch, system }).filter(
      ([, value]) => value !== undefined,
    );
    return { ...manner(target), ...rest, ...Object.fromEntries(own) };
  }
  return name === 'base' ? target : (embedded(config, name) ?? called(config, name));
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

function called(config: Config, name: string): TargetConfig | null {
  const asked = parseSpec(name);
  if (!Object.hasOwn(PROVIDERS, asked.provider)) return null;
  const { target } = config;
  const { model: _model, ...connection } = connectionOf(target);
  const known = fits(target, asked.provider, asked.baseUrl) ? connection : {};
  return { ...manner(target), ...known, model: name };
}

/** Keys, headers and templates go only where they were configured for. */
function fits(target: TargetConfig, provider: string, address: string | undefined): boolean {
  const configured = isEmbedded(target) ? null : parseSpec(target.model);
  if (configured && configured.provider !== provider) return false;
  const own = configured?.baseUrl ?? target.baseUrl;
  if (address === undefined) return true;
  if (own === undefined) return configured === null;
  return URL.canParse(address) && URL.canParse(own) && new URL(address).origin === new URL(own).origin;
}
