/**
 * What each lever of docs/engine.md is good for: `node bench/levers.ts [LEVER [MODEL [WAY]]]`. The ways of doing the same work run
 * in turn, each in a process of its own; what the product does not do is made of its graphs in rewrite.ts. Processor time is
 * that of the process: beside other work it tells more than the clock.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DEFAULT_MODEL_CACHE } from '../src/config/config.ts';
import { rng } from '../src/core/rng.ts';
import { Generator } from '../src/engine/generator.ts';
import { type LoadedModel, loadModel } from '../src/engine/model.ts';
import { Scorer } from '../src/engine/scorer.ts';
import { DEFAULT_MODEL } from '../src/models/catalog.ts';
import { ensureModel } from '../src/models/fetch.ts';
import { planBatches, tokenize } from '../src/training/batches.ts';
import { exampleLength, Objective } from '../src/training/objective.ts';
import type { Recipe } from '../src/training/recipe.ts';
import { bareProducts, generating, inBits, losses } from './levers-bits.ts';
import { adapterOf, DPO, SFT, timed, type Way } from './levers-common.ts';
import { copies, fusedAttention } from './levers-runtime.ts';
import { everywhere, recomputing, type Rewriting, rewriting, storing } from './rewrite.ts';
import { curatedPairs, generationPrompts, scoringSequences } from './work.ts';

type Ways = Readonly<Record<string, Way>>;

const BATCH = 4;
const ROUNDS = 2;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** One way, once: its time, and how far the memory rises over that after loading. */
async function once(model: LoadedModel, name: string, way: Way): Promise<void> {
  const before = process.memoryUsage().rss;
  const work = await way(model);
  const [cpu, clock] = await timed(work);
  const rise = process.resourceUsage().maxRSS / 1e6 - before / 1e9;
  console.log(
    `  ${name}: processor ${cpu.toFixed(2)} s, clock ${clock.toFixed(2)} s, memory rises by ${rise.toFixed(2)} GB`,
  );
}

/** The gradients of a batch of curated examples or pairs, over and over. */
const step =
  (recipe: Recipe, made: Rewriting = {}, run: Rewriting = {}): Way =>
  async (model) => {
    const { examples } = tokenize(curatedPairs(BATCH), model.tokenizer, recipe);
    const adapter = adapterOf(model);
    const objective = await rewriting(made, () =>
      Objective.create(model, adapter, examples, recipe, { gradients: true }),
    );
    return () => rewriting(run, () => objective.run(adapter, [...examples.keys()], []));
  };

/** A DPO step that scores its pairs under the reference first. */
const scoringStep: Way = async (model) => {
  const { examples } = tokenize(curatedPairs(BATCH), model.tokenizer, DPO);
  const sequences = examples.flatMap(({ prompt, chosen, rejected }) =>
    [chosen, rejected].map((completion) => ({ prompt, completion })),
  );
  const scorer = await Scorer.create(model);
  const work = await step(DPO)(model);
  return async () => {
    await scorer.score(sequences, { together: 2 });
    await work();
  };
};

const scoring =
  (run: Rewriting): Way =>
  async (model) => {
    const scorer = await Scorer.create(model);
    const sequences = scoringSequences(model, 8);
    return () => rewriting(run, () => scorer.score(sequences));
  };

/** 64 answers of 8 to 64 tokens: where a model would stop is decided beforehand, evenly. */
const LENGTHS = Array.from({ length: 64 }, (_, i) => 8 + Math.floor(rng('lengths', i).next() * 57));
const PLACES = 16;

