/**
 * Block formats of GGUF tensors and their conversion to float32 (layouts: ggml-common.h; `d` scale, `m` minimum,
 * `q` quants). A row is a whole number of blocks. Here floats and blocks of 32; those of 256: `superblocks.ts`.
 */

import { type BlockType, halfTable } from './block-type.ts';
import { SUPERBLOCK_TYPES } from './superblocks.ts';

/** The 16 values that a nibble of IQ4_NL stands for. */
const NONLINEAR = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] as const;

/** Quant `j` of Q5_0 and Q5_1: a fifth bit from the 32 at `at`, a nibble from the 16 bytes after them. */
function fiveBits(source: DataView, at: number, j: number): number {
  const high = (source.getUint32(at, true) >>> j) & 1;
  const low = (source.getUint8(at + 4 + (j & 15)) >> (j < 16 ? 0 : 4)) & 15;
  return low | (high << 4);
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
  Q5_0: {
    number: 6,
    elements: 32,
    bytes: 22, // d f16, 32 fifth bits, 16 bytes of nibbles; x = d (q - 16)
    decode(source, target, blocks) {
      const half = halfTable();
      for (let block = 0; block < blocks; block++) {
        const at = block * 22;
        const d = half[source.getUint16(at, true)] as number;
        for (let j = 0; j < 32; j++) target[block * 32 + j] = d * (fiveBits(source, at + 2, j) - 16);
      }
    },
  },
  Q5_1: {
    number: 7,
    elements: 32,
    bytes: 24, // d f16, m f16, 32 fifth bits, 16 bytes of nibbles; x = d q + m
    decode(source, target, blocks) {
      const half = halfTable();
      for (let block = 0; block < blocks; block++) {
        const at = block * 24;
        const d = half[source.getUint16(at, true)] as number;
        const m = half[source.getUint16(at + 2, true)] as number;
        for (let j = 0; j < 32; j++) target[block * 32 + j] = d * fiveBits(source, at + 4, j) + m;
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
  ...SUPERBLOCK_TYPES,
  IQ4_NL: {
    number: 20,
    elements: 32,
    bytes: 18, // d f16, 16 bytes of nibbles; x = d NONLINEAR[q]
    decode(source, target, blocks) {
      const half = halfTable();
      for (let block = 0; block < blocks; block++) {
        const at = block * 18;
        const d = half[source.getUint16(at, true)] as number;
        for (let j = 0; j < 32; j++) {
          const q = (source.getUint8(at + 2 + (j & 15)) >> (j < 16 ? 0 : 4)) & 15;
          target[block * 32 + j] = d * (NONLINEAR[q] as number);
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
