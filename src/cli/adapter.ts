import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { TemperError } from '../core/errors.ts';
import { type Adapter, loadAdapter, saveAdapter } from '../engine/adapter.ts';
import { interpolateAdapters, mergeAdapters, scaleAdapter } from '../engine/adapter-arithmetic.ts';
import { exportGgufAdapter, exportMerged } from '../engine/export.ts';
import { type LoadedModel, loadModel } from '../engine/model.ts';
import { locateModel } from '../loop/targets.ts';
import { type CommonOptions, configOf, real, withCommon, withProgress } from './context.ts';
import { printJson, say } from './output.ts';
import { weightsOf } from './target.ts';

interface Options extends CommonOptions {
  readonly target: string;
  readonly out: string;
}

interface Opened {
  readonly model: LoadedModel;
  readonly base: string;
  readonly adapters: readonly Adapter[];
}

async function open(directories: readonly string[], options: Options): Promise<Opened> {
  const config = configOf(options);
  const base = weightsOf(config, options.target, 'an adapter');
  if (base.adapter !== undefined)
    throw new TemperError('usage', `--target ${options.target} is a model with an adapter`, {
      hint: 'Name the base alone; `temper adapter merge` takes several adapters.',
    });
  const file = await withProgress(({ emit }) =>
    locateModel(base, { models: config.models, engine: { provider: 'cpu' } }, emit),
  );
  const model = loadModel(file.path);
  return {
    model,
    base: file.name,
    adapters: directories.map((directory) => loadAdapter(directory, model.config)),
  };
}

/** Errors: `usage` if the base model, which is read until the end, lies there. */
function outOf({ out, target }: Options): string {
  const path = resolve(out);
  if (existsSync(path) && existsSync(target) && realpathSync(path) === realpathSync(target))
    throw new TemperError('usage', `--out ${out} is the base model`, { hint: 'Choose a new name.' });
  return path;
}

/** Errors: `usage` if anything lies at --out. */
function newOut(options: Options): string {
  const path = outOf(options);
  if (existsSync(path))
    throw new TemperError('usage', `--out ${options.out} exists`, {
      hint: 'Choose a new name: it would be replaced.',
    });
  return path;
}

const said = (options: Options, path: string, what: string): void => {
  if (options.json) printJson({ out: path });
  else say(`${what}: ${options.out}\n`);
};

function write(opened: Opened, adapter: Adapter, options: Options): void {
  const path = outOf(options);
  saveAdapter(path, adapter, { base: opened.base });
  said(options, path, `adapter of rank ${adapter.rank}`);
}

const common = (name: string): Command =>
  withCommon(new Command(name))
    .option(
      '--target <target>',
      'the base of the adapters: `base` (the configured target), `embedded` (the default model), or the path of a GGUF file or model folder',
      'base',
    )
    .requiredOption('--out <path>', 'where the result goes');

const EXPORTS = {
  peft: (opened: Opened, adapter: Adapter, options: Options): void => write(opened, adapter, options),
  gguf: ({ model }: Opened, adapter: Adapter, options: Options): void => {
    const path = newOut(options);
    exportGgufAdapter(path, adapter, model.config);
    said(options, path, 'GGUF LoRA');
  },
  merged: ({ model }: Opened, adapter: Adapter, options: Options): void => {
    const path = outOf(options);
    exportMerged(path, model, adapter);
    said(options, path, 'merged model, float32');
  },
};

function exportCommand(): Command {
  return common('export')
    .description('An adapter for other tools: PEFT, llama.cpp (gguf) or transformers (merged)')
    .argument('<directory>', 'a LoRA adapter in PEFT format')
    .addOption(
      new Option('--format <format>', 'what to write').choices(Object.keys(EXPORTS)).makeOptionMandatory(),
    )
    .option('--strength <factor>', 'how much of the adapter', real, 1)
    .addHelpText(
      'after',
      '\nExamples:\n  temper adapter export adapters/dpo --format gguf --out dpo.gguf\n  temper adapter export adapters/dpo --format merged --strength 0.5 --out merged',
    )
    .action(
      async (directory: string, options: Options & { format: keyof typeof EXPORTS; strength: number }) => {
        const opened = await open([directory], options);
        EXPORTS[options.format](opened, scaleAdapter(opened.adapters[0]!, options.strength), options);
      },
    );
}

function mergeCommand(): Command {
  return common('merge')
    .description('The weighted sum of adapters; the ranks add up')
    .argument('<directories...>', 'adapters of one model')
    .option('--weights <numbers>', 'one a directory, with commas between; 1 each by default')
    .addHelpText(
      'after',
      '\nExample:\n  temper adapter merge adapters/safety adapters/style --weights 1,0.5 --out adapters/both',
    )
    .action(async (directories: string[], options: Options & { weights?: string }) => {
      const weights = options.weights?.split(',').map(real) ?? directories.map(() => 1);
      if (weights.length !== directories.length)
        throw new TemperError('usage', `${weights.length} weights for ${directories.length} adapters`, {
          hint: 'Give one weight for each: --weights 0.7,0.3',
        });
      const opened = await open(directories, options);
      const parts = opened.adapters.map((adapter, i) => ({ adapter, weight: weights[i] as number }));
      write(opened, mergeAdapters(parts), options);
    });
}

function interpolateCommand(): Command {
  return common('interpolate')
    .description('Between two checkpoints of one run; the rank stays')
    .argument('<from>', 'where --at 0 is')
    .argument('<to>', 'where --at 1 is')
    .requiredOption('--at <share>', 'how far along', real)
    .addHelpText(
      'after',
      '\nExample:\n  temper adapter interpolate adapters/dpo.checkpoints/step-160 adapters/dpo --at 0.5 --out adapters/half',
    )
    .action(async (from: string, to: string, options: Options & { at: number }) => {
      const opened = await open([from, to], options);
      const [a, b] = opened.adapters as [Adapter, Adapter];
      write(opened, interpolateAdapters(a, b, options.at), options);
    });
}

export function adapterCommand(): Command {
  const adapter = new Command('adapter')
    .description('Export, merge and interpolate adapters')
    .showSuggestionAfterError();
  for (const command of [exportCommand(), mergeCommand(), interpolateCommand()])
    adapter.addCommand(command.showSuggestionAfterError().exitOverride());
  return adapter.addHelpText(
    'after',
    '\nExamples:\n  temper adapter export adapters/dpo --format gguf --out dpo.gguf\n  temper adapter merge adapters/safety adapters/style --weights 1,0.5 --out adapters/both\n  temper adapter interpolate adapters/one adapters/two --at 0.5 --out adapters/half',
  );
}
