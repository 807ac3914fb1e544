import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { loadConfig } from '../config/config.ts';
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
import { planTraining } from '../training/batches.ts';
import { CheckpointFolder } from '../training/checkpoints.ts';
import { MetricsLog } from '../training/metrics.ts';
import type { TrlSettings } from '../training/trl/settings.ts';
import { trainTrl } from '../training/trl/trl.ts';
import { type LoraOptions, type Recipe, trainingId } from '../training/recipe.ts';
import { FileTrainingState } from '../training/state.ts';
import { withProgress } from './context.ts';
import { printJson, say } from './output.ts';
import { RECIPE_HELP, recipeNamed, recipeOf, recipePaths, recipeText } from './recipe.ts';
import { weightsOf } from './target.ts';

interface TrainOptions {
  readonly recipe: string;
  readonly target: string;
  readonly out: string;
  readonly adapter?: string;
  readonly evalData?: string;
  readonly backend?: 'onnx' | 'trl';
  readonly config?: string;
  readonly set: string[];
  readonly json?: boolean;
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

type Examples = readonly PreferenceExample[];

/** The examples of `--eval-data`. Errors: `usage` where nothing would measure them. */
async function heldOut(path: string | undefined, recipe: Recipe, backend: string) {
  if (path === undefined) return null;
  if (backend === 'trl')
    throw new TemperError('usage', 'the backend trl takes no --eval-data', {
      hint: 'Train with the backend onnx, or measure the adapter afterwards.',
    });
  if (recipe.evaluateEvery === 0)
    throw new TemperError('usage', '--eval-data: the recipe never measures the held-out loss', {
      hint: 'Say after how many steps: --set evaluateEvery=10.',
    });
  return dataset(path, recipe);
}

/** A warning if examples that are to be held out are trained on. */
function overlap(data: Examples, held: Examples = []) {
  const said = ({ prompt, chosen }: PreferenceExample): string => JSON.stringify([prompt, chosen]);
  const trained = new Set(data.map(said));
  const both = held.filter((each) => trained.has(said(each))).length;
  const message = `${both} of the ${held.length} held-out examples are trained on: their loss says nothing of others`;
  return both === 0 ? null : { level: 'warning' as const, message };
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
  const { plan, held } = planTraining(data.map(characters), recipe);
  const metrics = new MetricsLog(`${out}.metrics.jsonl`);
  const result = await trainTrl({ ...job, plan, held }, { emit, signal, metrics });
  replaceFolder(out, ADAPTER_FILES, (to) => {
    for (const file of ADAPTER_FILES.filter((name) => existsSync(join(result.adapter, name))))
      cpSync(join(result.adapter, file), join(to, file));
    renameSync(metrics.path, join(to, 'metrics.jsonl'));
  });
  rmSync(folder, { recursive: true, force: true });
  return { ...result, dropped: [] };
}

export function trainCommand(): Command {
  return new Command('train')
    .description('Train a LoRA adapter from preference data; the result is in PEFT format')
    .argument('<data.jsonl>', "TRL's conversational preference format: {prompt, chosen, rejected}")
    .requiredOption(
      '--recipe <recipe>',
      'how to train: sft, dpo, or a recipe in a file (YAML, docs/training.md)',
    )
    .option(
      '--target <target>',
      '`base` (the configured target), `embedded` (the default model), the path of a GGUF file or model folder, or base:adapter to start from that adapter',
      'base',
    )
    .requiredOption('--out <directory>', 'where the adapter goes')
    .option('--adapter <directory>', 'adapter to start from (and, for DPO, the reference)')
    .option(
      '--eval-data <file>',
      'examples to measure the held-out loss on, every `evaluateEvery` steps; with `patience` training ends when it falls no more',
    )
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
    .addHelpText('after', RECIPE_HELP)
    .addHelpText(
      'after',
      '\nExamples:\n  temper train pairs.jsonl --recipe sft --out adapters/sft --set learningRate=2e-4\n  temper train pairs.jsonl --recipe dpo --adapter adapters/sft --out adapters/dpo\n  temper train pairs.jsonl --recipe examples/recipes/dpo.yaml --out adapters/dpo',
    )
    .action(async (input: string, options: TrainOptions) => {
      const { kind, file: recipeFile } = recipeNamed(options.recipe);
      const config = loadConfig(options.config, recipePaths(kind, options), {}, recipeFile);
      const recipe = recipeOf(kind, config.training);
      const { lora } = config.training;
      const out = resolve(options.out);
      ensureReplaceable(out, ADAPTER_FILES);
      const { data, passedOver, note } = await dataset(input, recipe);
      const evaluation = await heldOut(options.evalData, recipe, config.training.backend);
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
        for (const each of [note, evaluation?.note ?? null, overlap(data, evaluation?.data)])
          if (each !== null) emit({ type: 'note', ...each });
        const text = recipeText(recipe, from === undefined ? lora : null);
        emit({ type: 'note', level: 'info', message: text });
        const { trl } = config.training;
        if (config.training.backend === 'trl' && trl.model !== null)
          return trainByName({ out, recipe, lora, trl, data, from, model: trl.model }, { emit, signal });
        const file = await locateModel(base, config, emit);
        const model = loadModel(file.path, file.provider);
        const start =
          from === undefined
            ? freshAdapter(model.config, { ...lora, seed: recipe.seed })
            : loadAdapter(from, model.config);
        // Named by all that determines the run: another dataset or recipe does not go on from it.
        const parts = { recipe, data: data.map(({ id }) => id), model: file.id, start: adapterHash(start) };
        const measured = evaluation ? { evaluation: evaluation.data.map((each) => each.id) } : {};
        const id = trainingId({ ...parts, ...measured, ...elsewhere(config.training) });
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
          ...(evaluation ? { evaluation: evaluation.data } : {}),
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
