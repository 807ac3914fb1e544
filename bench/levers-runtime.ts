/** What ONNX Runtime and its Node binding cost, for levers.ts: what is outside of the runtime, and the attention of a step. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { decodingAttention } from '../src/engine/attention.ts';
import { cacheMaskFeeds, float32, int64, ropeFeeds } from '../src/engine/feeds.ts';
import { Graph, product } from '../src/engine/graph.ts';
import type { LoadedModel } from '../src/engine/model.ts';
import { attribute, encodeModel, type OnnxNode } from '../src/engine/onnx.ts';
import { Session } from '../src/engine/session.ts';
import { median, SESSION, timed, type Way } from './levers-common.ts';
import { declared } from './rewrite.ts';

type Create = (bytes: Uint8Array, options: object) => Promise<InferenceSession>;

/**
 * For the session that each work uses most: the time of a run, what of it is not inside of ONNX Runtime (the binding's making
 * of inputs and copying of outputs), and how much comes back.
 */
export async function copies(model: LoadedModel, works: Readonly<Record<string, Way>>): Promise<void> {
  for (const [name, way] of Object.entries(works)) {
    const folder = mkdtempSync(join(tmpdir(), 'temper-levers-'));
    const create = InferenceSession.create as unknown as Create;
    const made: { session: InferenceSession; clocks: number[]; bytes: number }[] = [];
    const traced: Create = async (bytes, options) => {
      const profileFilePrefix = join(folder, `${made.length}-`);
      const session = await create(bytes, { ...options, enableProfiling: true, profileFilePrefix });
      const entry = { session, clocks: [] as number[], bytes: 0 };
      made.push(entry);
      const run = session.run.bind(session) as (...args: unknown[]) => Promise<Record<string, Tensor>>;
      session.run = (async (...args: unknown[]) => {
        const start = performance.now();
        const results = await run(...args);
        entry.clocks.push(performance.now() - start);
        entry.bytes = Object.values(results).reduce(
          (sum, { data }) => sum + (data as Float32Array).byteLength,
          0,
        );
        return results;
      }) as typeof session.run;
      return session;
    };
    Object.assign(InferenceSession, { create: traced });
    const work = await way(model);
    await work();
    await work();
    Object.assign(InferenceSession, { create });
    for (const { session } of made) session.endProfiling();
    const most = made.toSorted((a, b) => b.clocks.length - a.clocks.length)[0]!;
    const file = readdirSync(folder).find((one) => one.startsWith(`${made.indexOf(most)}-`))!;
    const events = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { name: string; dur: number }[];
    const inside = events.filter((event) => event.name === 'model_run').map(({ dur }) => dur / 1000);
    rmSync(folder, { recursive: true });
    const rest = most.clocks.map((clock, i) => clock - inside[i]!);
    console.log(
      `  ${name}: ${most.clocks.length} runs, median ${median(most.clocks).toFixed(1)} ms, ` +
        `outside of the runtime ${median(rest).toFixed(1)} ms; ${(most.bytes / 1e6).toFixed(1)} MB come back`,
    );
  }
}

const ROWS = 64;
const CAPACITY = 128;
const INT32 = 6;

