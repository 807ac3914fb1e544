/**
 * From a `Graph` to an ONNX model. The table is a mapped type over the operations, so an operation that nothing
 * lowers does not compile.
 */
import {
  type Dimension,
  DROPOUT_PRIME,
  type ElementType,
  type Graph,
  type GraphNode,
  type OperationName,
  type Shape,
  type Value,
} from './graph.ts';
import {
  attribute,
  DATA_TYPES,
  encodeModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from './onnx.ts';
import { byDepth } from './order.ts';

/** How the session gets the weights: inside it (packed for speed) or as inputs shared between sessions. */
export type WeightPlacement = 'stored' | 'fed';

type Attributes = Readonly<Record<string, number | readonly number[] | { float: number }>>;
type Lowering<K extends OperationName> = (
  emit: Emitter,
  node: GraphNode<K>,
  inputs: readonly string[],
  outputs: readonly string[],
) => void;

const MICROSOFT = 'com.microsoft';

class Emitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly inputs: OnnxValueInfo[] = [];
  readonly placement: WeightPlacement;
  /** Names of the weights that are stored, in the order met. */
  readonly weights: string[] = [];
  /** Where each symbolic dimension can be read from: an input and its axis. */
  readonly #symbols = new Map<string, { name: string; axis: number }>();
  readonly #cache = new Map<string, string>();
  #count = 0;

  constructor(placement: WeightPlacement) {
    this.placement = placement;
  }

  node(
    opType: string,
    input: readonly string[],
    attributes: Attributes = {},
    output?: readonly string[],
    domain = '',
  ): string {
    const out = output ?? [`${opType}_${this.#count++}`];
    const attributeList = Object.entries(attributes).map(([name, value]) => attribute(name, value));
    this.nodes.push({ opType, input, output: out, domain, attribute: attributeList });
    return out[0] as string;
  }

  /** Declares an input; its symbolic dimensions become known. */
  input(name: string, shape: Shape, type: ElementType): void {
    shape.forEach((dimension, axis) => {
      if (typeof dimension === 'string' && !this.#symbols.has(dimension))
        this.#symbols.set(dimension, { name, axis });
    });
    this.inputs.push(valueInfo(name, shape, type));
  }

  initializer(data: readonly number[], shape: readonly number[], type: ElementType = 'float32'): string {
    const key = `${type} ${shape.join()} ${data.join()}`;
    return this.#once(key, () => {
      const name = `constant_${this.#count++}`;
      this.initializers.push({
        name,
        dims: shape,
        dataType: DATA_TYPES[type],
        rawData: rawBytes(data, type),
      });
      return name;
    });
  }

  /** A shape as an int64 vector: literal where at most one dimension is symbolic, computed otherwise. */
  shape(shape: Shape, inferOne: boolean): string {
    const symbolic = shape.filter((d) => typeof d === 'string');
    if (symbolic.length === 0 || (inferOne && symbolic.length === 1)) {
      const literal = shape.map((d) => (typeof d === 'number' ? d : -1));
      return this.initializer(literal, [literal.length], 'int64');
    }
    return this.#once(`shape ${shape.join()}`, () =>
      this.node(
        'Concat',
        shape.map((d) => this.#dimension(d)),
        { axis: 0 },
      ),
    );
  }

  #dimension(dimension: Dimension): string {
    if (typeof dimension === 'number') return this.initializer([dimension], [1], 'int64');
    return this.#once(`dimension ${dimension}`, () => {
      const symbol = this.#symbols.get(dimension);
      if (symbol) return this.node('Shape', [symbol.name], { start: symbol.axis, end: symbol.axis + 1 });
      const parts = dimension.split('*').map((part) => (/^\d+$/.test(part) ? Number(part) : part));
      if (parts.length === 1) throw new TypeError(`no input has the dimension '${dimension}'`);
      return parts.map((part) => this.#dimension(part)).reduce((a, b) => this.node('Mul', [a, b]));
    });
  }

  #once(key: string, make: () => string): string {
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#cache.set(key, made);
    return made;
  }

  negated(name: string): string {
    return this.#once(`negated ${name}`, () => this.node('Neg', [name]));
  }
}

function rawBytes(data: readonly number[], type: ElementType): Uint8Array {
  const array = type === 'float32' ? Float32Array.from(data) : BigInt64Array.from(data, (x) => BigInt(x));
  return new Uint8Array(array.buffer);
}

function valueInfo(name: string, shape: Shape, type: ElementType): OnnxValueInfo {
  const dim = shape.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }));
  return { name, type: { tensorType: { elemType: DATA_TYPES[type], shape: { dim } } } };
}

