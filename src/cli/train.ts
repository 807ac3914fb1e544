import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { type Config, configSchema, loadConfig } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { ensureReplaceable, replaceFolder } from '../core/folder.ts';
import { contentHash, fileHash } from '../core/ids.ts';
import type { PreferenceExample } from '../core/records.ts';
import { importPreferences, passedOverNote } from '../curation/import.ts';
import { ADAPTER_FILES, adapterHash, freshAdapter, loadAdapter, saveAdapter } from '../engine/adapter.ts';
import { loadModel } from '../engine/model.ts';
import { locateModel } from '../loop/targets.ts';
import { elsewhere, trainerOf } from '../loop/trainer.ts';
import { planBatches } from '../training/batches.ts';
import { CheckpointFolder } from '../training/checkpoints.ts';
import { MetricsLog } from '../training/metrics.ts';
import type { TrlSettings } from '../training/trl/settings.ts';
import { trainTrl } from '../training/trl/trl.ts';
import { dpoSchema, type LoraOptions, type Recipe, sftSchema, trainingId } from '../training/recipe.ts';
import { FileTrainingState } from '../training/state.ts';
import { wrapped } from '../report/format.ts';
import { withProgress } from './context.ts';
import { printJson, say } from './output.ts';
import { weightsOf } from './target.ts';

interface TrainOptions {
  readonly recipe: 'sft' | 'dpo';
  readonly target: string;
  readonly out: string;
  readonly adapter?: string;
  readonly backend?: 'onnx' | 'trl';
  readonly config?: string;
  readonly set: string[];
  readonly json?: boolean;
}

const DEFAULTS = configSchema.parse({}).training;

/** What `--set` names without a path: keys of the recipe; `lora.` keys shape a fresh adapter. */
const RECIPE_KEYS = {
  sft: new Set(Object.keys(sftSchema.shape)),
  dpo: new Set(Object.keys(dpoSchema.shape)),
};

/** `--set` as paths of the configuration. Errors: `usage` for a key that belongs neither to it nor to the recipe. */
function paths({ recipe, set, backend }: Pick<TrainOptions, 'recipe' | 'set' | 'backend'>): string[] {
  const first = backend === undefined ? [] : [`training.backend=${backend}`];
  return [...first, ...set].map((override) => {
    const key = /^[^.=]*/.exec(override)![0];
    if (key === 'kind')
      throw new TemperError('usage', `--set kind contradicts --recipe ${recipe}`, {
        hint: 'Leave the kind to --recipe.',
      });
    if (key === 'lora' || key === 'trl') return `training.${override}`;
    if (RECIPE_KEYS[recipe].has(key)) return `training.${recipe}.${override}`;
    if (key === '' || !override.includes('=') || Object.hasOwn(configSchema.shape, key)) return override;
    throw new TemperError('usage', `--set ${key}: the recipe ${recipe} has no such key`, {
      hint: `Its keys: ${[...RECIPE_KEYS[recipe]].filter((name) => name !== 'kind').join(', ')}; or a path of the configuration, such as lora.rank or training.${recipe}.epochs.`,
    });
  });
}

/** The recipe as the configuration and `--set` have it: the same as a run's. */
function recipeOf(name: TrainOptions['recipe'], { sft, dpo }: Config['training']): Recipe {
  if (name === 'sft') return sft;
  // How many pairs a run takes of its own dataset is no matter of the recipe.
  const { pairs: _pairs, ...recipe } = dpo ?? DEFAULTS.dpo!;
  return recipe;
}

/** What matters most of a recipe, as `--set` takes it. */
function recipeText(recipe: Recipe, lora: LoraOptions | null): string {
  const { kind, learningRate, epochs, batch, maxLength, maxCompletionLength } = recipe;
  const shown = {
    learningRate,
    epochs,
    batch,
    maxLength,
    maxCompletionLength,
    ...(recipe.kind === 'dpo' ? { loss: recipe.loss, beta: recipe.beta, nll: recipe.nll } : {}),
    ...(lora ? { 'lora.rank': lora.rank, 'lora.alpha': lora.alpha } : {}),
  };
  return `${kind}: ${Object.entries(shown)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')}`;
}

