/** Frozen weights in 8 and 4 bits, for levers.ts: how fast products are, what becomes of losses and of greedy answers. */
import { InferenceSession } from 'onnxruntime-node';
import { rng } from '../src/core/rng.ts';
import { EMBEDDING } from '../src/engine/architecture.ts';
import { float32 } from '../src/engine/feeds.ts';
import { Generator } from '../src/engine/generator.ts';
import { expectedShapes, type LoadedModel } from '../src/engine/model.ts';
import { attribute, encodeModel } from '../src/engine/onnx.ts';
import { tokenize } from '../src/training/batches.ts';
import { Objective } from '../src/training/objective.ts';
import { trainOnnx } from '../src/training/onnx.ts';
import { adapterOf, DPO, median, SESSION, SFT, timed, type Way } from './levers-common.ts';
import {
  beside,
  type Bits,
  blockData,
  type Blocks,
  blockTensors,
  declared,
  nBits,
  quantise,
  rewriting,
  type Rewriting,
  rounded,
} from './rewrite.ts';
import { curatedPairs, generationPrompts } from './work.ts';

const matricesOf = (model: LoadedModel, table: boolean): Map<string, readonly number[]> =>
  new Map(
    [...expectedShapes(model.config)].filter(([name, shape]) =>
      name === EMBEDDING ? table : shape.length === 2 && model.weights.has(name),
    ),
  );

function products(model: LoadedModel, bits: Bits, table: boolean): Rewriting {
  const known = new Map<string, Blocks>();
  const blocksOf = (name: string): Blocks => {
    const blocks = known.get(name) ?? quantise(model.weights.get(name)!, bits);
    known.set(name, blocks);
    return blocks;
  };
  return { products: { matrices: matricesOf(model, table), bits, blocksOf } };
}

const PROMPTS = 32;
const NEW_TOKENS = 16;

export const generating =
  (bits: Bits | null): Way =>
  async (model) => {
    const made = bits === null ? {} : products(model, bits, true);
    const generator = await rewriting(made, () => Generator.create(model, { batch: PROMPTS }));
    const prompts = generationPrompts(model, PROMPTS);
    const ask = (prompt: number[]) => generator.generate({ prompt, maxTokens: NEW_TOKENS });
    return () => Promise.all(prompts.map(ask));
  };

/** Generation in float32 and in 8 bits, in turn: time, and how much of the greedy answers is the same. */
export async function inBits(model: LoadedModel): Promise<void> {
  const works = new Map([null, 8 as const].map((bits) => [bits, generating(bits)(model)]));
  const answers = new Map<Bits | null, number[][]>();
  for (let round = 0; round < 2; round++)
    for (const [bits, work] of works) {
      const run = await work;
      const [cpu, clock] = await timed(async () => {
        const results = (await run()) as { tokens: number[] }[];
        answers.set(
          bits,
          results.map(({ tokens }) => tokens),
        );
      });
      console.log(
        `  ${bits === null ? 'float32' : `${bits} bits`}: processor ${cpu.toFixed(1)} s, clock ${clock.toFixed(1)} s`,
      );
    }
  const [exact, others] = [answers.get(null)!, answers.get(8)!];
  const same = exact.map((tokens, i) => {
    const first = tokens.findIndex((token, j) => token !== others[i]![j]);
    return first < 0 ? tokens.length : first;
  });
  const whole = same.filter((count, i) => count === exact[i]!.length).length;
  const share = same.reduce((a, b) => a + b) / exact.flat().length;
  console.log(
    `  ${whole} of ${PROMPTS} answers of ${NEW_TOKENS} tokens are the same, ${(100 * share).toFixed(0)} % of the tokens come before the first other one`,
  );
}

