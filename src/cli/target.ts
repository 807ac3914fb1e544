/** `--target` and `--adapter` of the commands: the default model, a model on disk, `base:adapter`, or `provider:model`. */
import type { Command } from 'commander';
import type { z } from 'zod';
import type { Config, TargetConfig } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { namedTarget } from '../loop/named-target.ts';
import { isEmbedded, noWeights } from '../loop/remote-targets.ts';
import { connectionSchema } from '../models/settings.ts';
import { parseSpec } from '../models/spec.ts';
import { type CommonOptions, configOf } from './context.ts';

const TARGET_HELP =
  '`base` (the configured one, and the default), `embedded` (the default model), the path of a GGUF file or model folder, base:adapter, provider:model[@address] (docs/models.md), or a name under `targets`';

/** What a name means under a configuration. Errors: `model` if it names nothing. */
export function targetOf(config: Config, name: string, address?: string): TargetConfig {
  const target = namedTarget(config, name, address);
  if (target) return target;
  throw new TemperError('model', `--target ${name}: no such model`, {
    hint: "Use 'embedded' for the default model, the path of a GGUF file or of a model folder, or provider:model (docs/models.md).",
  });
}

/** The model on disk that a name means, with its adapter. Errors: `model`; `config` for a model that is reached by calls. */
export function weightsOf(
  config: Config,
  name: string,
  what: string,
): Pick<TargetConfig, 'path' | 'adapter'> {
  const target = targetOf(config, name);
  if (!isEmbedded(target)) throw noWeights(name, what);
  return target;
}

export interface TargetOptions extends CommonOptions {
  readonly target?: string;
  readonly adapter?: string;
  readonly baseUrl?: string;
  readonly apiKeyEnv?: string;
}

/** --base-url and --api-key-env, as settings of the target that is meant. */
const withAddress = (command: Command): Command =>
  command
    .option('--base-url <url>', 'address of the server, with the version: http://localhost:8000/v1')
    .option('--api-key-env <name>', 'environment variable that holds the key');

/** --target and --adapter, over what the configuration says. */
export const withTarget = (command: Command): Command =>
  withAddress(command)
    .option('--target <target>', TARGET_HELP)
    .option('--adapter <directory>', 'a PEFT LoRA adapter of the target');

const addressSchema = connectionSchema.pick({ baseUrl: true, apiKey: true });
type Address = z.infer<typeof addressSchema>;

/** What the two options say. Errors: `config`; no message repeats the value. */
function addressOf({ baseUrl, apiKeyEnv }: TargetOptions): Address {
  const result = addressSchema.safeParse({
    baseUrl,
    ...(apiKeyEnv === undefined ? {} : { apiKey: { env: apiKeyEnv } }),
  });
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `${path[0] === 'baseUrl' ? '--base-url' : '--api-key-env'}: ${message}`,
  );
  throw new TemperError('config', problems.join('\n'), { hint: 'docs/models.md has examples.' });
}

/** The target there; an address that stands in the model's name gives way. */
function at(target: TargetConfig, { baseUrl, apiKey }: Address): TargetConfig {
  const { provider, model } = parseSpec(target.model);
  const name = model === '' ? provider : `${provider}:${model}`;
  return {
    ...target,
    ...(baseUrl === undefined ? {} : { model: name, baseUrl }),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

/** The configuration with the target that is meant. `decoding`: the command's own defaults. */
export function targetConfig(options: TargetOptions, decoding?: Partial<TargetConfig>): Config {
  const { target: name, adapter } = options;
  const address = addressOf(options);
  // Without --target they are of the configured target, which may lack just these.
  const own = name === undefined ? Object.entries(address) : [];
  const set = own
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `target.${key}=${JSON.stringify(value)}`);
  const config = configOf({ ...options, set: [...options.set, ...set] }, decoding);
  const meant = name === undefined ? config.target : targetOf(config, name, address.baseUrl);
  const target = at(meant, address);
  return { ...config, target: adapter === undefined ? target : { ...target, adapter } };
}
