/**
 * Reverse-mode differentiation of a `Graph`: walks its nodes backwards and adds the nodes that compute the
 * gradients. The rules are a mapped type over the operations, so an operation without a rule does not compile.
 */
import type { Dimension, Graph, GraphNode, OperationName, Shape, Value } from './graph.ts';

/** Gradients for the node's inputs, given those of its outputs; null where none flows. */
type Rule<K extends OperationName> = (
  graph: Graph,
  node: GraphNode<K>,
  /** One per output; null where the output does not reach the loss. */
  outputGradients: readonly (Value | null)[],
) => readonly (Value | null)[];

type Rules = { readonly [K in OperationName]: Rule<K> | 'no gradient' };

/** Sums a gradient down to the shape of a broadcast operand. */
function unbroadcast(graph: Graph, gradient: Value, shape: Shape): Value {
  if (gradient.shape.length === shape.length && gradient.shape.every((d, i) => d === shape[i]))
    return gradient;
  if (shape.length === 0) return graph.sumAll(gradient);
  const front = gradient.shape.slice(0, -1);
  const fits =
    shape.length === gradient.shape.length && shape.at(-1) === 1 && front.every((d, i) => d === shape[i]);
  if (fits) return graph.sumLast(gradient);
  throw new TypeError(
    `no gradient rule for broadcasting [${shape.join(', ')}] to [${gradient.shape.join(', ')}]`,
  );
}

const needed = (value: Value | undefined, make: () => Value): Value | null =>
  value?.differentiable ? make() : null;

/** Wraps the rule of an operation with one output. */
const single =
  <K extends OperationName>(
    rule: (graph: Graph, dy: Value, node: GraphNode<K>) => readonly (Value | null)[],
  ): Rule<K> =>
  (graph, node, [dy]) =>
    rule(graph, dy as Value, node);

const RULES: Rules = {
  input: 'no gradient',
  weight: 'no gradient',
  constant: 'no gradient',
  dropoutMask: 'no gradient',
  step: 'no gradient',

  add: single((g, dy, { inputs: [a, b] }) => [
    needed(a, () => dy),
    needed(b, () => unbroadcast(g, dy, b!.shape)),
  ]),
  sub: single((g, dy, { inputs: [a, b] }) => [
    needed(a, () => dy),
    needed(b, () => unbroadcast(g, g.neg(dy), b!.shape)),
  ]),
  mul: single((g, dy, { inputs: [a, b] }) => [
    needed(a, () => g.mul(dy, b!)),
    needed(b, () => unbroadcast(g, g.mul(dy, a!), b!.shape)),
  ]),
  scale: single((g, dy, { attributes }) => [g.scale(dy, attributes.factor)]),
  neg: single((g, dy) => [g.neg(dy)]),
  exp: single((g, dy, { outputs: [y] }) => [g.mul(dy, y!)]),
  log: single((g, dy, { inputs: [x] }) => [g.mul(dy, g.exp(g.neg(g.log(x!))))]),
  // s' = s (1 - s)
  sigmoid: single((g, dy, { outputs: [y] }) => {
    const slope = g.sub(y!, g.mul(y!, y!));
    return [g.mul(dy, slope)];
  }),
  // y' = 1 - y^2
  tanh: single((g, dy, { outputs: [y] }) => [g.sub(dy, g.mul(g.mul(dy, y!), y!))]),
  softplus: single((g, dy, { inputs: [x] }) => [g.mul(dy, g.sigmoid(x!))]),
  relu: single((g, dy, { inputs: [x] }) => [g.mul(dy, g.step(x!))]),
  // y = x s, y' = s + y (1 - s)
  silu: single((g, dy, { inputs: [x], outputs: [y] }) => {
    const s = g.sigmoid(x!);
    return [g.mul(dy, g.add(s, g.sub(y!, g.mul(y!, s))))];
  }),

  matmul: single((g, dy, { inputs: [a, b], attributes: { transposeA, transposeB } }) => [
    needed(a, () =>
      transposeA
        ? g.matmul(b!, dy, { transposeA: transposeB, transposeB: true })
        : g.matmul(dy, b!, { transposeB: !transposeB }),
    ),
    needed(b, () =>
      transposeB
        ? g.matmul(dy, a!, { transposeA: true, transposeB: transposeA })
        : g.matmul(a!, dy, { transposeA: !transposeA }),
    ),
  ]),
  batchMatmul: single((g, dy, { inputs: [a, b] }) => [
    needed(a, () => g.batchMatmul(dy, g.transpose(b!, [0, 2, 1]))),
    needed(b, () => g.batchMatmul(g.transpose(a!, [0, 2, 1]), dy)),
  ]),
  transpose: single((g, dy, { attributes: { permutation } }) => {
    const back: number[] = [];
    permutation.forEach((from, to) => (back[from] = to));
    return [g.transpose(dy, back)];
  }),
  reshape: single((g, dy, { inputs: [x] }) => [g.reshape(dy, x!.shape)]),
  // p' dy = p (dy - sum(p dy))
  softmax: single((g, dy, { outputs: [p] }) => {
    const weighted = g.mul(p!, dy);
    return [g.sub(weighted, g.mul(p!, g.sumLast(weighted)))];
  }),
  sumLast: single((g, dy, { inputs: [x] }) => [g.expand(dy, x!.shape)]),
  meanLast: single((g, dy, { inputs: [x] }) => {
    const size = x!.shape.at(-1);
    if (typeof size !== 'number') throw new TypeError('meanLast: the gradient needs a fixed last dimension');
    return [g.expand(g.scale(dy, 1 / size), x!.shape)];
  }),
  sumAll: single((g, dy, { inputs: [x] }) => [g.expand(dy, x!.shape)]),
  expand: single((g, dy, { inputs: [x] }) => [unbroadcast(g, dy, x!.shape)]),
  // y = x r w with r = 1 / rms(x): dx = r (dy w - xr mean(dy w xr))
  rmsNorm: (g, { inputs: [x, w], outputs: [, r] }, [dy]) => {
    const scaled = g.mul(dy!, w!);
    const unit = g.mul(x!, r!);
    const projection = g.mul(unit, g.meanLast(g.mul(scaled, unit)));
    return [g.mul(g.sub(scaled, projection), r!), null];
  },
  rope: single((g, dy, { inputs: [, positions, cos, sin], attributes: { heads, inverse } }) => [
    g.rope(dy, { positions: positions!, cos: cos!, sin: sin! }, heads, !inverse),
    null,
    null,
    null,
  ]),
  gather: single((g, dy, { inputs: [table, indices] }) => [
    needed(table, () => g.scatter(dy, indices!, table!.shape)),
    null,
  ]),
  scatter: single((g, dy, { inputs: [, indices] }) => [g.gather(dy, indices!), null]),
  concat: single((g, dy, { inputs, attributes: { axis } }) =>
    g.split(
      axis,
      dy,
      inputs.map(({ shape }) => shape.at(axis) as Dimension),
    ),
  ),
  // A part that is not used has no gradient: zeros.
  split: (g, { inputs: [x], outputs, attributes: { axis } }, gradients) => [
    g.concat(
      axis,
      outputs.map((part, i) => gradients[i] ?? g.scale(part, 0)),
      x!.shape.at(axis),
    ),
  ],
  // d logp / dh = E[label] - softmax(z) E; with a softcap c each logit counts by its slope 1 - (z / c)^2
  tokenLogprobs: (g, { inputs, outputs: [logp, logprobs, total], attributes: { softcap } }, [dy]) => {
    if (!dy) throw new TypeError('tokenLogprobs: only the label log-probabilities have a gradient');
    const [hidden, embedding, labels] = inputs as [Value, Value, Value];
    /** x (1 - (z / c)^2) for the logits of these log-probabilities. */
    const bent = (x: Value, logarithms: Value): Value => {
      if (softcap === null) return x;
      const ratio = g.scale(g.add(logarithms, total!), 1 / softcap);
      return g.sub(x, g.mul(x, g.mul(ratio, ratio)));
    };
    const expected = g.matmul(bent(g.exp(logprobs!), logprobs!), embedding);
    const direction = g.sub(bent(g.gather(embedding, labels), logp!), expected);
    return [needed(hidden, () => g.mul(direction, dy)), null, null];
  },
};

