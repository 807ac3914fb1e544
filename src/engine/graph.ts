/**
 * Typed tensor operations. A model is written once as calls on a `Graph`; `gradients.ts` derives the backward
 * pass from the nodes, `lowering.ts` turns them into an ONNX graph. Shapes are symbolic: a dimension is a number,
 * a name (`B` sequences, `T` positions) or a product of names (`B*T`).
 */

export type Dimension = number | string;
export type Shape = readonly Dimension[];
export type ElementType = 'float32' | 'int64';

export interface Value {
  readonly id: number;
  readonly shape: Shape;
  readonly type: ElementType;
  /** Whether a gradient can flow into it: a parameter, or computed from one. */
  readonly differentiable: boolean;
}

const resized = (shape: Shape, axis: 0 | -1, size: Dimension): Shape => shape.with(axis, size);

/** The attributes of each operation. The keys of this record are the operations that exist. */
export interface Operations {
  /** Fed at run time. `parameter` inputs receive gradients. */
  input: { readonly name: string; readonly parameter: boolean };
  /** Weights that are stored in the model file of the session. */
  weight: { readonly name: string };
  /** A small literal. */
  constant: { readonly data: readonly number[] };
  /** a + b; b may be a broadcast constant. */
  add: Record<never, never>;
  sub: Record<never, never>;
  /** a * b elementwise; b may have a last dimension of 1, or be a frozen broadcast. */
  mul: Record<never, never>;
  /** factor * x */
  scale: { readonly factor: number };
  neg: Record<never, never>;
  exp: Record<never, never>;
  log: Record<never, never>;
  sigmoid: Record<never, never>;
  tanh: Record<never, never>;
  /** log(1 + e^x) */
  softplus: Record<never, never>;
  relu: Record<never, never>;
  /** 1 where x > 0, else 0. */
  step: Record<never, never>;
  /** x * sigmoid(x) */
  silu: Record<never, never>;
  /** (m, k) (k, n) with either operand transposed. */
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  /** (b, m, k) (b, k, n) */
  batchMatmul: Record<never, never>;
  transpose: { readonly permutation: readonly number[] };
  reshape: { readonly shape: Shape };
  softmax: Record<never, never>;
  /** Sum over the last axis, which stays with size 1. */
  sumLast: Record<never, never>;
  meanLast: Record<never, never>;
  /** Sum of all elements, a scalar. */
  sumAll: Record<never, never>;
  /** A scalar or a last axis of 1, repeated to `shape`. */
  expand: { readonly shape: Shape };
  /** (x, w) -> (x / rms(x) * w, 1 / rms(x)); w is frozen. */
  rmsNorm: { readonly epsilon: number };
  /**
   * Rotary positions on (B, T, heads * size); `inverse` turns back. Inputs: x, positions (B, T), cos, sin (max, d / 2).
   * Only the first d = `dimensions` of each head turn.
   */
  rope: { readonly heads: number; readonly dimensions: number; readonly inverse: boolean };
  /** Rows of a table: (V, D), indices -> (..., D). The rows of a differentiable table must be taken once each. */
  gather: Record<never, never>;
  /** Puts rows (M, D) at `indices` of zeros of `shape` (N, D). */
  scatter: { readonly shape: Shape };
  /**
   * Log-probability of `labels` (M) under softmax(z), z = h E^T or `softcap` tanh(h E^T / softcap): (h (M, D), E (V, D),
   * labels) -> (logp (M, 1), logprobs (M, V), with a softcap also log sum e^z (M, 1)). E is frozen.
   */
  tokenLogprobs: { readonly softcap: number | null };
  /**
   * Which elements stay under dropout, times 1 / (1 - probability): rows (N, 1) and columns (1, D), random integers from
   * 1 to p - 1 -> (N, D). Row times column modulo the prime p = 2^31 - 1 is uniform, and any two elements are independent.
   */
  dropoutMask: { readonly probability: number };
  /** Joins values along the first or the last axis. */
  concat: { readonly axis: 0 | -1 };
  /** Cuts the first or the last axis into parts of these sizes. */
  split: { readonly axis: 0 | -1; readonly sizes: readonly Dimension[] };
}

/** Modulus of `dropoutMask`. */
export const DROPOUT_PRIME = 2 ** 31 - 1;

export type OperationName = keyof Operations;

export type GraphNode<K extends OperationName = OperationName> = {
  [P in K]: {
    readonly operation: P;
    readonly attributes: Operations[P];
    readonly inputs: readonly Value[];
    readonly outputs: readonly Value[];
  };
}[K];