/** What rounding the frozen weights does to losses: weights alone, and with the activations in the product. */
export async function losses(model: LoadedModel): Promise<void> {
  const linear = matricesOf(model, false);
  const withWeights = (bits: Bits): LoadedModel => ({
    ...model,
    weights: new Map(
      [...model.weights].map(([name, data]) => [name, linear.has(name) ? rounded(data, bits) : data]),
    ),
  });
  const pairs = curatedPairs(20);
  const some = {
    ...DPO,
    batch: 4,
    learningRate: 2e-4,
    schedule: 'constant' as const,
    reference: 'base' as const,
  };
  const { adapter, finalLoss } = await trainOnnx(model, adapterOf(model), pairs.slice(8), some);
  console.log(`  DPO of three steps on other pairs, the loss of the last ${finalLoss.toFixed(4)}`);
  const ways: [string, LoadedModel, Rewriting][] = [
    ['float32', model, {}],
    ['weights of 8 bits', withWeights(8), {}],
    ['the same and activations', model, products(model, 8, false)],
    ['weights of 4 bits', withWeights(4), {}],
  ];
  for (const [name, as, made] of ways)
    for (const [recipe, tried] of [
      [SFT, adapterOf(model)],
      [some, adapter],
    ] as const) {
      const { examples } = tokenize(pairs.slice(0, 8), as.tokenizer, recipe);
      const { loss, pairs: outcomes } = await rewriting(made, async () => {
        await using objective = await Objective.create(as, tried, examples, recipe, { gradients: false });
        return await objective.run(tried, [...examples.keys()], []);
      });
      const margins = outcomes.map(({ chosenReward, rejectedReward }) => chosenReward - rejectedReward);
      console.log(
        `  ${name}: ${recipe.kind} loss ${loss.toFixed(5)}` +
          (recipe.kind === 'dpo' ? `, margins ${margins.map((value) => value.toFixed(3)).join(', ')}` : ''),
      );
    }
}

/** Length of a - b. */
const distance = (a: Float32Array, b?: Float32Array): number =>
  Math.sqrt(a.reduce((sum, x, i) => sum + (x - (b?.[i] ?? 0)) ** 2, 0));

/** One product with a matrix of 8 or 4 bits beside the float one, both with their weights packed. */
export async function bareProducts({ config }: LoadedModel): Promise<void> {
  const { hiddenSize, intermediateSize, vocabularySize } = config;
  for (const [k, n] of [
    [hiddenSize, hiddenSize],
    [hiddenSize, intermediateSize],
    [intermediateSize, hiddenSize],
    [hiddenSize, vocabularySize],
  ] as const)
    for (const m of n === vocabularySize ? [2, 16, 64] : [2, 16, 64, 96, 512]) {
      const random = rng('products', k, n);
      const w = Float32Array.from(
        { length: n * k },
        () => random.next() + random.next() + random.next() - 1.5,
      );
      const x = float32(
        Float32Array.from({ length: m * k }, () => random.next() - 0.5),
        [m, k],
      );
      const io = { input: [declared('x', [m, k])], output: [declared('y', [m, n])] };
      const gemm = { opType: 'Gemm', input: ['x', 'w'], output: ['y'], attribute: [attribute('transB', 1)] };
      const sessions = new Map<string, InferenceSession>();
      sessions.set(
        'float32',
        await InferenceSession.create(
          encodeModel({ node: [gemm], initializer: [beside('w', [n, k])], ...io }),
          {
            ...SESSION,
            externalData: [{ path: 'w', data: new Uint8Array(w.buffer) }],
          },
        ),
      );
      for (const bits of [8, 4] as const)
        sessions.set(
          `${bits} bits`,
          await InferenceSession.create(
            encodeModel({
              node: [nBits('x', 'w', 'y', n, k, bits)],
              initializer: blockTensors('w', n, k, bits),
              ...io,
            }),
            { ...SESSION, externalData: blockData('w', quantise(w, bits)) },
          ),
        );
      const times = new Map([...sessions.keys()].map((name) => [name, [] as number[]]));
      const results = new Map<string, Float32Array>();
      const repeats = Math.max(1, Math.round(2e9 / (2 * m * n * k)));
      const y = float32(new Float32Array(m * n), [m, n]);
      for (let round = -1; round < 6; round++)
        for (const [name, session] of sessions) {
          const [cpu] = await timed(async () => {
            for (let i = 0; i < (round < 0 ? 1 : repeats); i++) await session.run({ x }, { y });
          });
          if (round >= 0) times.get(name)!.push(cpu / repeats);
          results.set(name, (y.data as Float32Array).slice());
        }
      const exact = results.get('float32')!;
      const ratios = ['8 bits', '4 bits'].map((name) => {
        const error = distance(exact, results.get(name)!) / distance(exact);
        return `${name} ${(median(times.get('float32')!) / median(times.get(name)!)).toFixed(2)} times as fast, off by ${(100 * error).toFixed(2)} %`;
      });
      console.log(`  ${k}, ${n}, ${m} rows: ${ratios.join('; ')}`);
      for (const session of sessions.values()) await session.release();
    }
}
