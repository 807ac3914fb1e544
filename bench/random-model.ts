/**
 * A Qwen2 of a real size with random weights, to see whether models of that size train and generate on a machine:
 *
 *     node bench/random-model.ts write 0.5B /tmp/random-0.5B     # config.json, tokenizer and model.safetensors (2 or 6 GB)
 *     node bench/random-model.ts run /tmp/random-0.5B            # generates and trains a few steps, time and peak memory
 *
 * The tokenizer is the small one of test/fixtures; the vocabulary has the real size.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PreferenceExample } from '../src/core/records.ts';
import { rng } from '../src/core/rng.ts';
import { ALL_TARGETS, freshAdapter } from '../src/engine/adapter.ts';
import { qwen2 } from '../src/engine/architectures/qwen2.ts';
import { weightShapes } from '../src/engine/blocks.ts';
import { Generator } from '../src/engine/generator.ts';
import { loadModel } from '../src/engine/model.ts';
import { writeSafetensors } from '../src/engine/safetensors.ts';
import { trainOnnx } from '../src/training/onnx.ts';
import { dpoSchema } from '../src/training/recipe.ts';

/** The shapes of Qwen2.5: hidden size, feed-forward, layers, heads, heads of keys and values. */
const SIZES: Readonly<Record<string, readonly [number, number, number, number, number]>> = {
  '0.5B': [896, 4864, 24, 14, 2],
  '1.5B': [1536, 8960, 28, 12, 2],
};
const VOCABULARY = 151936;
const FIXTURES = fileURLToPath(new URL('../test/fixtures/families/tokenizer/', import.meta.url));

function write(name: string, folder: string): void {
  const size = SIZES[name];
  if (!size) throw new Error(`the size is one of ${Object.keys(SIZES).join(', ')}`);
  const [hiddenSize, intermediateSize, layers, heads, kvHeads] = size;
  mkdirSync(folder, { recursive: true });
  const config = {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    vocab_size: VOCABULARY,
    hidden_size: hiddenSize,
    intermediate_size: intermediateSize,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'])
    copyFileSync(join(FIXTURES, file), join(folder, file));
  const shapes = weightShapes(qwen2, {
    vocabularySize: VOCABULARY,
    hiddenSize,
    intermediateSize,
    layers,
    heads,
    kvHeads,
    headSize: hiddenSize / heads,
    biases: ['q_proj', 'k_proj', 'v_proj'],
  });
  shapes.delete('lm_head.weight');
  const random = rng('random-model', name);
  // Uniform of the standard deviation 0.02; drawn once and read from other places for each weight.
  const drawn = Float32Array.from({ length: 1 << 20 }, () => (2 * random.next() - 1) * 0.02 * Math.sqrt(3));
  const weight = (key: string): Float32Array => {
    const length = shapes.get(key)!.reduce((product, dimension) => product * dimension, 1);
    const data = new Float32Array(length);
    if (key.endsWith('norm.weight')) return data.fill(1);
    for (let at = 0; at < length;) {
      const from = random.int(drawn.length);
      const piece = drawn.subarray(from, Math.min(drawn.length, from + length - at));
      data.set(piece, at);
      at += piece.length;
    }
    return data;
  };
  writeSafetensors(join(folder, 'model.safetensors'), shapes, weight, { format: 'pt' });
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
function tell(what: string, since: number, cpu: number): void {
  const peak = (process.resourceUsage().maxRSS / 1e6).toFixed(1);
  console.log(
    `${what}: ${seconds(since)} s, ${(cpuSeconds() - cpu).toFixed(0)} s of processor; peak so far ${peak} GB`,
  );
}

async function run(folder: string): Promise<void> {
  let [start, cpu] = [performance.now(), cpuSeconds()];
  const begin = (): void => {
    [start, cpu] = [performance.now(), cpuSeconds()];
  };
  const model = loadModel(folder);
  tell('load', start, cpu);
  begin();
  const words = (n: number, seed: number): string =>
    Array.from({ length: n }, (_, i) => ['the', 'cat', 'sat', 'mat'][(i * 7 + seed) % 4]).join(' ');
  const examples = Array.from({ length: 4 }, (_, i): PreferenceExample => ({
    id: `e${i}`,
    prompt: [{ role: 'user', content: words(8, i) }],
    chosen: [{ role: 'assistant', content: words(10, i + 1) }],
    rejected: [{ role: 'assistant', content: words(10, i + 2) }],
    purpose: 'general',
    category: 'bench',
    lineage: { source: 'bench', chosenBy: 'bench', rejectedBy: 'bench' },
  }));
  const adapter = freshAdapter(model.config, { rank: 16, alpha: 32, targets: ALL_TARGETS, seed: 1 });
  const recipe = dpoSchema.parse({ batch: 2, epochs: 1, maxLength: 128, microBatchTokens: 512 });
  const result = await trainOnnx(model, adapter, examples, recipe);
  tell(
    `DPO, ${result.steps} steps of 2 pairs, ${result.tokens} tokens, loss ${result.finalLoss.toFixed(3)}`,
    start,
    cpu,
  );
  begin();
  await using generator = await Generator.create(model, { batch: 4, cacheTokens: 2048, adapter });
  const prompts = examples.map(({ prompt }) => model.tokenizer.encodeChat(prompt));
  await Promise.all(prompts.map((prompt) => generator.generate({ prompt, maxTokens: 8 })));
  tell(`generation, 4 prompts, ${generator.generated} tokens, packing of the weights included`, start, cpu);
}

const [command, ...rest] = process.argv.slice(2);
if (command === 'write') write(rest[0] ?? '', rest[1] ?? '');
else if (command === 'run' && rest[0]) await run(rest[0]);
else console.log('node bench/random-model.ts write 0.5B FOLDER, then: run FOLDER');