const text = (shape: Shape): string => `[${shape.join(', ')}]`;
const same = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** Product of dimensions in a normal form: numbers multiplied out, names sorted. */
export function product(...dimensions: Dimension[]): Dimension {
  let factor = 1;
  const names: string[] = [];
  for (const dimension of dimensions) {
    for (const part of String(dimension).split('*')) {
      if (/^\d+$/.test(part)) factor *= Number(part);
      else names.push(part);
    }
  }
  names.sort();
  if (names.length === 0) return factor;
  return factor === 1 ? names.join('*') : `${factor}*${names.join('*')}`;
}

export class Graph {
  readonly nodes: GraphNode[] = [];
  readonly results = new Map<string, Value>();
  readonly #producers = new Map<number, GraphNode>();
  #count = 0;

  /** The node that computed a value. */
  producer(value: Value): GraphNode {
    return this.#producers.get(value.id) as GraphNode;
  }

  /** Names a value as an output of the graph. */
  output(name: string, value: Value): void {
    this.results.set(name, value);
  }

  input(name: string, shape: Shape, type: ElementType = 'float32'): Value {
    return this.#emit('input', { name, parameter: false }, [], [shape], { type, differentiable: false });
  }

  /** An input that receives a gradient. */
  parameter(name: string, shape: Shape): Value {
    return this.#emit('input', { name, parameter: true }, [], [shape], { differentiable: true });
  }

  weight(name: string, shape: Shape): Value {
    return this.#emit('weight', { name }, [], [shape], { differentiable: false });
  }

  constant(data: readonly number[], shape: Shape, type: ElementType = 'float32'): Value {
    return this.#emit('constant', { data }, [], [shape], { type, differentiable: false });
  }

  add = (a: Value, b: Value): Value => this.#elementwise('add', a, b);
  sub = (a: Value, b: Value): Value => this.#elementwise('sub', a, b);
  mul = (a: Value, b: Value): Value => this.#elementwise('mul', a, b);
  scale = (x: Value, factor: number): Value => (factor === 1 ? x : this.#unary('scale', x, { factor }));
  neg = (x: Value): Value => this.#unary('neg', x, {});
  exp = (x: Value): Value => this.#unary('exp', x, {});
  log = (x: Value): Value => this.#unary('log', x, {});
  sigmoid = (x: Value): Value => this.#unary('sigmoid', x, {});
  tanh = (x: Value): Value => this.#unary('tanh', x, {});
  softplus = (x: Value): Value => this.#unary('softplus', x, {});
  relu = (x: Value): Value => this.#unary('relu', x, {});
  step = (x: Value): Value => this.#unary('step', x, {});
  silu = (x: Value): Value => this.#unary('silu', x, {});
  softmax = (x: Value): Value => this.#unary('softmax', x, {});
  sumLast = (x: Value): Value => this.#emit('sumLast', {}, [x], [[...x.shape.slice(0, -1), 1]]);
  meanLast = (x: Value): Value => this.#emit('meanLast', {}, [x], [[...x.shape.slice(0, -1), 1]]);
  sumAll = (x: Value): Value => this.#emit('sumAll', {}, [x], [[]]);
  expand = (x: Value, shape: Shape): Value => this.#emit('expand', { shape }, [x], [shape]);

  matmul(a: Value, b: Value, options: { transposeA?: boolean; transposeB?: boolean } = {}): Value {
    const { transposeA = false, transposeB = false } = options;
    const [m, k] = transposeA ? [a.shape[1], a.shape[0]] : [a.shape[0], a.shape[1]];
    const [k2, n] = transposeB ? [b.shape[1], b.shape[0]] : [b.shape[0], b.shape[1]];
    if (a.shape.length !== 2 || b.shape.length !== 2 || k !== k2) this.#mismatch('matmul', a, b);
    return this.#emit('matmul', { transposeA, transposeB }, [a, b], [[m as Dimension, n as Dimension]]);
  }

  batchMatmul(a: Value, b: Value): Value {
    if (a.shape.length !== 3 || b.shape.length !== 3 || a.shape[2] !== b.shape[1])
      this.#mismatch('batchMatmul', a, b);
    return this.#emit(
      'batchMatmul',
      {},
      [a, b],
      [[a.shape[0] as Dimension, a.shape[1] as Dimension, b.shape[2] as Dimension]],
    );
  }

  transpose(x: Value, permutation: readonly number[]): Value {
    return this.#emit('transpose', { permutation }, [x], [permutation.map((p) => x.shape[p] as Dimension)]);
  }

  reshape(x: Value, shape: Shape): Value {
    if (same(x.shape, shape)) return x;
    if (product(...x.shape) !== product(...shape)) {
      throw new TypeError(`reshape: ${text(x.shape)} does not hold as many elements as ${text(shape)}`);
    }
    return this.#emit('reshape', { shape }, [x], [shape]);
  }