/** The attention of all layers of one decoding step, 64 sequences over a cache of 128: written out, and fused. */
export async function fusedAttention({ config }: LoadedModel): Promise<void> {
  const { heads, kvHeads, headSize, layers } = config;
  const numbers = (...shape: number[]): Tensor =>
    float32(
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i)),
      shape,
    );
  const all = Array.from({ length: layers }, (_, layer) => layer);
  const cache = all.map(() => [0, 1].map(() => numbers(ROWS, kvHeads, CAPACITY, headSize)));
  const reshaped = (tensor: Tensor, dims: number[]): Tensor => float32(tensor.data as Float32Array, dims);
  const [query, key, value] = [heads, kvHeads, kvHeads].map((count) => numbers(ROWS, count * headSize));
  const rope = ropeFeeds(config, CAPACITY);

  const graph = new Graph();
  const attend = decodingAttention(graph, config);
  const row = product('B', 'S');
  const [q, k, v] = (['q', 'k', 'v'] as const).map((name, i) =>
    graph.input(name, [row, (i === 0 ? heads : kvHeads) * headSize]),
  );
  for (const layer of all) graph.output(`out.${layer}`, attend(layer, q!, k!, v!));
  const written = await Session.create(graph, new Map(), { placement: 'stored' });
  const writtenFeeds = {
    q: query!,
    k: key!,
    v: value!,
    positions: int64(new Array<number>(ROWS).fill(CAPACITY - 1), [ROWS, 1]),
    ...rope,
    ...cacheMaskFeeds(config, new Array<number>(ROWS).fill(CAPACITY), CAPACITY),
    ...Object.fromEntries(
      cache.flatMap(([keys, values], layer) => [
        [`keys.${layer}`, reshaped(keys!, [ROWS * kvHeads, headSize, CAPACITY])],
        [`values.${layer}`, reshaped(values!, [ROWS * kvHeads, CAPACITY, headSize])],
      ]),
    ),
  };

  const node = all.map((layer): OnnxNode => ({
    opType: 'GroupQueryAttention',
    domain: 'com.microsoft',
    input: ['q', 'k', 'v', `keys.${layer}`, `values.${layer}`, 'lengths', 'total', 'cos', 'sin'],
    output: [`out.${layer}`, `present_keys.${layer}`, `present_values.${layer}`],
    attribute: Object.entries({ num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1 }).map(
      ([name, number]) => attribute(name, number),
    ),
  }));
  const cached = [ROWS, kvHeads, CAPACITY, headSize];
  const fusedFeeds: Record<string, Tensor> = {
    q: reshaped(query!, [ROWS, 1, heads * headSize]),
    k: reshaped(key!, [ROWS, 1, kvHeads * headSize]),
    v: reshaped(value!, [ROWS, 1, kvHeads * headSize]),
    lengths: new Tensor('int32', new Int32Array(ROWS).fill(CAPACITY - 1), [ROWS]),
    total: new Tensor('int32', Int32Array.of(CAPACITY), [1]),
    cos: rope['rope_cos']!,
    sin: rope['rope_sin']!,
  };
  cache.forEach(([keys, values], layer) => {
    fusedFeeds[`keys.${layer}`] = keys!;
    fusedFeeds[`values.${layer}`] = values!;
  });
  const input = Object.entries(fusedFeeds).map(([name, tensor]) =>
    declared(name, tensor.dims, tensor.type === 'int32' ? INT32 : undefined),
  );
  const fused = async (presents: boolean): Promise<() => Promise<unknown>> => {
    const output = all.flatMap((layer) => [
      declared(`out.${layer}`, [ROWS, 1, heads * headSize]),
      ...(presents
        ? [declared(`present_keys.${layer}`, cached), declared(`present_values.${layer}`, cached)]
        : []),
    ]);
    const session = await InferenceSession.create(
      encodeModel({ node, initializer: [], input, output }),
      SESSION,
    );
    return () => session.run(fusedFeeds);
  };
  const outputs = Object.fromEntries(written.outputNames.map((name) => [name, null]));
  const ways: Record<string, () => Promise<unknown>> = {
    'written out': () => written.run(writtenFeeds, outputs),
    'fused, the cache not given back': await fused(false),
    'fused, the cache given back': await fused(true),
  };
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
  for (let round = -1; round < 7; round++)
    for (const [name, work] of Object.entries(ways)) {
      const [cpu] = await timed(work);
      if (round >= 0) times.get(name)!.push(1000 * cpu);
    }
  for (const [name, values] of times)
    console.log(
      `  ${name}: processor ${median(values).toFixed(0)} ms (${values.map((ms) => ms.toFixed(0)).join(', ')})`,
    );
}
