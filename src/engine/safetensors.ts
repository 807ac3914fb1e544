/** The safetensors container: u64 header length, JSON header, raw little-endian data. */
import { fstatSync } from 'node:fs';
import { TemperError } from '../core/errors.ts';
import { dequantize } from './dequantize.ts';
import { readBytes, withFile } from './file.ts';

export interface TensorData {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const READABLE: Readonly<Record<string, 'F32' | 'F16' | 'BF16'>> = { F32: 'F32', F16: 'F16', BF16: 'BF16' };
const MAX_HEADER = 100 << 20;

export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Record<string, string>,
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  const names = [...tensors.keys()].sort();
  for (const name of names) {
    const { shape, data } = tensors.get(name) as TensorData;
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  let text = JSON.stringify(header);
  text += ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8);
  const head = Buffer.from(text);
  const file = new Uint8Array(8 + head.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true);
  file.set(head, 8);
  let at = 8 + head.length;
  for (const name of names) {
    const { data } = tensors.get(name) as TensorData;
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
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
