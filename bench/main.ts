/**
 * Speed and memory of the engine on the default model: `npm run bench`. Each part runs in a process of its own, so that
 * its peak memory is its own. Figures and hardware: bench/README.md.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DEFAULT_MODEL_CACHE } from '../src/config/config.ts';
import type { PreferenceExample } from '../src/core/records.ts';
import { ALL_TARGETS, freshAdapter } from '../src/engine/adapter.ts';
import { Generator } from '../src/engine/generator.ts';
import { loadModel } from '../src/engine/model.ts';
import { scoreCompletions } from '../src/engine/scorer.ts';
import { DEFAULT_MODEL } from '../src/models/catalog.ts';
import { ensureModel } from '../src/models/fetch.ts';
import { trainOnnx } from '../src/training/onnx.ts';
import { dpoSchema, sftSchema } from '../src/training/recipe.ts';

const load = async () => loadModel(await ensureModel(DEFAULT_MODEL, { cache: DEFAULT_MODEL_CACHE }));
const peakGb = (): string => (process.resourceUsage().maxRSS / 1e6).toFixed(2);
const seconds = (since: number): number => (performance.now() - since) / 1000;

/** Prompts of about 60 tokens with the template. */
const prompt = (i: number): string =>
  `Explain in a few plain sentences, for a reader without any background, why number ${i} is interesting.`;

async function generation(batch: number): Promise<string> {
  const model = await load();
  await using generator = await Generator.create(model, { batch });
  const prompts = Array.from({ length: batch * 3 }, (_, i) =>
    model.tokenizer.encodeChat([{ role: 'user', content: prompt(i) }]),
  );
  await generator.generate({ prompt: prompts[0]!, maxTokens: 4 });
  const [before, start] = [generator.generated, performance.now()];
  await Promise.all(prompts.map((tokens) => generator.generate({ prompt: tokens, maxTokens: 64 })));
  const rate = (generator.generated - before) / seconds(start);
  return `generation, batch ${batch}, prompts included: ${rate.toFixed(0)} tokens/s, peak ${peakGb()} GB`;
}

/** Pairs of sequences of exactly 128 tokens; prompts of 64. */
async function training(kind: 'sft' | 'dpo'): Promise<string> {
  const model = await load();
  const words = (n: number, seed: number): string =>
    Array.from({ length: n }, (_, i) => ['time', 'water', 'light', 'stone'][(i * 7 + seed) % 4]).join(' ');
  const overhead = model.tokenizer.encodeChat([{ role: 'user', content: 'a' }]).length - 1;
  const examples = Array.from({ length: 16 }, (_, i): PreferenceExample => ({
    id: `e${i}`,
    prompt: [{ role: 'user', content: words(64 - overhead, i) }],
    chosen: [{ role: 'assistant', content: words(63, i + 1) }],
    rejected: [{ role: 'assistant', content: words(63, i + 2) }],
    purpose: 'general',
    category: 'bench',
    lineage: { source: 'bench', chosenBy: 'bench', rejectedBy: 'bench' },
  }));
  const adapter = freshAdapter(model.config, { rank: 16, alpha: 32, targets: ALL_TARGETS, seed: 1 });
  const recipe =
    kind === 'sft'
      ? sftSchema.parse({ batch: 4, epochs: 3 })
      : dpoSchema.parse({ batch: 2, epochs: 2, nll: 0 });
  const marks: { at: number; tokens: number }[] = [];
  await trainOnnx(model, adapter, examples, recipe, {
    onStep: (metrics) => marks.push({ at: performance.now(), tokens: metrics.num_tokens }),
  });
  const [first, last] = [marks[0]!, marks.at(-1)!];
  const rate = (last.tokens - first.tokens) / ((last.at - first.at) / 1000);
  return `${kind} step, LoRA r 16 on all linears, 4 sequences of 128: ${rate.toFixed(0)} tokens/s, peak ${peakGb()} GB`;
}

async function scoring(): Promise<string> {
  const model = await load();
  const tokens = model.tokenizer
    .encode(Array.from({ length: 200 }, (_, i) => `word ${i}`).join(' '))
    .slice(0, 256);
  const sequences = Array.from({ length: 64 }, () => ({
    prompt: tokens.slice(0, 128),
    completion: tokens.slice(128),
  }));
  const start = performance.now();
  await scoreCompletions(model, sequences);
  return `scoring, 64 sequences of 256, half of it scored: ${((64 * 256) / seconds(start)).toFixed(0)} tokens/s, peak ${peakGb()} GB`;
}

const PARTS: Readonly<Record<string, () => Promise<string>>> = {
  'generate-16': () => generation(16),
  'generate-48': () => generation(48),
  'generate-96': () => generation(96),
  score: scoring,
  sft: () => training('sft'),
  dpo: () => training('dpo'),
};

const [chosen] = process.argv.slice(2);
const part = chosen === undefined ? undefined : PARTS[chosen];
if (part) console.log(await part());
else {
  for (const name of Object.keys(PARTS)) {
    const flags = ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url), name];
    spawnSync(process.execPath, flags, { stdio: 'inherit' });
  }
}
