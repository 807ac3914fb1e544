import { renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { applyOverride, loadConfig } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { ensureReplaceable } from '../core/folder.ts';
import { importPreferences, passedOverNote } from '../curation/import.ts';
import { ADAPTER_FILES, adapterHash, freshAdapter, loadAdapter, saveAdapter } from '../engine/adapter.ts';
import { loadModel } from '../engine/model.ts';
import { locateModel } from '../loop/targets.ts';
import { CheckpointFolder } from '../training/checkpoints.ts';
import { MetricsLog } from '../training/metrics.ts';
import { trainOnnx } from '../training/onnx.ts';
import { dpoSchema, loraSchema, type Recipe, sftSchema, trainingId } from '../training/recipe.ts';
import { FileTrainingState } from '../training/state.ts';
import { withProgress } from './context.ts';
import { printJson, say } from './output.ts';
import { weightsOf } from './target.ts';

interface TrainOptions {
  readonly recipe: 'sft' | 'dpo';
  readonly target: string;
  readonly out: string;
  readonly adapter?: string;
  readonly config?: string;
  readonly set: string[];
  readonly json?: boolean;
}

const RECIPES = { sft: sftSchema, dpo: dpoSchema };

/** The recipe with `--set key=value` applied; `lora.` keys shape a fresh adapter. */
function settings({ recipe, set }: TrainOptions) {
  const raw: Record<string, unknown> = {};
  for (const override of set) applyOverride(raw, override);
  const schema = z.object({ recipe: RECIPES[recipe], lora: loraSchema });
  const { lora = {}, ...rest } = raw;
  if ((rest['kind'] ?? recipe) !== recipe)
    throw new TemperError('usage', `--set kind=${String(rest['kind'])} contradicts --recipe ${recipe}`, {
      hint: 'Leave the kind to --recipe.',
    });
  const parsed = schema.safeParse({ recipe: { ...rest, kind: recipe }, lora });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `  ${issue.path.filter((part) => part !== 'recipe').join('.')}: ${issue.message}`,
  );
  throw new TemperError('config', `--set: ${problems.length} problem(s):\n${problems.join('\n')}`, {
    hint: 'Keys of recipes: docs/formats.md',
  });
}

/** The examples of a file, and what of it is passed over. Errors: `data`, also if nothing is left. */
async function dataset(path: string, { kind, seed }: Recipe) {
  const source = { path, format: 'trl', limit: Number.MAX_SAFE_INTEGER };
  const imported = await importPreferences(source, seed, { pairs: kind === 'dpo' });
  const { examples: data, records, passedOver } = imported;
  const note = passedOverNote(imported);
  if (data.length > 0) return { data, passedOver, note: note && `${path}: ${note}` };
  throw new TemperError('data', `${path}: ${records === 0 ? 'it has no records' : note}`, {
    hint: `Give examples that ${kind === 'dpo' ? 'have two different answers' : 'have an answer to learn'}.`,
  });
}

export function trainCommand(): Command {
  return new Command('train')
    .description('Train a LoRA adapter from preference data; the result is in PEFT format')
    .argument('<data.jsonl>', "TRL's conversational preference format: {prompt, chosen, rejected}")
    .addOption(new Option('--recipe <recipe>', 'how to train').choices(['sft', 'dpo']).makeOptionMandatory())
    .option(
      '--target <target>',
      '`embedded` (the default model), the path of a GGUF file or model folder, or base:adapter to start from that adapter',
      'embedded',
    )
    .requiredOption('--out <directory>', 'where the adapter goes')
    .option('--adapter <directory>', 'adapter to start from (and, for DPO, the reference)')
    .option(
      '-c, --config <file>',
      'configuration, for where models are kept (default: temper.yaml if present)',
    )
    .option(
      '--set <key=value>',
      'a key of the recipe, or lora.rank, lora.alpha, lora.rslora, lora.targets, lora.frozen; repeatable',
      (value: string, all: string[]) => [...all, value],
      [],
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  temper train pairs.jsonl --recipe sft --out adapters/sft --set learningRate=2e-4\n  temper train pairs.jsonl --recipe dpo --adapter adapters/sft --out adapters/dpo',
    )
    .action(async (input: string, options: TrainOptions) => {
      const { recipe, lora } = settings(options);
      const out = resolve(options.out);
      ensureReplaceable(out, ADAPTER_FILES);
      const { data, passedOver, note } = await dataset(input, recipe);
      const config = loadConfig(options.config);
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
        if (note !== null) emit({ type: 'note', level: 'warning', message: note });
        const file = await locateModel(base, config.models, emit);
        const model = loadModel(file.path);
        const start =
          from === undefined
            ? freshAdapter(model.config, { ...lora, seed: recipe.seed })
            : loadAdapter(from, model.config);
        // Named by all that determines the run: another dataset or recipe does not go on from it.
        const parts = { recipe, data: data.map(({ id }) => id), model: file.id, start: adapterHash(start) };
        const state = new FileTrainingState(`${out}.${trainingId(parts)}.state`);
        const metrics = new MetricsLog(`${out}.metrics.jsonl`);
        const kept = { keep: recipe.keepCheckpoints, base: file.name };
        const checkpoints = new CheckpointFolder(`${out}.checkpoints`, kept);
        const trained = await trainOnnx(model, start, data, recipe, {
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
        return trained;
      });
      const { steps, tokens, finalLoss, dropped } = result;
      if (options.json)
        printJson({ adapter: out, steps, tokens, loss: finalLoss, dropped: dropped.length, passedOver });
      else
        say(
          `adapter ${options.out}: ${steps} steps, ${tokens} tokens, last loss ${finalLoss.toFixed(4)}${dropped.length > 0 ? `, ${dropped.length} examples too long` : ''}\n`,
        );
    });
}
