/** `--target` and `--adapter` of the commands: the default model by name, or a GGUF file or model folder by path. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { type CommonOptions, configOf } from './context.ts';

export function targetSettings(target: string): { path?: string } {
  if (target === 'embedded') return {};
  const path = target.startsWith('embedded:') ? target.slice('embedded:'.length) : target;
  if (existsSync(path)) return { path };
  throw new TemperError('model', `--target ${target}: no such model`, {
    hint: "Use 'embedded' for the default model, or the path of a GGUF file or of a model folder.",
  });
}

export interface TargetOptions extends CommonOptions {
  readonly target?: string;
  readonly adapter?: string;
}

/** --target and --adapter, over what the configuration says. */
export const withTarget = (command: Command): Command =>
  command
    .option('--target <target>', '`embedded` (the default model) or the path of a GGUF file or model folder')
    .option('--adapter <directory>', 'a PEFT LoRA adapter of the target');

export function targetConfig(options: TargetOptions): Config {
  const config = configOf(options);
  const { path, adapter } = config.target;
  const named =
    options.target === undefined ? { path, adapter } : { path: targetSettings(options.target).path };
  return {
    ...config,
    target: {
      ...config.target,
      adapter: undefined,
      ...named,
      ...(options.adapter === undefined ? {} : { adapter: options.adapter }),
    },
  };
}
