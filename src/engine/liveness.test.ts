import { expect, test } from 'vitest';
import { Graph } from './graph.ts';
import { dimensionSizes, peakBytes } from './liveness.ts';

test('what is alive at once: operands until their last use, results to the end, reshaped values once', () => {
  const graph = new Graph();
  const x = graph.input('x', ['N', 4]);
  const w = graph.weight('w', [4, 4]);
  const a = graph.matmul(x, w); // N x 4
  const b = graph.matmul(a, w); // a and b: 8 N floats
  const c = graph.reshape(graph.exp(b), [4, 'N']); // over b
  graph.output('c', c);
  const d = graph.matmul(c, a); // the third of 4 N, 4 N and 16
  graph.output('d', d);
  const sizes = dimensionSizes(graph, { x: { dims: [10, 4] } });
  expect(sizes.get('N')).toBe(10);
  expect(peakBytes(graph, sizes)).toBe(4 * (40 + 40 + 16));
});

test('the logits are counted beside their log-probabilities; products and sums of dimensions', () => {
  const graph = new Graph();
  const hidden = graph.input('hidden', ['M', 2]);
  const table = graph.weight('table', [5, 2]);
  const [logp] = graph.tokenLogprobs(hidden, table, graph.input('labels', ['M'], 'int64'));
  graph.output('logp', logp);
  expect(peakBytes(graph, new Map([['M', 3]]))).toBe(4 * (3 + 15 + 15));
  const joined = new Graph();
  const [p, q] = [joined.input('p', ['B*T', 2]), joined.input('q', ['S', 2])];
  joined.output('pq', joined.concat(0, [p, q]));
  const sizes = new Map([
    ['B', 2],
    ['T', 3],
    ['S', 4],
  ]);
  expect(peakBytes(joined, sizes)).toBe(4 * 2 * (6 + 4));
});
