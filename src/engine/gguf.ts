/**
 * Reader of GGUF files, versions 2 and 3 (format: ggml/docs/gguf.md). Every length is checked against the bytes
 * that are there before anything is allocated, so a truncated or hostile file ends in a named error.
 */
import { fstatSync, readSync } from 'node:fs';
import { TemperError } from '../core/errors.ts';
import { BLOCK_TYPES, type BlockTypeName } from './dequantize.ts';
import { readBytes, withFile } from './file.ts';
import { Settings, type Values } from './settings.ts';

export type GgufValue = number | bigint | boolean | string | GgufValue[];

export interface GgufTensor {
  readonly name: string;
  readonly type: BlockTypeName;
  /** Row-major, outermost first: `[out, in]` for a linear layer (GGUF itself stores them reversed). */
  readonly shape: readonly number[];
  /** Position in the file, bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface Gguf {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

const MAGIC = 0x46554747; // 'GGUF'
const MAX_DIMENSIONS = 4;
const MAX_DEPTH = 4;
const CHUNK = 1 << 20;

const invalid = (path: string, what: string): TemperError =>
  new TemperError('model', `${path}: ${what}`, {
    hint: 'The file is truncated, damaged or not GGUF; fetch it again (temper models verify).',
  });

/** Sequential little-endian reads from a file; each read says what it was for when bytes are missing. */
class Cursor {
  position = 0;
  readonly size: number;
  readonly #path: string;
  readonly #fd: number;
  #buffer = Buffer.alloc(0);
  #start = 0;

  constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
    this.size = fstatSync(fd).size;
  }

