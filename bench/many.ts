/**
 * Many prompts through one generator: does memory stay flat, and does the rate hold? `node bench/many.ts [PROMPTS] [MODEL]`,
 * by default 10,000 prompts of about 60 tokens, all queued at once, 8 new tokens each, on the default model (half an hour on
 * two cores). MODEL is a GGUF file or a folder. A line for each tenth. Figures and hardware: bench/README.md.
 */
import { DEFAULT_MODEL_CACHE } from '../src/config/config.ts';
import { Generator } from '../src/engine/generator.ts';
import { loadModel } from '../src/engine/model.ts';
import { DEFAULT_MODEL } from '../src/models/catalog.ts';
import { ensureModel } from '../src/models/fetch.ts';
import { generationPrompts } from './work.ts';

const [count = '10000', path] = process.argv.slice(2);
const model = loadModel(path ?? (await ensureModel(DEFAULT_MODEL, { cache: DEFAULT_MODEL_CACHE })));
await using generator = await Generator.create(model, { batch: 48 });
const prompts = generationPrompts(model, Number(count));
const tenth = Math.ceil(prompts.length / 10);
let [done, tokens, since, processor] = [0, 0, performance.now(), process.cpuUsage()];

/** The work of a tenth, and what the process holds after it. */
function tell(): void {
  const seconds = (performance.now() - since) / 1000;
  const { user, system } = process.cpuUsage(processor);
  const perSecond = (tokens / seconds).toFixed(0);
  const ofProcessor = (tokens / ((user + system) / 1e6)).toFixed(0);
  const { rss, heapUsed } = process.memoryUsage();
  console.log(
    `${done} prompts: ${perSecond} tokens/s, ${ofProcessor} a second of processor; resident ${(rss / 1e6).toFixed(0)} MB, script heap ${(heapUsed / 1e6).toFixed(0)} MB`,
  );
  [tokens, since, processor] = [0, performance.now(), process.cpuUsage()];
}

await Promise.all(
  prompts.map(async (prompt) => {
    const { tokens: made } = await generator.generate({ prompt, maxTokens: 8 });
    tokens += prompt.length + made.length;
    if (++done % tenth === 0 || done === prompts.length) tell();
  }),
);
console.log(`peak ${(process.resourceUsage().maxRSS / 1e3).toFixed(0)} MB`);
