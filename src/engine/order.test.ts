import { expect, test } from 'vitest';
import type { OnnxNode } from './onnx.ts';
import { byDepth } from './order.ts';

const node = (output: string, ...input: string[]): OnnxNode => ({
  opType: 'X',
  input,
  output: [output],
  domain: '',
  attribute: [],
});

test('by depth, then the ends from the deepest to the nearest', () => {
  // y needs the long way a, b, c and what is made anew of x; e1 and e2 are results that nothing reads.
  const nodes = [
    node('e1', 'x'),
    node('again', 'x'),
    node('a', 'x'),
    node('b', 'a'),
    node('e2', 'b'),
    node('c', 'b'),
    node('y', 'c', 'again'),
  ];
  expect(byDepth(nodes).map(({ output: [name] }) => name)).toEqual(['again', 'a', 'b', 'c', 'y', 'e2', 'e1']);
});