/** The examples of a file, and what of it is passed over. Errors: `data`, also if nothing is left. */
async function dataset(path: string, { kind, seed }: Recipe) {
  const source = { path, format: 'trl', limit: Number.MAX_SAFE_INTEGER };
  const imported = await importPreferences(source, seed, { pairs: kind === 'dpo' });
  const { examples: data, records, passedOver } = imported;
  const note = passedOverNote(imported);
  // Examples that serve SFT alone are no fault of a file: `temper curate` writes them.
  const expected = Object.keys(passedOver).every((reason) => reason.endsWith('it serves SFT alone'));
  const level = expected ? ('info' as const) : ('warning' as const);
  if (data.length > 0)
    return { data, passedOver, note: note === null ? null : { level, message: `${path}: ${note}` } };
  throw new TemperError('data', `${path}: ${records === 0 ? 'it has no records' : note}`, {
    hint: `Give examples that ${kind === 'dpo' ? 'have two different answers' : 'have an answer to learn'}.`,
  });
}

interface NamedTraining {
  readonly out: string;
  readonly recipe: Recipe;
  readonly lora: LoraOptions;
  readonly trl: TrlSettings;
  readonly data: readonly PreferenceExample[];
  readonly from: string | undefined;
  readonly model: string;
}

/** Trains a model that the own engine never sees, by the name under which transformers finds it. */
async function trainByName(
  { out, recipe, lora, trl, data, from, model }: NamedTraining,
  { emit, signal }: { emit: Emit; signal: AbortSignal },
) {
  const start = from === undefined ? { fresh: lora } : fileHash(join(from, 'adapter_model.safetensors'));
  const parts = { recipe, data: data.map(({ id }) => id), model, start: contentHash(await start) };
  const id = trainingId({ ...parts, backend: trl.precision });
  const folder = `${out}.${id}.job`;
  const characters = ({ prompt, chosen, rejected }: PreferenceExample): number =>
    JSON.stringify([prompt, chosen, recipe.kind === 'dpo' ? rejected : []]).length;
  const job = { folder, id, settings: trl, lora, start: from ?? null, data, recipe, model, stopToken: null };
  // Characters do for the lengths, where no tokenizer is at hand.
  const plan = planBatches(data.map(characters), { ...recipe, batch: recipe.batch * recipe.accumulation });
  const metrics = new MetricsLog(`${out}.metrics.jsonl`);
  const result = await trainTrl({ ...job, plan }, { emit, signal, metrics });
  replaceFolder(out, ADAPTER_FILES, (to) => {
    for (const file of ADAPTER_FILES.filter((name) => existsSync(join(result.adapter, name))))
      cpSync(join(result.adapter, file), join(to, file));
    renameSync(metrics.path, join(to, 'metrics.jsonl'));
  });
  rmSync(folder, { recursive: true, force: true });
  return { ...result, dropped: [] };
}

const HELP = `
Recipe, unless the configuration or --set says otherwise (a run's is the same):
${(['sft', 'dpo'] as const).map((name) => `${wrapped(recipeText(recipeOf(name, DEFAULTS), null), 96, '     ').join('\n  ')}`).join('\n')}`;

