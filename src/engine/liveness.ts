/** How much memory the values of a graph take at once, from its nodes alone. */
import type { Dimension, Graph, GraphNode, Shape, Value } from './graph.ts';

/** Sizes of symbolic dimensions. */
export type Sizes = Map<string, number>;

const BYTES = { float32: 4, int64: 8 } as const;

/** The sizes that the shapes of these inputs give to a graph's dimensions. */
export function dimensionSizes(
  graph: Graph,
  feeds: Readonly<Record<string, { readonly dims: readonly number[] }>>,
): Sizes {
  const sizes: Sizes = new Map();
  for (const node of graph.nodes) {
    if (node.operation !== 'input') continue;
    const { dims } = feeds[node.attributes.name] ?? {};
    node.outputs[0]!.shape.forEach((dimension, axis) => {
      if (typeof dimension === 'string' && dims) sizes.set(dimension, dims[axis] as number);
    });
  }
  return sizes;
}

function sizeOf(dimension: Dimension, sizes: Sizes): number {
  if (typeof dimension === 'number') return dimension;
  const known = sizes.get(dimension);
  if (known !== undefined) return known;
  if (dimension.includes('+')) return sum(dimension.split('+').map((part) => sizeOf(part, sizes)));
  const parts = dimension.split('*').map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  if (parts.length === 1) throw new TypeError(`the size of '${dimension}' is not known`);
  return parts.reduce<number>((product, part) => product * sizeOf(part, sizes), 1);
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const elements = (shape: Shape, sizes: Sizes): number =>
  shape.reduce<number>((product, dimension) => product * sizeOf(dimension, sizes), 1);

/** What a node needs while it runs besides its operands and results, in elements of float32. */
function scratch({ operation, outputs }: GraphNode, sizes: Sizes): number {
  const count = elements(outputs[0]!.shape, sizes);
  // The logits, before they are log-probabilities; two int64 arrays under the mask.
  if (operation === 'tokenLogprobs') return elements(outputs[1]!.shape, sizes);
  return operation === 'dropoutMask' ? 4 * count : 0;
}

/** Operations that write over an operand that nothing else reads. */
const IN_PLACE: ReadonlySet<string> = new Set([
  'add',
  'sub',
  'mul',
  'scale',
  'neg',
  'exp',
  'log',
  'sigmoid',
  'tanh',
  'relu',
  'softmax',
]);

const HELD: ReadonlySet<string> = new Set(['input', 'weight', 'constant']);

/**
 * Most bytes of computed values that are alive at once when the nodes run in their order; results stay to the end. Inputs and
 * weights are not counted.
 */
export function peakBytes(graph: Graph, sizes: Sizes): number {
  const nodes = graph.nodes.filter(({ operation }) => !HELD.has(operation));
  // A reshaped value is the same memory.
  const roots = new Map<number, number>();
  const root = ({ id }: Value): number => roots.get(id) ?? id;
  for (const { operation, inputs, outputs } of nodes)
    if (operation === 'reshape') roots.set(outputs[0]!.id, root(inputs[0]!));
  const lastUse = new Map<number, number>();
  nodes.forEach(({ inputs, outputs }, i) => {
    for (const value of [...inputs, ...outputs]) lastUse.set(root(value), i);
  });
  for (const value of graph.results.values()) lastUse.set(root(value), nodes.length);
  const bytes = new Map<number, number>();
  let [alive, peak] = [0, 0];
  nodes.forEach((node, i) => {
    const fresh = node.operation === 'reshape' ? [] : node.outputs;
    const ends = [...new Set(node.inputs.map(root))].filter((id) => lastUse.get(id) === i);
    const release = (id: number): void => {
      alive -= bytes.get(id) ?? 0;
      bytes.delete(id);
    };
    const sizeOfFirst = fresh.length > 0 ? elements(fresh[0]!.shape, sizes) * BYTES[fresh[0]!.type] : 0;
    const overwritten = IN_PLACE.has(node.operation)
      ? ends.find((id) => bytes.get(id) === sizeOfFirst)
      : undefined;
    if (overwritten !== undefined) release(overwritten);
    for (const { id, shape, type } of fresh) {
      bytes.set(id, elements(shape, sizes) * BYTES[type]);
      alive += bytes.get(id) as number;
    }
    peak = Math.max(peak, alive + BYTES.float32 * scratch(node, sizes));
    for (const id of ends) release(id);
    // A result that nothing reads.
    for (const { id } of fresh) if (lastUse.get(id) === i && !ends.includes(id)) release(id);
  });
  return peak;
}
