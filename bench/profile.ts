/**
 * Where the time goes: ONNX Runtime's own profile of the work that bench/peers measures, `node bench/profile.ts [PART]`.
 * For each kind of operation its share of the time and, for products, the rate of computing (2 M N K operations each) beside
 * that of one bare float32 product of 1024 x 1024 x 1024 on the same runtime, measured before and after.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession } from 'onnxruntime-node';
import { DEFAULT_MODEL_CACHE } from '../src/config/config.ts';
import { freshAdapter } from '../src/engine/adapter.ts';
import { float32 } from '../src/engine/feeds.ts';
import { Generator } from '../src/engine/generator.ts';
import { Graph } from '../src/engine/graph.ts';
import { type LoadedModel, loadModel } from '../src/engine/model.ts';
import { scoreCompletions } from '../src/engine/scorer.ts';
import { Session } from '../src/engine/session.ts';
import { DEFAULT_MODEL } from '../src/models/catalog.ts';
import { ensureModel } from '../src/models/fetch.ts';
import { trainOnnx } from '../src/training/onnx.ts';
import { dpoSchema, loraSchema, sftSchema } from '../src/training/recipe.ts';
import { curatedPairs, generationPrompts, scoringSequences } from './work.ts';

const SIZE = 1024;

/** Billions of operations a second of one product, the best of some. */
async function bareProduct(): Promise<number> {
  const graph = new Graph();
  const [x, w] = ['x', 'w'].map((name) => graph.input(name, [SIZE, SIZE]));
  graph.output('y', graph.matmul(x!, w!, { transposeB: true }));
  const data = float32(
    Float32Array.from({ length: SIZE * SIZE }, (_, i) => Math.sin(i)),
    [SIZE, SIZE],
  );
  await using session = await Session.create(graph, new Map(), { placement: 'fed' });
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 12; i++) {
    const start = performance.now();
    await session.run({ x: data, w: data }, { y: null });
    best = Math.min(best, performance.now() - start);
  }
  return (2 * SIZE ** 3) / (best * 1e6);
}

type Shapes = readonly Readonly<Record<string, readonly number[]>>[];
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args?: {
    readonly op_name?: string;
    readonly input_type_shape?: Shapes;
    readonly output_type_shape?: Shapes;
  };
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const shapeOf = (shapes: Shapes | undefined, i: number): readonly number[] =>
  Object.values(shapes?.[i] ?? {})[0] ?? [];

/** 2 M N K of a product; 0 of anything else. */
function operations({ args }: ProfileEvent): number {
  if (!/MatMul|Gemm/.test(args?.op_name ?? '')) return 0;
  const out = shapeOf(args?.output_type_shape, 0);
  const first = shapeOf(args?.input_type_shape, 0);
  return 2 * product(out) * (product(first) / product(out.slice(0, -1)));
}

interface Row {
  micros: number;
  operations: number;
  count: number;
}

/** Products with the vocabulary are told apart: it is the widest matrix. */
function kindOf(event: ProfileEvent, vocabulary: number): string {
  const name = event.args?.op_name ?? event.name;
  const wide = [shapeOf(event.args?.input_type_shape, 0), shapeOf(event.args?.input_type_shape, 1)].some(
    (shape) => shape.includes(vocabulary),
  );
  return /MatMul|Gemm/.test(name) && wide ? `${name}, vocabulary` : name;
}

async function profiled(model: LoadedModel, work: () => Promise<number>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'temper-profile-'));
  const create = InferenceSession.create.bind(InferenceSession) as (
    ...args: unknown[]
  ) => Promise<InferenceSession>;
  const made: InferenceSession[] = [];
  const before = await bareProduct();
  // Every session of the engine, as it is.
  InferenceSession.create = (async (bytes: unknown, options: object) => {
    const prefix = join(folder, `${made.length}`);
    const session = await create(bytes, { ...options, enableProfiling: true, profileFilePrefix: prefix });
    const release = session.release.bind(session);
    session.release = async () => {
      session.endProfiling();
      await release();
    };
    made.push(session);
    return session;
  }) as typeof InferenceSession.create;
  const start = performance.now();
  const tokens = await work();
  const wall = performance.now() - start;
  InferenceSession.create = create as typeof InferenceSession.create;
  const after = await bareProduct();

  const rows = new Map<string, Row>();
  let inside = 0;
  for (const file of readdirSync(folder)) {
    const events = JSON.parse(readFileSync(join(folder, file), 'utf8')) as ProfileEvent[];
    for (const event of events) {
      if (event.cat === 'Session' && event.name === 'model_run') inside += event.dur;
      if (event.cat !== 'Node' || !event.name.endsWith('_kernel_time')) continue;
      const kind = kindOf(event, model.config.vocabularySize);
      const row = rows.get(kind) ?? { micros: 0, operations: 0, count: 0 };
      rows.set(kind, row);
      row.micros += event.dur;
      row.operations += operations(event);
      row.count++;
    }
  }
  rmSync(folder, { recursive: true });
  const all = [...rows.values()].reduce((sum, { micros }) => sum + micros, 0);
  const products = [...rows.values()].reduce((sum, row) => sum + row.operations, 0);
  console.log(
    `${tokens} tokens in ${(wall / 1000).toFixed(1)} s, ${((1000 * tokens) / wall).toFixed(0)} tokens/s with profile and start; ` +
      `${(products / tokens / 1e9).toFixed(2)} GFLOP a token; bare product ${before.toFixed(0)} and ${after.toFixed(0)} GFLOP/s`,
  );
  console.log(`outside of the runtime ${((100 * (wall - inside / 1000)) / wall).toFixed(0)} % of the time`);
  const ordered = [...rows].sort(([, a], [, b]) => b.micros - a.micros);
  for (const [kind, { micros, operations: count, count: times }] of ordered.filter(
    ([, row]) => row.micros > all / 100,
  )) {
    const rate = count > 0 ? `${(count / micros / 1000).toFixed(0)} GFLOP/s` : '';
    console.log(
      `  ${kind.padEnd(24)} ${((100 * micros) / all).toFixed(1).padStart(5)} %  ${String(times).padStart(7)} times  ${rate}`,
    );
  }
}

async function training(model: LoadedModel, kind: 'sft' | 'dpo'): Promise<number> {
  const recipe =
    kind === 'sft'
      ? sftSchema.parse({ batch: 8, learningRate: 1e-4 })
      : dpoSchema.parse({ batch: 8, nll: 0 });
  const start = freshAdapter(model.config, { ...loraSchema.parse({}), seed: 1 });
  const { tokens } = await trainOnnx(model, start, curatedPairs(8 * 2), recipe);
  return tokens;
}

const PARTS: Readonly<Record<string, (model: LoadedModel) => Promise<number>>> = {
  score: async (model) => {
    await scoreCompletions(model, scoringSequences(model, 32));
    return 32 * 256;
  },
  sft: (model) => training(model, 'sft'),
  dpo: (model) => training(model, 'dpo'),
  generate: async (model) => {
    await using generator = await Generator.create(model, { batch: 64 });
    await Promise.all(
      generationPrompts(model, 64).map((prompt) => generator.generate({ prompt, maxTokens: 24 })),
    );
    return generator.generated;
  },
};

const [chosen] = process.argv.slice(2);
const part = chosen === undefined ? undefined : PARTS[chosen];
if (part) {
  console.log(chosen);
  const model = loadModel(await ensureModel(DEFAULT_MODEL, { cache: DEFAULT_MODEL_CACHE }));
  await profiled(model, () => part(model));
} else
  for (const name of Object.keys(PARTS))
    spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url), name],
      { stdio: 'inherit' },
    );