/**
 * What of the forward pass is computed anew for the backward pass: gates, gated products and norms are a pass over what is kept
 * anyway, and to keep them, too, would take a third more memory. Each is written in another way than forward: ONNX Runtime
 * merges what is the same.
 */
function recalling(graph: Graph): (node: GraphNode) => GraphNode {
  const known = new Map<number, Value>();
  const made = (value: Value): Value => {
    const { operation, inputs, outputs } = graph.producer(value);
    if (operation === 'silu') return graph.mul(inputs[0]!, graph.sigmoid(inputs[0]!));
    if (operation === 'rmsNorm') return graph.mul(graph.mul(inputs[0]!, outputs[1]!), inputs[1]!);
    if (operation !== 'mul') return value;
    const [a, b] = inputs.map(recall) as [Value, Value];
    return a === inputs[0] && b === inputs[1] ? value : graph.mul(a, b);
  };
  const recall = (value: Value): Value => {
    const result = known.get(value.id) ?? made(value);
    known.set(value.id, result);
    return result;
  };
  return (node) => {
    if (node.operation === 'silu') return { ...node, outputs: node.outputs.map(recall) };
    if (node.operation !== 'matmul' && node.operation !== 'mul') return node;
    // A factor is needed for the gradient of the other.
    const [a, b] = node.inputs as [Value, Value];
    return { ...node, inputs: [b.differentiable ? recall(a) : a, a.differentiable ? recall(b) : b] };
  };
}

/**
 * Adds the gradients of `loss` (a scalar) to the graph.
 * @returns the gradient of each differentiable `input`, by its name.
 */
export function addGradients(graph: Graph, loss: Value): Map<string, Value> {
  if (loss.shape.length !== 0) throw new TypeError('the loss must be a scalar');
  const forward = [...graph.nodes];
  const gradients = new Map<number, Value>([[loss.id, graph.constant([1], [])]]);
  const parameters = new Map<string, Value>();
  const recalled = recalling(graph);
  for (const node of forward.reverse()) {
    if (!node.outputs.some((output) => gradients.has(output.id))) continue;
    if (node.operation === 'input') {
      const gradient = gradients.get(node.outputs[0]!.id);
      if (node.attributes.parameter && gradient) parameters.set(node.attributes.name, gradient);
      continue;
    }
    if (!node.inputs.some((input) => input.differentiable)) continue;
    const rule = RULES[node.operation] as Rule<OperationName> | 'no gradient';
    if (rule === 'no gradient')
      throw new TypeError(`the loss depends on '${node.operation}', which has no gradient`);
    const incoming = node.outputs.map((output) => gradients.get(output.id) ?? null);
    rule(graph, recalled(node), incoming).forEach((gradient, i) => {
      const input = node.inputs[i] as Value;
      if (!gradient || !input.differentiable) return;
      const sum = gradients.get(input.id);
      gradients.set(input.id, sum ? graph.add(sum, gradient) : gradient);
    });
  }
  return parameters;
}