/** An ONNX operator of the same meaning. */
const as =
  <K extends OperationName>(opType: string, attributes: Attributes = {}, domain = ''): Lowering<K> =>
  (emit, _node, inputs, outputs) => {
    emit.node(opType, inputs, attributes, outputs, domain);
  };

const LOWERINGS: { readonly [K in OperationName]: Lowering<K> } = {
  input: (emit, { attributes, outputs: [value] }) => emit.input(attributes.name, value!.shape, value!.type),
  weight: (emit, { attributes, outputs: [value] }) => {
    if (emit.placement === 'fed') {
      emit.input(attributes.name, value!.shape, value!.type);
      return;
    }
    emit.weights.push(attributes.name);
    emit.initializers.push({
      name: attributes.name,
      dims: value!.shape as readonly number[],
      dataType: DATA_TYPES[value!.type],
      dataLocation: 1,
      externalData: [{ key: 'location', value: attributes.name }],
    });
  },
  constant: (emit, { attributes, outputs: [value] }, _inputs, outputs) => {
    const name = emit.initializer(attributes.data, value!.shape as readonly number[], value!.type);
    emit.node('Identity', [name], {}, outputs);
  },
  add: as('Add'),
  sub: as('Sub'),
  mul: as('Mul'),
  scale: (emit, { attributes }, [x], outputs) => {
    emit.node('Mul', [x!, emit.initializer([attributes.factor], [])], {}, outputs);
  },
  neg: as('Neg'),
  exp: as('Exp'),
  log: as('Log'),
  sigmoid: as('Sigmoid'),
  tanh: as('Tanh'),
  softplus: as('Softplus'),
  relu: as('Relu'),
  step: (emit, _node, [x], outputs) => {
    emit.node(
      'Cast',
      [emit.node('Greater', [x!, emit.initializer([0], [])])],
      { to: DATA_TYPES.float32 },
      outputs,
    );
  },
  // QuickGelu(x) = x sigmoid(alpha x): one pass where Sigmoid and Mul are two.
  silu: as('QuickGelu', { alpha: { float: 1 } }, MICROSOFT),
  matmul: (emit, { attributes: { transposeA, transposeB } }, inputs, outputs) => {
    emit.node('Gemm', inputs, { transA: Number(transposeA), transB: Number(transposeB) }, outputs);
  },
  batchMatmul: as('MatMul'),
  transpose: (emit, { attributes }, inputs, outputs) => {
    emit.node('Transpose', inputs, { perm: attributes.permutation }, outputs);
  },
  reshape: (emit, { attributes }, [x], outputs) => {
    emit.node('Reshape', [x!, emit.shape(attributes.shape, true)], {}, outputs);
  },
  softmax: as('Softmax', { axis: -1 }),
  sumLast: (emit, _node, [x], outputs) => {
    emit.node('ReduceSum', [x!, emit.initializer([-1], [1], 'int64')], { keepdims: 1 }, outputs);
  },
  meanLast: as('ReduceMean', { axes: [-1], keepdims: 1 }),
  sumAll: as('ReduceSum', { keepdims: 0 }),
  expand: (emit, { attributes }, [x], outputs) => {
    emit.node('Expand', [x!, emit.shape(attributes.shape, false)], {}, outputs);
  },
  rmsNorm: (emit, { attributes }, inputs, outputs) => {
    emit.node(
      'SimplifiedLayerNormalization',
      inputs,
      { axis: -1, epsilon: { float: attributes.epsilon }, stash_type: 1 },
      outputs,
    );
  },
  rope: (emit, { attributes, outputs: [value] }, [x, positions, cos, sin], outputs) => {
    const sine = attributes.inverse ? emit.negated(sin!) : sin!;
    const { heads, dimensions } = attributes;
    const size = (value!.shape.at(-1) as number) / heads;
    const partial = dimensions === size ? {} : { rotary_embedding_dim: dimensions };
    emit.node(
      'RotaryEmbedding',
      [x!, positions!, cos!, sine],
      { num_heads: heads, ...partial },
      outputs,
      MICROSOFT,
    );
  },
  gather: as('Gather', { axis: 0 }),
  scatter: (emit, { attributes }, [rows, indices], outputs) => {
    const zeros = emit.node('Expand', [emit.initializer([0], []), emit.shape(attributes.shape, false)]);
    const column = emit.node('Unsqueeze', [indices!, emit.initializer([-1], [1], 'int64')]);
    emit.node('ScatterND', [zeros, column, rows!], {}, outputs);
  },
  tokenLogprobs: (
    emit,
    { attributes: { softcap } },
    [hidden, embedding, labels],
    [logp, logprobs, total],
  ) => {
    let logits = emit.node('Gemm', [hidden!, embedding!], { transB: 1 });
    if (softcap !== null) {
      const ratio = emit.node('Mul', [logits, emit.initializer([1 / softcap], [])]);
      logits = emit.node('Mul', [emit.node('Tanh', [ratio]), emit.initializer([softcap], [])]);
      emit.node('ReduceLogSumExp', [logits], { axes: [-1], keepdims: 1 }, [total!]);
    }
    emit.node('LogSoftmax', [logits], { axis: -1 }, [logprobs!]);
    const column = emit.node('Unsqueeze', [labels!, emit.initializer([-1], [1], 'int64')]);
    emit.node('GatherElements', [logprobs!, column], { axis: 1 }, [logp!]);
  },
  dropoutMask: (emit, { attributes: { probability } }, inputs, outputs) => {
    const whole = (value: number): string => emit.initializer([value], [], 'int64');
    const uniform = emit.node('Mod', [emit.node('Mul', inputs), whole(DROPOUT_PRIME)]);
    const kept = emit.node('GreaterOrEqual', [uniform, whole(Math.round(probability * DROPOUT_PRIME))]);
    const ones = emit.node('Cast', [kept], { to: DATA_TYPES.float32 });
    emit.node('Mul', [ones, emit.initializer([1 / (1 - probability)], [])], {}, outputs);
  },
  concat: (emit, { attributes: { axis } }, inputs, outputs) => {
    emit.node('Concat', inputs, { axis }, outputs);
  },
  split: (emit, { attributes: { axis, sizes } }, [x], outputs) => {
    emit.node('Split', [x!, emit.shape(sizes, false)], { axis }, outputs);
  },
};

