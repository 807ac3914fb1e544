/** The safetensors container: u64 header length, JSON header, raw little-endian data. */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { TemperError } from '../core/errors.ts';
import { dequantize } from './dequantize.ts';
import { readBytes, withFile } from './file.ts';

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

/** One tensor of a file, by the header. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly type: 'F32' | 'F16' | 'BF16';
  readonly shape: readonly number[];
  /** Position in the file, bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

const failure = (source: string, what: string): TemperError =>
  new TemperError('model', `${source}: not a safetensors file: ${what}`, {
    hint: 'The file is truncated or damaged.',
  });

const whole = (list: unknown): list is number[] =>
  Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);

/**
 * The entries of a file of `size` bytes. `read` gives bytes of it, and is asked only for what lies inside.
 * Errors: `model`, naming `source`.
 */
function readEntries(
  source: string,
  size: number,
  read: (offset: number, length: number) => Uint8Array,
): SafetensorsEntry[] {
  const fail = (what: string): TemperError => failure(source, what);
  if (size < 8) throw fail('shorter than its header');
  const first = read(0, 8);
  const length = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER || 8 + length > size) throw fail('the header is longer than the file');
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(read(8, length)).toString('utf8'));
  } catch {
    throw fail('the header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw fail('the header is not an object');
  const entries: SafetensorsEntry[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
    const type = Object.hasOwn(READABLE, String(dtype)) ? READABLE[String(dtype)] : undefined;
    if (!type) throw fail(`tensor '${name}' has the type ${String(dtype)} (F32, F16 and BF16 are readable)`);
    if (!whole(shape) || !whole(offsets) || offsets.length !== 2)
      throw fail(`tensor '${name}' has no shape or offsets`);
    const [start, end] = offsets as [number, number];
    const byteLength = shape.reduce((a, b) => a * b, 1) * (type === 'F32' ? 4 : 2);
    if (end - start !== byteLength || 8 + length + end > size)
      throw fail(`the data of tensor '${name}' lies outside the file`);
    entries.push({ name, type, shape, offset: 8 + length + start, byteLength });
  }
  // Small files must not become large models: no two tensors share bytes.
  if (entries.reduce((sum, entry) => sum + entry.byteLength, 8 + length) > size)
    throw fail('its tensors overlap');
  return entries;
}

/** All tensors as float32. Errors: `model`, naming `source`. */
export function decodeSafetensors(file: Uint8Array, source: string): Map<string, TensorData> {
  const read = (offset: number, length: number): Uint8Array => file.subarray(offset, offset + length);
  const entries = readEntries(source, file.length, read);
  return new Map(
    entries.map(({ name, type, shape, offset, byteLength }) => [
      name,
      { shape, data: dequantize(type, read(offset, byteLength)) },
    ]),
  );
}

/** The header of a file; the data stays on disk. Errors: `model`, naming the file. */
export function readSafetensorsHeader(path: string): SafetensorsEntry[] {
  return withFile(path, (fd) =>
    readEntries(path, fstatSync(fd).size, (offset, length) => readBytes(path, fd, offset, length)),
  );
}

/** The float32 values of one tensor of a file. */
export function readSafetensor(path: string, { type, offset, byteLength }: SafetensorsEntry): Float32Array {
  return dequantize(
    type,
    withFile(path, (fd) => readBytes(path, fd, offset, byteLength)),
  );
}
