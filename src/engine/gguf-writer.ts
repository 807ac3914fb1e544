/** Writer of GGUF files, version 3 (format: ggml/docs/gguf.md), for float32 tensors. */
import { writeWhole } from '../core/files.ts';
import type { TensorData } from './safetensors.ts';

export type GgufEntry =
  | readonly [key: string, type: 'string', value: string]
  | readonly [key: string, type: 'u32' | 'f32', value: number]
  | readonly [key: string, type: 'strings', value: readonly string[]]
  | readonly [key: string, type: 'i32s', value: readonly number[]];

const ALIGNMENT = 32;
/** Types of metadata values. */
const TYPES = { u32: 4, i32: 5, f32: 6, string: 8, array: 9 } as const;
const F32 = 0;

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
};
const f32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};
const i32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const list = (type: number, items: readonly Buffer[]): Buffer =>
  Buffer.concat([u32(TYPES.array), u32(type), u64(items.length), ...items]);
const padding = (length: number): Buffer => Buffer.alloc((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);

function encodeEntry(entry: GgufEntry): Buffer {
  const [key, type, value] = entry;
  switch (type) {
    case 'string':
      return Buffer.concat([text(key), u32(TYPES.string), text(value)]);
    case 'u32':
      return Buffer.concat([text(key), u32(TYPES.u32), u32(value)]);
    case 'f32':
      return Buffer.concat([text(key), u32(TYPES.f32), f32(value)]);
    case 'strings':
      return Buffer.concat([text(key), list(TYPES.string, value.map(text))]);
    case 'i32s':
      return Buffer.concat([text(key), list(TYPES.i32, value.map(i32))]);
  }
}

/** The file is there whole or not at all. Shapes are row-major, outermost first, as in `Gguf`. Errors: `resource`. */
export function writeGguf(
  path: string,
  metadata: readonly GgufEntry[],
  tensors: ReadonlyMap<string, TensorData>,
): void {
  const infos: Buffer[] = [];
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    const dimensions = shape.toReversed().map(u64);
    infos.push(Buffer.concat([text(name), u32(shape.length), ...dimensions, u32(F32), u64(offset)]));
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const rest = padding(bytes.length);
    parts.push(bytes, rest);
    offset += bytes.length + rest.length;
  }
  const entries = metadata.map(encodeEntry);
  const counts = Buffer.concat([u64(tensors.size), u64(metadata.length)]);
  const head = Buffer.concat([Buffer.from('GGUF'), u32(3), counts, ...entries, ...infos]);
  writeWhole(path, Buffer.concat([head, padding(head.length), ...parts]));
}
