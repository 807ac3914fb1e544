/** `--target` and `--adapter` of the commands: the default model, a model on disk, `base:adapter`, or `provider:model`. */
import type { Command } from 'commander';
import type { Config, TargetConfig } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { namedTarget } from '../loop/named-target.ts';
import { isEmbedded, noWeights } from '../loop/remote-targets.ts';
import { type CommonOptions, configOf } from './context.ts';

export const TARGET_HELP =
  '`embedded` (the default model), the path of a GGUF file or model folder, base:adapter, provider:model[@address] (docs/models.md), or a name under `targets`';

/** What a name means under a configuration. Errors: `model` if it names nothing. */
export function targetOf(config: Config, name: string): TargetConfig {
  const target = namedTarget(config, name);
  if (target) return target;
  throw new TemperError('model', `--target ${name}: no such model`, {
    hint: "Use 'embedded' for the default model, the path of a GGUF file or of a model folder, or provider:model (docs/models.md).",
  });
}

/** The model on disk that a name means. Errors: `model`; `config` for a model that is reached by calls. */
export function weightsOf(config: Config, name: string, what: string): { path?: string | undefined } {
  const target = targetOf(config, name);
  if (!isEmbedded(target)) throw noWeights(name, what);
  return { path: target.path };
}

export interface TargetOptions extends CommonOptions {
  readonly target?: string;
  readonly adapter?: string;
  readonly baseUrl?: string;
  readonly apiKeyEnv?: string;
}

/** --base-url and --api-key-env, as settings of the target. */
export const withAddress = (command: Command): Command =>
  command
    .option('--base-url <url>', 'address of the server, with the version: http://localhost:8000/v1')
    .option('--api-key-env <name>', 'environment variable that holds the key');

/** --target and --adapter, over what the configuration says. */
export const withTarget = (command: Command): Command =>
  withAddress(command)
    .option('--target <target>', TARGET_HELP)
    .option('--adapter <directory>', 'a PEFT LoRA adapter of the target');

export function targetConfig(options: TargetOptions): Config {
  const { target: name, adapter, baseUrl, apiKeyEnv } = options;
  const set = [
    ...options.set,
    ...(baseUrl === undefined ? [] : [`target.baseUrl=${JSON.stringify(baseUrl)}`]),
    ...(apiKeyEnv === undefined ? [] : [`target.apiKey.env=${JSON.stringify(apiKeyEnv)}`]),
  ];
  const config = configOf({ ...options, set });
  const target = name === undefined ? config.target : targetOf(config, name);
  return { ...config, target: adapter === undefined ? target : { ...target, adapter } };
}
