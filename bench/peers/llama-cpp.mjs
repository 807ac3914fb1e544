/**
 * llama.cpp on the work of bench/peers/peers.ts: `node llama-cpp.mjs MODEL.gguf PROMPTS NEW_TOKENS`, in a folder where
 * node-llama-cpp is installed. Greedy, as many sequences at once as its best setting takes.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(process.cwd(), 'package.json'));
const { getLlama } = await import(pathToFileURL(require.resolve('node-llama-cpp')).href);
const [path, prompts, tokens] = process.argv.slice(2);
const started = performance.now();
const llama = await getLlama({ gpu: false, logLevel: 'error' });
const model = await llama.loadModel({ modelPath: path });
const prompt = (i) =>
  `<|im_start|>user\nExplain in a few plain sentences, for a reader without any background, why number ${i} is interesting.<|im_end|>\n<|im_start|>assistant\n`;

async function run(sequences) {
  const context = await model.createContext({ sequences, contextSize: 256, batchSize: 2048, threads: 2 });
  const begin = performance.now();
  let [made, next, first] = [0, 0, 0];
  const worker = async (sequence) => {
    for (let i = next++; i < Number(prompts); i = next++) {
      await sequence.clearHistory();
      let count = 0;
      // The end of text is passed over, as min_new_tokens does it elsewhere.
      for await (const _ of sequence.evaluate(model.tokenize(prompt(i), true), {
        temperature: 0,
        yieldEogToken: true,
      })) {
        first ||= performance.now();
        made++;
        if (++count === Number(tokens)) break;
      }
    }
  };
  await Promise.all(Array.from({ length: sequences }, () => worker(context.getSequence())));
  const rate = made / ((performance.now() - begin) / 1000);
  await context.dispose();
  return { rate, first };
}

let best = { rate: 0, sequences: 0 };
let first = 0;
for (const sequences of [1, 8, 16, 32, 64].filter((n) => n <= Number(prompts))) {
  const result = await run(sequences);
  first ||= result.first - started;
  if (result.rate > best.rate) best = { rate: result.rate, sequences };
}
const peak = process.resourceUsage().maxRSS / 1e6;
console.log(
  `llama.cpp generate: ${best.rate.toFixed(0)} tokens/s with ${best.sequences} sequences, load to first token ${(first / 1000).toFixed(1)} s, peak ${peak.toFixed(2)} GB`,
);
process.exit(0);
