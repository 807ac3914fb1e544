/**
 * The encoder's graph for ONNX Runtime: BERT's layers over one text (no padding, so no mask), the mean over its tokens and a
 * linear head. Input: `x` (T, D), summed embeddings before their norm. Output: `z` (1, outputs).
 */
import { attribute, DATA_TYPES, encodeModel, type OnnxNode } from '../engine/onnx.ts';

export interface EncoderShape {
  readonly layers: number;
  readonly heads: number;
  /** D */
  readonly size: number;
  readonly outputs: readonly string[];
}

export interface Matrix {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** (rows, columns) -> (columns, rows) */
function transposed({ shape, data }: Matrix): Matrix {
  const [rows = 0, columns = 0] = shape;
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j] as number;
  return { shape: [columns, rows], data: out };
}

function stacked(parts: readonly Matrix[]): Matrix {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  const [first] = parts;
  const rows = parts.reduce((sum, part) => sum + (part.shape[0] as number), 0);
  return { shape: [rows, ...(first?.shape.slice(1) ?? [])], data };
}

const scaled = ({ shape, data }: Matrix, factor: number): Matrix => ({
  shape,
  data: data.map((one) => one * factor),
});

/** The model file, and the weights that are handed over beside it. */
export function encoderModel(
  { layers, heads, size, outputs }: EncoderShape,
  tensor: (name: string) => Matrix,
): { model: Uint8Array; externalData: { path: string; data: Uint8Array }[] } {
  const node: OnnxNode[] = [];
  const weights = new Map<string, Matrix>();
  const shapes = new Map<string, readonly number[]>();
  let count = 0;
  const emit = (
    opType: string,
    input: readonly string[],
    attributes: OnnxNode['attribute'] = [],
    parts = 1,
    domain?: string,
  ): string[] => {
    const output = Array.from({ length: parts }, () => `v${count++}`);
    node.push({ opType, input, output, attribute: attributes, ...(domain === undefined ? {} : { domain }) });
    return output;
  };
  const one = (...call: Parameters<typeof emit>): string => emit(...call)[0] as string;
  const weight = (name: string, matrix: Matrix): string => {
    weights.set(name, matrix);
    return name;
  };
  const reshape = (x: string, shape: readonly number[]): string => {
    const name = `shape:${shape.join(',')}`;
    shapes.set(name, shape);
    return one('Reshape', [x, name]);
  };
  const norm = (x: string, name: string): string =>
    one(
      'LayerNormalization',
      [x, weight(`${name}.weight`, tensor(`${name}.weight`)), weight(`${name}.bias`, tensor(`${name}.bias`))],
      [attribute('axis', -1), attribute('epsilon', { float: 1e-12 })],
    );
  const linear = (x: string, name: string, matrix: Matrix, bias: Matrix): string =>
    one('Add', [one('MatMul', [x, weight(`${name}.t`, transposed(matrix))]), weight(`${name}.b`, bias)]);
  const dense = (x: string, name: string): string =>
    linear(x, name, tensor(`${name}.weight`), tensor(`${name}.bias`));

  let x = norm('x', 'embeddings.LayerNorm');
  for (let i = 0; i < layers; i++) {
    const at = `encoder.layer.${i}`;
    const self = (kind: string) =>
      ['query', 'key', 'value'].map((name) => {
        const matrix = tensor(`${at}.attention.self.${name}.${kind}`);
        // q k^T / sqrt(d): the factor goes into the query.
        return name === 'query' ? scaled(matrix, (size / heads) ** -0.5) : matrix;
      });
    const joined = linear(x, `${at}.qkv`, stacked(self('weight')), stacked(self('bias'))); // (T, 3D)
    const parts = one(
      'Transpose',
      [reshape(joined, [-1, 3, heads, size / heads])],
      [attribute('perm', [1, 2, 0, 3])],
    );
    const [q = '', k = '', v = ''] = emit('Split', [parts], [attribute('axis', 0)], 3); // each (1, heads, T, d)
    const keys = one('Transpose', [k], [attribute('perm', [0, 1, 3, 2])]);
    const shares = one('Softmax', [one('MatMul', [q, keys])], [attribute('axis', -1)]);
    const mixed = one('Transpose', [one('MatMul', [shares, v])], [attribute('perm', [0, 2, 1, 3])]);
    const attended = dense(reshape(mixed, [-1, size]), `${at}.attention.output.dense`);
    x = norm(one('Add', [x, attended]), `${at}.attention.output.LayerNorm`);
    const inner = one('Gelu', [dense(x, `${at}.intermediate.dense`)], [], 1, 'com.microsoft');
    x = norm(one('Add', [x, dense(inner, `${at}.output.dense`)]), `${at}.output.LayerNorm`);
  }
  const mean = one('ReduceMean', [x], [attribute('axes', [0])]); // (1, D)
  node.push({ opType: 'Identity', input: [dense(mean, 'head')], output: ['z'], attribute: [] });

  const value = (name: string, dim: readonly Record<string, unknown>[]) => ({
    name,
    type: { tensorType: { elemType: DATA_TYPES.float32, shape: { dim } } },
  });
  const bytes = ({ data }: Matrix) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const model = encodeModel({
    node,
    initializer: [
      ...[...shapes].map(([name, shape]) => ({
        name,
        dims: [shape.length],
        dataType: DATA_TYPES.int64,
        rawData: new Uint8Array(BigInt64Array.from(shape, BigInt).buffer),
      })),
      ...[...weights].map(([name, { shape }]) => ({
        name,
        dims: shape,
        dataType: DATA_TYPES.float32,
        dataLocation: 1 as const,
        externalData: [{ key: 'location', value: name }],
      })),
    ],
    input: [value('x', [{ dimParam: 'T' }, { dimValue: size }])],
    output: [value('z', [{ dimValue: 1 }, { dimValue: outputs.length }])],
  });
  return { model, externalData: [...weights].map(([path, matrix]) => ({ path, data: bytes(matrix) })) };
}
