/** The safetensors container: u64 header length, JSON header, raw little-endian data. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { TemperError } from '../core/errors.ts';
import { dequantize } from './dequantize.ts';

export interface TensorData {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const READABLE: Readonly<Record<string, 'F32' | 'F16' | 'BF16'>> = { F32: 'F32', F16: 'F16', BF16: 'BF16' };
const MAX_HEADER = 100 << 20;

const bytesOf = (data: Float32Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Length and JSON header for float32 tensors in the order of their names, and where each begins behind it. */
function layout(shapes: ReadonlyMap<string, readonly number[]>, metadata: Record<string, string>) {
  const header: Record<string, unknown> = { __metadata__: metadata };
  const offsets = new Map<string, number>();
  let length = 0;
  for (const name of [...shapes.keys()].sort()) {
    const shape = shapes.get(name) as readonly number[];
    const end = length + shape.reduce((a, b) => a * b, 1) * 4;
    header[name] = { dtype: 'F32', shape, data_offsets: [length, end] };
    offsets.set(name, length);
    length = end;
  }
  let text = JSON.stringify(header);
  text += ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8);
  const json = Buffer.from(text);
  const head = new Uint8Array(8 + json.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(json.length), true);
  head.set(json, 8);
  return { head, offsets, length };
}

export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Record<string, string>,
): Uint8Array {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const { head, offsets, length } = layout(shapes, metadata);
  const file = new Uint8Array(head.length + length);
  file.set(head);
  for (const [name, at] of offsets) file.set(bytesOf(tensors.get(name)!.data), head.length + at);
  return file;
}

/** The same to a file, one tensor in memory at a time. */
export function writeSafetensors(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  dataOf: (name: string) => Float32Array,
  metadata: Record<string, string>,
): void {
  const { head, offsets } = layout(shapes, metadata);
  const fd = openSync(path, 'w');
  try {
    writeAll(fd, head, 0);
    for (const [name, at] of offsets) writeAll(fd, bytesOf(dataOf(name)), head.length + at);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(fd, bytes, done, Math.min(bytes.length - done, 1 << 30), position + done);
}

/** All tensors as float32. Errors: `model`, naming `source`. */
export function decodeSafetensors(file: Uint8Array, source: string): Map<string, TensorData> {
  const fail = (what: string): TemperError =>
    new TemperError('model', `${source}: not a safetensors file: ${what}`, {
      hint: 'The file is truncated or damaged.',
    });
  if (file.length < 8) throw fail('shorter than its header');
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER || 8 + length > file.length) throw fail('the header is longer than the file');
  let header: Record<string, { dtype?: unknown; shape?: unknown; data_offsets?: unknown }>;
  try {
    header = JSON.parse(Buffer.from(file.subarray(8, 8 + length)).toString('utf8')) as typeof header;
  } catch {
    throw fail('the header is not JSON');
  }
  if (typeof header !== 'object' || header === null) throw fail('the header is not an object');
  const tensors = new Map<string, TensorData>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: offsets } = entry ?? {};
    const type = READABLE[String(dtype)];
    if (!type) throw fail(`tensor '${name}' has the type ${String(dtype)} (F32, F16 and BF16 are readable)`);
    const whole = (list: unknown): list is number[] =>
      Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
    if (!whole(shape) || !whole(offsets) || offsets.length !== 2)
      throw fail(`tensor '${name}' has no shape or offsets`);
    const [start, end] = offsets as [number, number];
    const bytes = shape.reduce((a, b) => a * b, 1) * (type === 'F32' ? 4 : 2);
    if (end - start !== bytes || 8 + length + end > file.length)
      throw fail(`the data of tensor '${name}' lies outside the file`);
    tensors.set(name, { shape, data: dequantize(type, file.subarray(8 + length + start, 8 + length + end)) });
  }
  return tensors;
}
