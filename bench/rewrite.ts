/**
 * What the engine's graphs could be instead, for levers.ts: activations stored or computed anew, logits everywhere, weights of
 * 8 or 4 bits. The product has no switch for any of it; here the graph is rewritten on its way to ONNX Runtime.
 */
import { InferenceSession } from 'onnxruntime-node';
import type { Graph, GraphNode, Value } from '../src/engine/graph.ts';
import {
  attribute,
  Model,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from '../src/engine/onnx.ts';
import { int64, float32 } from '../src/engine/feeds.ts';
import { Session, type Tensor } from '../src/engine/session.ts';

export const BLOCK = 32;
export type Bits = 4 | 8;

/** A matrix (N, K) in blocks of 32 along K with a scale each: what `MatMulNBits` takes, the zero in the middle. */
export interface Blocks {
  readonly packed: Uint8Array; // (N, K / 32, 32 bits / 8)
  readonly scales: Float32Array; // (N, K / 32)
}

export function quantise(weight: Float32Array, bits: Bits): Blocks {
  const middle = 2 ** (bits - 1);
  const packed = new Uint8Array((weight.length * bits) / 8);
  const scales = new Float32Array(weight.length / BLOCK);
  for (let block = 0; block < scales.length; block++) {
    const values = weight.subarray(block * BLOCK, (block + 1) * BLOCK);
    const scale = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / (middle - 1);
    scales[block] = scale;
    values.forEach((x, i) => {
      const at = block * BLOCK + i;
      const level = middle + (scale === 0 ? 0 : Math.round(x / scale));
      if (bits === 8) packed[at] = level;
      else packed[at >> 1]! |= level << (4 * (at % 2)); // the lower half first
    });
  }
  return { packed, scales };
}

/** The same rounding, as float32 again. */
export function rounded(weight: Float32Array, bits: Bits): Float32Array {
  const most = 2 ** (bits - 1) - 1;
  const result = new Float32Array(weight.length);
  for (let start = 0; start < weight.length; start += BLOCK) {
    const values = weight.subarray(start, start + BLOCK);
    const scale = Math.fround(values.reduce((top, x) => Math.max(top, Math.abs(x)), 0) / most);
    values.forEach((x, i) => (result[start + i] = scale === 0 ? 0 : Math.round(x / scale) * scale));
  }
  return result;
}

/** x (M, K) times a matrix of `bits`; activations are rounded to 8 bits, too (accuracy level 4). */
export const nBits = (x: string, w: string, y: string, n: number, k: number, bits: Bits): OnnxNode => ({
  opType: 'MatMulNBits',
  domain: 'com.microsoft',
  input: [x, `${w}.packed`, `${w}.scales`],
  output: [y],
  attribute: Object.entries({ K: k, N: n, bits, block_size: BLOCK, accuracy_level: 4 }).map(([name, value]) =>
    attribute(name, value),
  ),
});

const UINT8 = 2;
const FLOAT = 1;

/** A tensor whose bytes are handed over beside the model. */
export const beside = (name: string, dims: readonly number[], dataType = FLOAT): OnnxTensor => ({
  name,
  dims,
  dataType,
  dataLocation: 1,
  externalData: [{ key: 'location', value: name }],
});

/** An input or output of this shape. */
export const declared = (name: string, dims: readonly number[], elemType = FLOAT): OnnxValueInfo => ({
  name,
  type: { tensorType: { elemType, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
});

/** The two tensors of a matrix (N, K). */
export const blockTensors = (w: string, n: number, k: number, bits: Bits): OnnxTensor[] => [
  beside(`${w}.packed`, [n, k / BLOCK, (BLOCK * bits) / 8], UINT8),
  beside(`${w}.scales`, [n, k / BLOCK]),
];

export const blockData = (w: string, { packed, scales }: Blocks): { path: string; data: Uint8Array }[] => [
  { path: `${w}.packed`, data: packed },
  { path: `${w}.scales`, data: new Uint8Array(scales.buffer) },
];

/** (name, N, K) of the matrices to replace. */
export type Matrices = ReadonlyMap<string, readonly number[]>;

/** A model in which the products of `matrices` with what runs through it (x W^T) are `MatMulNBits`, and the data beside it. */
function withNBits(bytes: Uint8Array, matrices: Matrices, blocksOf: (name: string) => Blocks, bits: Bits) {
  const model = Model.decode(bytes) as unknown as { graph: OnnxGraph };
  const tensors: OnnxTensor[] = [];
  const externalData: { path: string; data: Uint8Array }[] = [];
  const met = new Set<string>();
  const node = model.graph.node.flatMap((one): OnnxNode[] => {
    const [x, w, addend] = one.input as [string, string, string | undefined];
    const shape = matrices.get(w);
    const turned = one.attribute.some(({ name, i }) => name === 'transB' && Number(i) === 1);
    if (one.opType !== 'Gemm' || !shape || !turned) return [one];
    const [n, k] = shape as [number, number];
    const [y] = one.output as [string];
    if (!met.has(w)) {
      tensors.push(...blockTensors(w, n, k, bits));
      externalData.push(...blockData(w, blocksOf(w)));
      met.add(w);
    }
    if (addend === undefined) return [nBits(x, w, y, n, k, bits)];
    const sum = { opType: 'Add', input: [`${y}.product`, addend], output: [y], attribute: [] };
    return [nBits(x, w, `${y}.product`, n, k, bits), sum];
  });
  const used = new Set(node.flatMap(({ input }) => input));
  const needed = ({ name }: { name: string }): boolean => used.has(name) || !matrices.has(name);
  const graph = {
    ...model.graph,
    node,
    initializer: [...model.graph.initializer.filter(needed), ...tensors],
    input: model.graph.input.filter(needed),
  };
  return {
    bytes: Model.encode(Model.create({ ...model, graph })).finish(),
    externalData,
    kept: (name: string): boolean => needed({ name }),
  };
}

type Create = (bytes: Uint8Array, options: object) => Promise<InferenceSession>;

export interface Rewriting {
  /** Of graphs with gradients. */
  readonly graph?: (graph: Graph) => Graph;
  readonly feeds?: (feeds: Readonly<Record<string, Tensor>>) => Record<string, Tensor>;
  /** Products with these matrices in so many bits. */
  readonly products?: {
    readonly matrices: Matrices;
    readonly bits: Bits;
    blocksOf(name: string): Blocks;
  };
}

/** Does some work with the engine's graphs rewritten. */
export async function rewriting<T>(
  { graph: rewrite, feeds: other, products }: Rewriting,
  work: () => Promise<T>,
): Promise<T> {
  const [create, run, make] = [Session.create, Session.prototype.run, InferenceSession.create];
  if (rewrite)
    Session.create = (graph, weights, options) =>
      create(hasGradients(graph) ? rewrite(graph) : graph, weights, options);
  if (other)
    Session.prototype.run = function (feeds, into) {
      return run.call(this, other(feeds), into);
    };
  if (products) {
    const { matrices, blocksOf, bits } = products;
    InferenceSession.create = ((bytes: Uint8Array, options: { externalData?: { path: string }[] }) => {
      const rewritten = withNBits(bytes, matrices, blocksOf, bits);
      const kept = (options.externalData ?? []).filter(({ path }) => rewritten.kept(path));
      const externalData = [...kept, ...rewritten.externalData];
      return (make as unknown as Create)(rewritten.bytes, { ...options, externalData });
    }) as unknown as typeof InferenceSession.create;
  }
  try {
    return await work();
  } finally {
    Object.assign(Session, { create });
    Session.prototype.run = run;
    Object.assign(InferenceSession, { create: make });
  }
}

const hasGradients = (graph: Graph): boolean =>
  graph.nodes.some((node) => node.operation === 'input' && node.attributes.parameter);

/** How many nodes the forward pass of a training graph has: the entropy is the last that it computes. */
const forwardLength = (graph: Graph): number =>
  graph.nodes.indexOf(graph.producer(graph.results.get('entropy')!)) + 1;

/** The nodes of a graph and no others, without those that nothing needs. */
function graphOf(nodes: readonly GraphNode[], results: ReadonlyMap<string, Value>): Graph {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map(({ id }) => [id, node] as const)));
  const needed = new Set([...results.values()].map(({ id }) => id));
  const kept = [...nodes].reverse().filter(({ operation, inputs, outputs }) => {
    if (operation !== 'input' && !outputs.some(({ id }) => needed.has(id))) return false;
    for (const { id } of inputs) needed.add(id);
    return true;
  });
  return {
    nodes: kept.reverse(),
    results,
    producer: ({ id }: Value) => producers.get(id),
  } as unknown as Graph;
}

/** A training graph whose backward pass reads what `recalling` (gradients.ts) computes anew from the forward pass. */
export function storing(graph: Graph): Graph {
  const forward = forwardLength(graph);
  const text = new Map<number, string>();
  const instead = new Map<number, Value>();
  const stored = new Map<string, Value>();
  const of = ({ id }: Value): string => text.get(id) ?? `#${id}`;
  const nodes = graph.nodes.flatMap((node, i): GraphNode[] => {
    const inputs = node.inputs.map((input) => instead.get(input.id) ?? input);
    const [y] = node.outputs as [Value];
    const call = `${node.operation}(${inputs.map(of).join()})`;
    if (i < forward) {
      const [x, w] = inputs.map(of);
      if (node.operation === 'silu') stored.set(`mul(${x},sigmoid(${x}))`, y);
      if (node.operation === 'rmsNorm') stored.set(`mul(mul(${x},${of(node.outputs[1]!)}),${w})`, y);
      if (node.operation === 'mul') stored.set(call, y);
      return [node];
    }
    const same = stored.get(call);
    if (same) instead.set(y.id, same);
    else if (/^(mul|sigmoid)/.test(call) && call.length < 60) text.set(y.id, call);
    return same ? [] : [{ ...node, inputs } as GraphNode];
  });
  return graphOf(nodes, graph.results);
}

/**
 * A training graph that keeps of the forward pass what enters each block, and computes the rest anew in the backward pass, block
 * by block; what follows the beginning of the last block is kept.
 */
export function recomputing(graph: Graph): Graph {
  const forward = forwardLength(graph);
  const place = new Map<number, number>();
  graph.nodes.forEach(({ outputs }, i) => outputs.forEach(({ id }) => place.set(id, i)));
  const kept = new Set(
    graph.nodes.slice(0, forward).flatMap((node) => {
      const weight = node.operation === 'rmsNorm' && graph.producer(node.inputs[1]!);
      const begins =
        weight && weight.operation === 'weight' && /input_layernorm/.test(weight.attributes.name);
      return begins ? [node.inputs[0]!.id] : [];
    }),
  );
  const last = Math.max(...[...kept].map((id) => place.get(id)!));
  let count = Math.max(...place.keys());
  const fresh = (value: Value): Value => ({ ...value, id: ++count });
  const nodes: GraphNode[] = graph.nodes.slice(0, forward);
  const add = (node: object): void => void nodes.push(node as GraphNode);
  // Zero, but only after the forward pass: ONNX Runtime would merge what is the same.
  const loss = graph.results.get('loss')!;
  const zero = fresh(loss);
  add({ operation: 'scale', attributes: { factor: 0 }, inputs: [loss], outputs: [zero] });
  const known = new Map<number, Value>();
  const again = (value: Value): Value => {
    const node = graph.producer(value);
    const { operation } = node;
    if (place.get(value.id)! > last && !kept.has(value.id)) return value;
    if (operation === 'input' || operation === 'weight' || operation === 'constant') return value;
    if (!known.has(value.id)) {
      if (kept.has(value.id)) {
        known.set(value.id, fresh(value));
        add({ operation: 'add', attributes: {}, inputs: [value, zero], outputs: [known.get(value.id)] });
      } else {
        for (const output of node.outputs) known.set(output.id, fresh(output));
        const outputs = node.outputs.map(({ id }) => known.get(id));
        add({ ...node, inputs: node.inputs.map(again), outputs });
      }
    }
    return known.get(value.id)!;
  };
  for (const node of graph.nodes.slice(forward)) add({ ...node, inputs: node.inputs.map(again) });
  return graphOf(nodes, graph.results);
}

/** The inputs of a training or scoring graph, with logits for every token and a weight of zero where none was asked for. */
export function everywhere(feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const n = feeds['ids']!.size;
  const rows = [...(feeds['rows']!.data as BigInt64Array)].map(Number);
  const labels = new Array<number>(n).fill(0);
  rows.forEach((row, i) => (labels[row] = Number((feeds['labels']!.data as BigInt64Array)[i])));
  const all: Record<string, Tensor> = {
    ...feeds,
    rows: int64(labels.keys(), [n]),
    labels: int64(labels, [n]),
  };
  for (const name of ['token_weight', 'chosen_tokens', 'rejected_tokens']) {
    const tensor = feeds[name];
    if (!tensor) continue;
    const lines = tensor.dims[0]!;
    const wide = new Float32Array(lines * n);
    for (let line = 0; line < lines; line++)
      rows.forEach(
        (row, i) => (wide[line * n + row] = (tensor.data as Float32Array)[line * rows.length + i]!),
      );
    all[name] = float32(wide, [lines, n]);
  }
  return all;
}