/**
 * Sums of which one operand is a matrix product used nowhere else, with that product: Gemm adds while it multiplies, which
 * saves a pass over memory. (Rounding differs from a sum afterwards.)
 */
function sumsWithProduct(graph: Graph): Map<GraphNode, GraphNode<'matmul'>> {
  const uses = new Map<number, number>();
  const used = [...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.results.values()];
  for (const { id } of used) uses.set(id, (uses.get(id) ?? 0) + 1);
  const found = new Map<GraphNode, GraphNode<'matmul'>>();
  for (const node of graph.nodes) {
    if (node.operation !== 'add') continue;
    const [a, b] = node.inputs as [Value, Value];
    if (a.shape.join() !== b.shape.join()) continue;
    const product = [b, a]
      .filter(({ id }) => uses.get(id) === 1)
      .map((value) => graph.producer(value))
      .find((producer) => producer.operation === 'matmul');
    if (product) found.set(node, product);
  }
  return found;
}

export interface LoweredModel {
  /** The ONNX file without the weights. */
  readonly model: Uint8Array;
  readonly inputNames: readonly string[];
  /** Weights to hand over beside the model (`stored`). */
  readonly weights: readonly string[];
}

/** Inputs, weights and results keep their names; everything else is `v<id>`. */
function valueNames(graph: Graph): (value: Value) => string {
  const results = new Map([...graph.results].map(([name, value]) => [value.id, name]));
  return (value) => {
    const node = graph.producer(value);
    if (node.operation === 'input' || node.operation === 'weight') return node.attributes.name;
    return results.get(value.id) ?? `v${value.id}`;
  };
}

export function lower(graph: Graph, placement: WeightPlacement): LoweredModel {
  const emit = new Emitter(placement);
  const valueName = valueNames(graph);
  // Inputs first: they define the symbolic dimensions.
  const ordered = [...graph.nodes].sort(
    (a, b) => Number(a.operation !== 'input') - Number(b.operation !== 'input'),
  );
  const names = (values: readonly Value[]): string[] => values.map(valueName);
  const sums = sumsWithProduct(graph);
  const within = new Set<GraphNode>(sums.values());
  for (const node of ordered) {
    if (within.has(node)) continue;
    const product = sums.get(node);
    if (product) {
      const addend = node.inputs.filter(({ id }) => id !== product.outputs[0]!.id);
      LOWERINGS.matmul(emit, product, names([...product.inputs, ...addend]), names(node.outputs));
      continue;
    }
    const lowering = LOWERINGS[node.operation] as Lowering<OperationName>;
    lowering(emit, node, names(node.inputs), names(node.outputs));
  }
  const output: OnnxValueInfo[] = [];
  for (const [name, value] of graph.results) {
    if (valueName(value) !== name) emit.node('Identity', [valueName(value)], {}, [name]);
    output.push(valueInfo(name, value.shape, value.type));
  }
  const differentiated = graph.nodes.some((node) => node.operation === 'input' && node.attributes.parameter);
  const model = encodeModel({
    node: differentiated ? byDepth(emit.nodes) : emit.nodes,
    initializer: emit.initializers,
    input: emit.inputs,
    output,
  });
  return { model, inputNames: emit.inputs.map((input) => input.name), weights: emit.weights };
}