export function trainCommand(): Command {
  return new Command('train')
    .description('Train a LoRA adapter from preference data; the result is in PEFT format')
    .argument('<data.jsonl>', "TRL's conversational preference format: {prompt, chosen, rejected}")
    .addOption(new Option('--recipe <recipe>', 'how to train').choices(['sft', 'dpo']).makeOptionMandatory())
    .option(
      '--target <target>',
      '`base` (the configured target), `embedded` (the default model), the path of a GGUF file or model folder, or base:adapter to start from that adapter',
      'base',
    )
    .requiredOption('--out <directory>', 'where the adapter goes')
    .option('--adapter <directory>', 'adapter to start from (and, for DPO, the reference)')
    .option(
      '-c, --config <file>',
      'configuration: the recipe starts from its `training` (default: temper.yaml where there is one)',
    )
    .option(
      '--set <key=value>',
      'a key of the recipe (docs/formats.md), lora.rank, lora.alpha, lora.rslora, lora.targets, lora.frozen, or a path of the configuration; repeatable',
      (value: string, all: string[]) => [...all, value],
      [],
    )
    .addOption(
      new Option(
        '--backend <backend>',
        'onnx, the own engine (default), or trl: Python, here or on a cluster (docs/training.md)',
      ).choices(['onnx', 'trl']),
    )
    .option('--json', 'print the result as JSON')
    .addHelpText('after', HELP)
    .addHelpText(
      'after',
      '\nExamples:\n  temper train pairs.jsonl --recipe sft --out adapters/sft --set learningRate=2e-4\n  temper train pairs.jsonl --recipe dpo --adapter adapters/sft --out adapters/dpo',
    )
    .action(async (input: string, options: TrainOptions) => {
      const config = loadConfig(options.config, paths(options));
      const recipe = recipeOf(options.recipe, config.training);
      const { lora } = config.training;
      const out = resolve(options.out);
      ensureReplaceable(out, ADAPTER_FILES);
      const { data, passedOver, note } = await dataset(input, recipe);
      const base = weightsOf(config, options.target, 'training');
      if (options.adapter !== undefined && base.adapter !== undefined)
        throw new TemperError(
          'usage',
          `--target ${options.target} has an adapter, and --adapter names another`,
          {
            hint: 'Give one of them, or join them first: temper adapter merge.',
          },
        );
      const from = options.adapter ?? base.adapter;
      const result = await withProgress(async ({ emit, signal }) => {
        if (note !== null) emit({ type: 'note', ...note });
        const text = recipeText(recipe, from === undefined ? lora : null);
        emit({ type: 'note', level: 'info', message: text });
        const { trl } = config.training;
        if (config.training.backend === 'trl' && trl.model !== null)
          return trainByName({ out, recipe, lora, trl, data, from, model: trl.model }, { emit, signal });
        const file = await locateModel(base, config.models, emit);
        const model = loadModel(file.path);
        const start =
          from === undefined
            ? freshAdapter(model.config, { ...lora, seed: recipe.seed })
            : loadAdapter(from, model.config);
        // Named by all that determines the run: another dataset or recipe does not go on from it.
        const parts = { recipe, data: data.map(({ id }) => id), model: file.id, start: adapterHash(start) };
        const id = trainingId({ ...parts, ...elsewhere(config.training) });
        const state = new FileTrainingState(`${out}.${id}.state`);
        const folder = `${out}.${id}.job`;
        const train = trainerOf(config.training, { id, path: file.path, folder });
        const metrics = new MetricsLog(`${out}.metrics.jsonl`);
        const kept = { keep: recipe.keepCheckpoints, base: file.name };
        const checkpoints = new CheckpointFolder(`${out}.checkpoints`, kept);
        const trained = await train(model, start, data, recipe, {
          emit,
          signal,
          state,
          metrics,
          onCheckpoint: (adapter, step, steps) => {
            if (step < steps) checkpoints.save(adapter, step);
          },
          onFailure: (adapter, step) => {
            const message = `the adapter after step ${step}, the last good one, is in ${checkpoints.save(adapter, step)}`;
            emit({ type: 'note', level: 'warning', message });
          },
        });
        saveAdapter(out, trained.adapter, { base: file.name });
        renameSync(metrics.path, join(out, 'metrics.jsonl'));
        state.clear();
        rmSync(folder, { recursive: true, force: true });
        return trained;
      });
      const { steps, tokens, finalLoss, dropped } = result;
      if (options.json)
        printJson({
          adapter: out,
          steps,
          tokens,
          loss: finalLoss,
          dropped: dropped.length,
          passedOver,
          recipe,
        });
      else
        say(
          `adapter ${options.out}: ${steps} steps, ${tokens} tokens, last loss ${finalLoss.toFixed(4)}${dropped.length > 0 ? `, ${dropped.length} examples too long` : ''}\n`,
        );
    });
}