  fail(what: string): TemperError {
    return invalid(this.#path, `${what} (at byte ${this.position} of ${this.size})`);
  }

  /** Bytes that are left after the cursor. */
  get left(): number {
    return this.size - this.position;
  }

  bytes(length: number, what: string): Buffer {
    if (length > this.left) throw this.fail(`the file ends inside ${what}`);
    let at = this.position - this.#start;
    if (at < 0 || at + length > this.#buffer.length) {
      const wanted = Math.min(this.left, Math.max(length, CHUNK));
      this.#buffer = Buffer.alloc(wanted);
      this.#start = this.position;
      let got = 0;
      while (got < wanted) {
        const n = readSync(this.#fd, this.#buffer, got, wanted - got, this.#start + got);
        if (n === 0) throw this.fail(`the file ends inside ${what}`);
        got += n;
      }
      at = 0;
    }
    this.position += length;
    return this.#buffer.subarray(at, at + length);
  }

  u32 = (what: string): number => this.bytes(4, what).readUInt32LE();

  /** A 64-bit count; one that cannot be true of this file is an error. */
  count(what: string, bytesEach: number): number {
    const value = this.bytes(8, what).readBigUInt64LE();
    if (value * BigInt(bytesEach) > BigInt(this.left)) {
      throw this.fail(`${what} is ${value}, more than the file can hold`);
    }
    return Number(value);
  }

  string = (what: string): string => this.bytes(this.count(`length of ${what}`, 1), what).toString('utf8');
}

interface Scalar {
  readonly bytes: number;
  read(at: Buffer): GgufValue;
}

/** Metadata value types by their number in the format; 8 is string, 9 is array. */
const SCALARS: Readonly<Record<number, Scalar>> = {
  0: { bytes: 1, read: (b) => b.readUInt8() },
  1: { bytes: 1, read: (b) => b.readInt8() },
  2: { bytes: 2, read: (b) => b.readUInt16LE() },
  3: { bytes: 2, read: (b) => b.readInt16LE() },
  4: { bytes: 4, read: (b) => b.readUInt32LE() },
  5: { bytes: 4, read: (b) => b.readInt32LE() },
  6: { bytes: 4, read: (b) => b.readFloatLE() },
  7: { bytes: 1, read: (b) => b.readUInt8() !== 0 },
  10: { bytes: 8, read: (b) => b.readBigUInt64LE() },
  11: { bytes: 8, read: (b) => b.readBigInt64LE() },
  12: { bytes: 8, read: (b) => b.readDoubleLE() },
};

function readValue(cursor: Cursor, type: number, key: string, depth = 0): GgufValue {
  const scalar = SCALARS[type];
  if (scalar) return scalar.read(cursor.bytes(scalar.bytes, key));
  if (type === 8) return cursor.string(key);
  if (type !== 9 || depth >= MAX_DEPTH) throw cursor.fail(`'${key}' has the unknown value type ${type}`);
  const elementType = cursor.u32(key);
  const smallest = SCALARS[elementType]?.bytes ?? (elementType === 8 ? 8 : 12);
  const length = cursor.count(`length of '${key}'`, smallest);
  const values: GgufValue[] = [];
  for (let i = 0; i < length; i++) values.push(readValue(cursor, elementType, key, depth + 1));
  return values;
}

function readTensor(cursor: Cursor): GgufTensor {
  const name = cursor.string('a tensor name');
  const rank = cursor.u32(`rank of ${name}`);
  if (rank < 1 || rank > MAX_DIMENSIONS) throw cursor.fail(`tensor '${name}' has ${rank} dimensions`);
  const shape: number[] = [];
  let elements = 1;
  for (let i = 0; i < rank; i++) {
    const dimension = Number(cursor.bytes(8, `shape of ${name}`).readBigUInt64LE());
    elements *= dimension;
    if (dimension < 1 || !Number.isSafeInteger(elements))
      throw cursor.fail(`tensor '${name}' has a bad shape`);
    shape.unshift(dimension);
  }
  const typeNumber = cursor.u32(`type of ${name}`);
  const entry = Object.entries(BLOCK_TYPES).find(([, block]) => block.number === typeNumber);
  if (!entry) {
    throw new TemperError(
      'model',
      `tensor '${name}' has the quantisation type ${typeNumber}, which temper cannot read`,
      {
        hint: `Readable types: ${Object.keys(BLOCK_TYPES).join(', ')}. Convert the file to one of them.`,
      },
    );
  }
  const [type, block] = entry as [BlockTypeName, (typeof BLOCK_TYPES)[BlockTypeName]];
  const row = shape[rank - 1] as number;
  if (row % block.elements !== 0) {
    throw cursor.fail(
      `tensor '${name}' has rows of ${row} elements, not a multiple of the block of ${block.elements}`,
    );
  }
  const offset = Number(cursor.bytes(8, `offset of ${name}`).readBigUInt64LE());
  return { name, type, shape, offset, byteLength: (elements / block.elements) * block.bytes };
}

/** Reads metadata and the tensor directory; tensor data is read on demand by `readTensorBytes`. */
export function readGguf(path: string): Gguf {
  return withFile(path, (fd) => {
    const cursor = new Cursor(path, fd);
    if (cursor.size < 24 || cursor.u32('the magic number') !== MAGIC) throw invalid(path, 'not a GGUF file');
    const version = cursor.u32('the version');
    if (version !== 2 && version !== 3)
      throw cursor.fail(`GGUF version ${version} is not known (2 and 3 are)`);
    const tensorCount = cursor.count('number of tensors', 24);
    const keyCount = cursor.count('number of metadata keys', 13);
    const metadata = new Map<string, GgufValue>();
    for (let i = 0; i < keyCount; i++) {
      const key = cursor.string('a metadata key');
      metadata.set(key, readValue(cursor, cursor.u32(`type of '${key}'`), key));
    }
    const relative: GgufTensor[] = [];
    for (let i = 0; i < tensorCount; i++) relative.push(readTensor(cursor));
    const alignment = Number(metadata.get('general.alignment') ?? 32);
    if (!Number.isInteger(alignment) || alignment < 1 || alignment > 1 << 16) {
      throw cursor.fail(`the alignment ${alignment} makes no sense`);
    }
    const dataStart = Math.ceil(cursor.position / alignment) * alignment;
    const tensors = new Map<string, GgufTensor>();
    for (const tensor of relative) {
      const offset = dataStart + tensor.offset;
      if (!Number.isSafeInteger(offset) || offset + tensor.byteLength > cursor.size) {
        throw cursor.fail(`the data of tensor '${tensor.name}' lies outside the file`);
      }
      if (tensors.has(tensor.name)) throw cursor.fail(`tensor '${tensor.name}' appears twice`);
      tensors.set(tensor.name, { ...tensor, offset });
    }
    // Small files must not become large models: no two tensors share bytes.
    if (relative.reduce((sum, { byteLength }) => sum + byteLength, dataStart) > cursor.size)
      throw cursor.fail('its tensors overlap');
    return { path, metadata, tensors };
  });
}

/** The metadata, for reading with checks; 64-bit numbers become plain ones. */
export function metadataSettings(gguf: Gguf): Settings {
  const plain = [...gguf.metadata].map(([key, value]) => [
    key,
    typeof value === 'bigint' ? Number(value) : value,
  ]);
  return new Settings(gguf.path, Object.fromEntries(plain) as Values);
}

/** The raw bytes of one tensor. */
export const readTensorBytes = (path: string, tensor: GgufTensor): Uint8Array =>
  withFile(path, (fd) => readBytes(path, fd, tensor.offset, tensor.byteLength));
