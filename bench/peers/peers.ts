/**
 * The engine beside its peers, the same work in turn: `node bench/peers/peers.ts --python PYTHON [--llama FOLDER] [--small] [PART]`.
 * PYTHON has backends/trl/requirements.txt; FOLDER is one in which `npm install node-llama-cpp` ran. Each part runs in a
 * process of its own. `--small`: a little of each, to see that all of it runs. Figures and hardware: bench/README.md.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DEFAULT_MODEL_CACHE } from '../../src/config/config.ts';
import { ALL_TARGETS, freshAdapter } from '../../src/engine/adapter.ts';
import { exportMerged } from '../../src/engine/export.ts';
import { Generator } from '../../src/engine/generator.ts';
import { loadModel } from '../../src/engine/model.ts';
import { scoreCompletions } from '../../src/engine/scorer.ts';
import { DEFAULT_MODEL } from '../../src/models/catalog.ts';
import { ensureModel } from '../../src/models/fetch.ts';
import type { StepMetrics } from '../../src/training/metrics.ts';
import { trainOnnx } from '../../src/training/onnx.ts';
import { dpoSchema, loraSchema, sftSchema } from '../../src/training/recipe.ts';
import { trlSchema } from '../../src/training/trl/settings.ts';
import { trlTrainer } from '../../src/training/trl/trainer.ts';
import { curatedPairs, generationPrompts, scoringSequences } from '../work.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    llama: { type: 'string' },
    small: { type: 'boolean', default: false },
  },
});
const path = await ensureModel(DEFAULT_MODEL, { cache: DEFAULT_MODEL_CACHE });
const peakGb = (): string => (process.resourceUsage().maxRSS / 1e6).toFixed(2);
const SECONDS = 1000;

const STEPS = values.small ? 2 : 6;
const PROMPTS = values.small ? 4 : 64;
const NEW_TOKENS = values.small ? 8 : 128;
const SEQUENCES = values.small ? 8 : 256;
const lora = loraSchema.parse({});

async function training(kind: 'sft' | 'dpo', where: 'temper' | 'trl'): Promise<string> {
  const model = loadModel(path);
  const recipe =
    kind === 'sft'
      ? sftSchema.parse({ batch: 8, learningRate: 1e-4 })
      : dpoSchema.parse({ batch: 8, nll: 0 });
  const data = curatedPairs(8 * STEPS);
  const start = freshAdapter(model.config, { ...lora, targets: ALL_TARGETS, seed: 1 });
  const marks: { at: number; tokens: number }[] = [];
  const onStep = ({ num_tokens: tokens }: StepMetrics): number =>
    marks.push({ at: performance.now(), tokens });
  if (where === 'temper') {
    await trainOnnx(model, start, data, recipe, { onStep });
    const [first, last] = [marks[0]!, marks.at(-1)!];
    const rate = (last.tokens - first.tokens) / ((last.at - first.at) / SECONDS);
    return `temper ${kind} step, 8 ${kind === 'dpo' ? 'pairs' : 'examples'}: ${rate.toFixed(0)} tokens/s, peak ${peakGb()} GB`;
  }
  const folder = mkdtempSync(join(tmpdir(), 'temper-peers-'));
  try {
    const timed = ['/usr/bin/time', '-f', '%M', '-o', join(folder, 'peak'), '{python}', '{job}/train.py'];
    const settings = trlSchema.parse({ python: values.python, launch: timed, poll: 0.5 });
    let rate = 0;
    const train = trlTrainer({ settings, lora, folder: join(folder, 'job'), id: 'bench', path });
    await train(model, start, data, recipe, { onStep: (row) => (rate = row['tokens/s']) });
    const peak = Number(readFileSync(join(folder, 'peak'), 'utf8')) / 1e6;
    return `TRL ${kind} step, the same: ${rate.toFixed(0)} tokens/s, peak ${peak.toFixed(2)} GB`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function generation(): Promise<string> {
  const begun = performance.now();
  const model = loadModel(path);
  await using generator = await Generator.create(model, { batch: 64 });
  const prompts = generationPrompts(model, PROMPTS);
  await generator.generate({ prompt: prompts[0]!, maxTokens: 1 });
  const first = (performance.now() - begun) / SECONDS;
  const [before, start] = [generator.generated, performance.now()];
  await Promise.all(prompts.map((tokens) => generator.generate({ prompt: tokens, maxTokens: NEW_TOKENS })));
  const rate = (generator.generated - before) / ((performance.now() - start) / SECONDS);
  return `temper generate, ${PROMPTS} prompts, at most ${NEW_TOKENS} new tokens: ${rate.toFixed(0)} tokens/s, load to first token ${first.toFixed(1)} s, peak ${peakGb()} GB`;
}

async function scoring(): Promise<string> {
  const model = loadModel(path);
  const sequences = scoringSequences(model, SEQUENCES);
  const start = performance.now();
  await scoreCompletions(model, sequences);
  const rate = (SEQUENCES * 256) / ((performance.now() - start) / SECONDS);
  return `temper score, ${SEQUENCES} sequences of 256: ${rate.toFixed(0)} tokens/s, peak ${peakGb()} GB`;
}

function withFolder(work: (folder: string) => string): string {
  const folder = mkdtempSync(join(tmpdir(), 'temper-peers-'));
  try {
    const model = loadModel(path);
    exportMerged(join(folder, 'model'), model, freshAdapter(model.config, { ...lora, rank: 1, seed: 0 }));
    return work(join(folder, 'model'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const run = (program: string, args: string[], cwd?: string): string =>
  execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    ...(cwd ? { cwd } : {}),
  })
    .trim()
    .split('\n')
    .at(-1)!;

const PARTS: Readonly<Record<string, () => Promise<string> | string>> = {
  'dpo-temper': () => training('dpo', 'temper'),
  'dpo-trl': () => training('dpo', 'trl'),
  'sft-temper': () => training('sft', 'temper'),
  'sft-trl': () => training('sft', 'trl'),
  'score-temper': scoring,
  'score-transformers': () =>
    withFolder((folder) => run(values.python, [beside('hf.py'), 'score', folder, `${SEQUENCES}`])),
  'generate-temper': generation,
  'generate-transformers': () =>
    withFolder((folder) =>
      run(values.python, [beside('hf.py'), 'generate', folder, `${PROMPTS}`, `${NEW_TOKENS}`]),
    ),
  ...(values.llama === undefined
    ? {}
    : {
        'generate-llama.cpp': () =>
          run(process.execPath, [beside('llama-cpp.mjs'), path, `${PROMPTS}`, `${NEW_TOKENS}`], values.llama),
      }),
};

const [chosen] = positionals;
const part = chosen === undefined ? undefined : PARTS[chosen];
if (part) console.log(await part());
else
  for (const name of Object.keys(PARTS)) {
    const flags = ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url), name];
    spawnSync(process.execPath, [...flags, ...process.argv.slice(2)], { stdio: 'inherit' });
  }
