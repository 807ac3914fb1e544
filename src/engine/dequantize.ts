/**
 * Block formats of GGUF tensors and their conversion to float32 (layouts: ggml-common.h; `d` scale, `m` minimum,
 * `q` quants). A row is a whole number of blocks.
 */

interface BlockType {
  /** ggml_type. */
  readonly number: number;
  /** Elements of one block. */
  readonly elements: number;
  /** Bytes of one block. */
  readonly bytes: number;
  /** Writes the floats of `blocks` blocks. */
  decode(source: DataView, target: Float32Array, blocks: number): void;
}

/** IEEE 754 half precision, by table: 65,536 floats, filled on first use. */
let halves: Float32Array | undefined;
function halfTable(): Float32Array {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) halves[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) halves[bits] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else halves[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return halves;
}

export const BLOCK_TYPES = {
  F32: {
    number: 0,
    elements: 1,
    bytes: 4,
    decode(source, target, blocks) {
      for (let i = 0; i < blocks; i++) target[i] = source.getFloat32(i * 4, true);
    },
  },
  F16: {
    number: 1,
    elements: 1,
    bytes: 2,
    decode(source, target, blocks) {
      const half = halfTable();
      for (let i = 0; i < blocks; i++) target[i] = half[source.getUint16(i * 2, true)] as number;
    },
  },
  Q4_0: {
    number: 2,
    elements: 32,
    bytes: 18, // d f16, 16 bytes of nibbles; x = d (q - 8)
    decode(source, target, blocks) {
      const half = halfTable();
      for (let block = 0; block < blocks; block++) {
        const at = block * 18;
        const out = block * 32;
        const d = half[source.getUint16(at, true)] as number;
        for (let j = 0; j < 16; j++) {
          const q = source.getUint8(at + 2 + j);
          target[out + j] = d * ((q & 15) - 8);
          target[out + j + 16] = d * ((q >> 4) - 8);
        }
      }
    },
  },
  Q4_1: {
    number: 3,
    elements: 32,
    bytes: 20, // d f16, m f16, 16 bytes of nibbles; x = d q + m
    decode(source, target, blocks) {
      const half = halfTable();
      for (let block = 0; block < blocks; block++) {
        const at = block * 20;
        const out = block * 32;
        const d = half[source.getUint16(at, true)] as number;
        const m = half[source.getUint16(at + 2, true)] as number;
        for (let j = 0; j < 16; j++) {
          const q = source.getUint8(at + 4 + j);
          target[out + j] = d * (q & 15) + m;
          target[out + j + 16] = d * (q >> 4) + m;
        }
      }
    },
  },
  Q8_0: {
    number: 8,
    elements: 32,
    bytes: 34, // d f16, 32 signed bytes; x = d q
    decode(source, target, blocks) {
      const half = halfTable();
      for (let block = 0; block < blocks; block++) {
        const at = block * 34;
        const d = half[source.getUint16(at, true)] as number;
        for (let j = 0; j < 32; j++) target[block * 32 + j] = d * source.getInt8(at + 2 + j);
      }
    },
  },
  Q6_K: {
    number: 14,
    elements: 256,
    bytes: 210, // 128 bytes low nibbles, 64 bytes high pairs, 16 signed scales, d f16; x = d scale (q - 32)
    decode(source, target, blocks) {
      const half = halfTable();
      for (let block = 0; block < blocks; block++) {
        const at = block * 210;
        const d = half[source.getUint16(at + 208, true)] as number;
        for (let part = 0; part < 2; part++) {
          const low = at + part * 64;
          const high = at + 128 + part * 32;
          const scales = at + 192 + part * 8;
          const out = block * 256 + part * 128;
          for (let l = 0; l < 32; l++) {
            const pairs = source.getUint8(high + l);
            const a = source.getUint8(low + l);
            const b = source.getUint8(low + l + 32);
            const group = l >> 4;
            const scale = (k: number): number => d * source.getInt8(scales + group + k);
            target[out + l] = scale(0) * (((a & 15) | ((pairs & 3) << 4)) - 32);
            target[out + l + 32] = scale(2) * (((b & 15) | (((pairs >> 2) & 3) << 4)) - 32);
            target[out + l + 64] = scale(4) * (((a >> 4) | (((pairs >> 4) & 3) << 4)) - 32);
            target[out + l + 96] = scale(6) * (((b >> 4) | ((pairs >> 6) << 4)) - 32);
          }
        }
      }
    },
  },
  BF16: {
    number: 30,
    elements: 1,
    bytes: 2,
    decode(source, target, blocks) {
      const bits = new Uint32Array(target.buffer, target.byteOffset, blocks);
      for (let i = 0; i < blocks; i++) bits[i] = source.getUint16(i * 2, true) << 16;
    },
  },
} satisfies Record<string, BlockType>;

export type BlockTypeName = keyof typeof BLOCK_TYPES;

/** The float32 values of a tensor stored as `type`. */
export function dequantize(type: BlockTypeName, bytes: Uint8Array): Float32Array {
  const block: BlockType = BLOCK_TYPES[type];
  const blocks = Math.floor(bytes.byteLength / block.bytes);
  const target = new Float32Array(blocks * block.elements);
  block.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), target, blocks);
  return target;
}