  /** (x, w) -> [normalised, 1 / rms] */
  rmsNorm(x: Value, weight: Value, epsilon: number): readonly [Value, Value] {
    if (weight.differentiable) throw new TypeError('rmsNorm: the weight must be frozen');
    return this.#many('rmsNorm', { epsilon }, [x, weight], [x.shape, [...x.shape.slice(0, -1), 1]]) as [
      Value,
      Value,
    ];
  }

  rope(x: Value, table: { positions: Value; cos: Value; sin: Value }, heads: number, inverse = false): Value {
    const dimensions = 2 * (table.cos.shape[1] as number);
    const inputs = [x, table.positions, table.cos, table.sin];
    return this.#emit('rope', { heads, dimensions, inverse }, inputs, [x.shape]);
  }

  gather(table: Value, indices: Value): Value {
    return this.#emit('gather', {}, [table, indices], [[...indices.shape, table.shape[1] as Dimension]]);
  }

  scatter(rows: Value, indices: Value, shape: Shape): Value {
    return this.#emit('scatter', { shape }, [rows, indices], [shape]);
  }

  /** -> [logp (M, 1), logprobs (M, V), with a softcap log sum e^z (M, 1)] */
  tokenLogprobs(
    hidden: Value,
    embedding: Value,
    labels: Value,
    softcap: number | null = null,
  ): readonly [Value, Value] {
    if (embedding.differentiable) throw new TypeError('tokenLogprobs: the embedding must be frozen');
    const rows = hidden.shape[0] as Dimension;
    const shapes: Shape[] = [
      [rows, 1],
      [rows, embedding.shape[0] as Dimension],
    ];
    if (softcap !== null) shapes.push([rows, 1]);
    const inputs = [hidden, embedding, labels];
    return this.#many('tokenLogprobs', { softcap }, inputs, shapes) as unknown as [Value, Value];
  }

  dropoutMask(rows: Value, columns: Value, probability: number): Value {
    const shape = [rows.shape[0] as Dimension, columns.shape[1] as Dimension];
    return this.#emit('dropoutMask', { probability }, [rows, columns], [shape]);
  }

  /** `size` names what the joined axis comes to, where an input has that dimension. */
  concat(axis: 0 | -1, parts: readonly Value[], size?: Dimension): Value {
    const sizes = parts.map((part) => part.shape.at(axis) as Dimension);
    const fixed = sizes.every((one) => typeof one === 'number');
    const joined = size ?? (fixed ? sizes.reduce((a, b) => a + b, 0) : sizes.join('+'));
    return this.#emit('concat', { axis }, parts, [resized(parts[0]!.shape, axis, joined)]);
  }

  split(axis: 0 | -1, x: Value, sizes: readonly Dimension[]): readonly Value[] {
    const shapes = sizes.map((size) => resized(x.shape, axis, size));
    return this.#many('split', { axis, sizes }, [x], shapes);
  }

  #elementwise(operation: 'add' | 'sub' | 'mul', a: Value, b: Value): Value {
    const fits = b.shape.every((d, i) => d === 1 || d === a.shape[a.shape.length - b.shape.length + i]);
    if (!fits || b.shape.length > a.shape.length) this.#mismatch(operation, a, b);
    return this.#emit(operation, {}, [a, b], [a.shape]);
  }

  #unary<K extends OperationName>(operation: K, x: Value, attributes: Operations[K]): Value {
    return this.#emit(operation, attributes, [x], [x.shape]);
  }

  #emit<K extends OperationName>(
    operation: K,
    attributes: Operations[K],
    inputs: readonly Value[],
    shapes: readonly Shape[],
    fixed?: { type?: ElementType; differentiable: boolean },
  ): Value {
    return this.#many(operation, attributes, inputs, shapes, fixed)[0] as Value;
  }

  #many<K extends OperationName>(
    operation: K,
    attributes: Operations[K],
    inputs: readonly Value[],
    shapes: readonly Shape[],
    fixed?: { type?: ElementType; differentiable: boolean },
  ): readonly Value[] {
    const differentiable = fixed?.differentiable ?? inputs.some((input) => input.differentiable);
    const outputs = shapes.map((shape) => ({
      id: this.#count++,
      shape,
      type: fixed?.type ?? 'float32',
      differentiable,
    }));
    const node = { operation, attributes, inputs, outputs } as unknown as GraphNode;
    this.nodes.push(node);
    for (const output of outputs) this.#producers.set(output.id, node);
    return outputs;
  }

  #mismatch(operation: string, a: Value, b: Value): never {
    throw new TypeError(`${operation}: shapes ${text(a.shape)} and ${text(b.shape)} do not fit`);
  }
}