/** Continuous batching; groups that are waited for; and groups in which all are computed as long as the longest. */
async function batching(model: LoadedModel): Promise<void> {
  await using generator = await Generator.create(model, { batch: PLACES });
  const prompts = generationPrompts(model, LENGTHS.length);
  await generator.generate({ prompt: prompts[0]!, maxTokens: 2 });
  const answers = async (size: number, padded: boolean): Promise<void> => {
    for (let start = 0; start < LENGTHS.length; start += size) {
      const lengths = LENGTHS.slice(start, start + size);
      const longest = Math.max(...lengths);
      await Promise.all(
        lengths.map((length, i) =>
          generator.generate({ prompt: prompts[start + i]!, maxTokens: padded ? longest : length }),
        ),
      );
    }
  };
  for (const [name, work] of [
    ['continuous', () => answers(LENGTHS.length, false)],
    ['static, ended rows leave', () => answers(PLACES, false)],
    ['static, padded', () => answers(PLACES, true)],
  ] as const) {
    const [cpu, clock] = await timed(work);
    const rates = [cpu, clock].map((seconds) => (sum(LENGTHS) / seconds).toFixed(0));
    console.log(
      `  ${name}: processor ${cpu.toFixed(1)} s, clock ${clock.toFixed(1)} s; ${rates[0]} tokens for each second of the processor, ${rates[1]} by the clock`,
    );
  }
}

/** Share of padding in batches of 8 in the order given, and in those of a training. */
async function padding(model: LoadedModel): Promise<void> {
  for (const recipe of [SFT, DPO]) {
    const { examples } = tokenize(curatedPairs(480), model.tokenizer, recipe);
    const lengths = examples.map((example) => exampleLength(example, recipe.kind === 'dpo'));
    const share = (batches: readonly (readonly number[])[]): string => {
      const sizes = batches.map((batch) => batch.length * Math.max(...batch.map((i) => lengths[i]!)));
      return (100 * (1 - sum(lengths) / sum(sizes))).toFixed(1);
    };
    const asGiven = Array.from({ length: examples.length / 8 }, (_, batch) =>
      Array.from({ length: 8 }, (__, i) => batch * 8 + i),
    );
    const planned = planBatches(lengths, { ...recipe, epochs: 1 });
    console.log(
      `  ${recipe.kind}, ${examples.length} examples: ${share(asGiven)} % as given, ${share(planned)} % of like length`,
    );
  }
}

const LEVERS: Readonly<Record<string, Ways | ((model: LoadedModel) => Promise<void>)>> = {
  'logits-sft': { 'where needed': step(SFT), everywhere: step(SFT, {}, { feeds: everywhere }) },
  'logits-scoring': { 'where needed': scoring({}), everywhere: scoring({ feeds: everywhere }) },
  reference: { 'stored, DPO step': step(DPO), 'scored in every step': scoringStep },
  'activations-sft': {
    'gates and norms anew': step(SFT),
    'all stored': step(SFT, { graph: storing }),
    'all anew': step(SFT, { graph: recomputing }),
  },
  'activations-dpo': {
    'gates and norms anew': step(DPO),
    'all stored': step(DPO, { graph: storing }),
    'all anew': step(DPO, { graph: recomputing }),
  },
  batching,
  copies: (model) => copies(model, { generation: generating(null), 'SFT step': step(SFT) }),
  attention: fusedAttention,
  products: bareProducts,
  losses,
  'bits-generation': inBits,
  padding,
};

const [chosen, path, way] = process.argv.slice(2);
const again = (...args: string[]): unknown =>
  spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url), ...args],
    { stdio: 'inherit' },
  );
const file = path ?? (await ensureModel(DEFAULT_MODEL, { cache: DEFAULT_MODEL_CACHE }));
if (chosen === undefined) for (const name of Object.keys(LEVERS)) again(name);
else {
  const lever = LEVERS[chosen];
  if (!lever) throw new TypeError(`there is no lever '${chosen}': ${Object.keys(LEVERS).join(', ')}`);
  if (way === undefined) console.log(chosen);
  if (typeof lever === 'function') await lever(loadModel(file));
  else if (way !== undefined) await once(loadModel(file), way, lever[way]!);
  else
    for (let round = 0; round < ROUNDS; round++)
      for (const name of Object.keys(lever)) again(chosen, file, name);
}
