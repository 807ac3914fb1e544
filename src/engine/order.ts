/**
 * The order of a graph's nodes for ONNX Runtime. It walks back from the nodes without a successor, the last of them first, and
 * from each node to its inputs, the one with the largest index first; what the walk leaves first runs first.
 */
import type { OnnxNode } from './onnx.ts';

/**
 * By depth, the length of the longest way from an input, so that the long way is walked first: what a gradient computes anew
 * from the forward pass is computed where it is needed, and not held from there on. Ends come last, the deepest first, so that
 * each runs as soon as it can and what it needs is let go.
 */
export function byDepth(nodes: readonly OnnxNode[]): OnnxNode[] {
  const depths = new Map<string, number>();
  const used = new Set(nodes.flatMap(({ input }) => input));
  const placed = nodes.map((node) => {
    const depth = 1 + Math.max(0, ...node.input.map((name) => depths.get(name) ?? 0));
    for (const name of node.output) depths.set(name, depth);
    return { node, depth, end: !node.output.some((name) => used.has(name)) };
  });
  return placed
    .sort((a, b) => Number(a.end) - Number(b.end) || (a.end ? b.depth - a.depth : a.depth - b.depth))
    .map(({ node }) => node);
}
