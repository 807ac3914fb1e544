/**
 * GGUF formats in super-blocks of 256 elements ("K-quants"; layouts: ggml-common.h). A super-block holds float16
 * scales `d` (and minima `m`), small integers that scale its 8 or 16 groups, and the quants `q`.
 */
import { type BlockType, halfTable } from './block-type.ts';

/** A format by what it does with one super-block: `at` its first byte, `out` its first element. */
const superblock = (
  number: number,
  bytes: number,
  one: (source: DataView, at: number, target: Float32Array, out: number, half: Float32Array) => void,
): BlockType => ({
  number,
  elements: 256,
  bytes,
  decode(source, target, blocks) {
    const half = halfTable();
    for (let block = 0; block < blocks; block++) one(source, block * bytes, target, block * 256, half);
  },
});

/**
 * Scale and minimum of group `j` of Q4_K and Q5_K, 6 bits each in 12 bytes: groups 0 to 3 in the low six bits of
 * bytes 0 to 7, groups 4 to 7 in the nibbles of bytes 8 to 11 and the top pairs of the first eight.
 */
function scaleAndMinimum(source: DataView, at: number, j: number): readonly [number, number] {
  const byte = (i: number): number => source.getUint8(at + i);
  if (j < 4) return [byte(j) & 63, byte(j + 4) & 63];
  return [(byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4), (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4)];
}

/** The 16 scales of Q3_K, 6 bits each in 12 bytes: low nibbles in bytes 0 to 7, high pairs in bytes 8 to 11. */
function scaleOfQ3(source: DataView, at: number, j: number): number {
  const low = (source.getUint8(at + (j & 7)) >> (j < 8 ? 0 : 4)) & 15;
  const high = (source.getUint8(at + 8 + (j & 3)) >> (2 * (j >> 2))) & 3;
  return (low | (high << 4)) - 32;
}

export const SUPERBLOCK_TYPES = {
  /** 16 bytes of (scale, minimum) nibbles, 64 bytes of pairs, d f16, m f16; x = d scale q - m minimum. */
  Q2_K: superblock(10, 84, (source, at, target, out, half) => {
    const d = half[source.getUint16(at + 80, true)] as number;
    const m = half[source.getUint16(at + 82, true)] as number;
    for (let i = 0; i < 256; i++) {
      const group = source.getUint8(at + (i >> 4));
      const q = (source.getUint8(at + 16 + 32 * (i >> 7) + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3;
      target[out + i] = d * (group & 15) * q - m * (group >> 4);
    }
  }),

  /** 32 bytes of high bits, 64 bytes of low pairs, 12 bytes of scales, d f16; x = d scale (q - 4). */
  Q3_K: superblock(11, 110, (source, at, target, out, half) => {
    const d = half[source.getUint16(at + 108, true)] as number;
    for (let i = 0; i < 256; i++) {
      const low = (source.getUint8(at + 32 + 32 * (i >> 7) + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3;
      const high = (source.getUint8(at + (i & 31)) >> (i >> 5)) & 1;
      target[out + i] = d * scaleOfQ3(source, at + 96, i >> 4) * ((low | (high << 2)) - 4);
    }
  }),

  /** d f16, m f16, 12 bytes of scales and minima, 128 bytes of nibbles; x = d scale q - m minimum. */
  Q4_K: superblock(12, 144, (source, at, target, out, half) => {
    const d = half[source.getUint16(at, true)] as number;
    const m = half[source.getUint16(at + 2, true)] as number;
    for (let group = 0; group < 8; group++) {
      const [scale, minimum] = scaleAndMinimum(source, at + 4, group);
      const nibbles = at + 16 + 32 * (group >> 1);
      for (let i = 0; i < 32; i++) {
        const q = (source.getUint8(nibbles + i) >> (4 * (group & 1))) & 15;
        target[out + 32 * group + i] = d * scale * q - m * minimum;
      }
    }
  }),

  /** As Q4_K, with 32 bytes of fifth bits before the nibbles. */
  Q5_K: superblock(13, 176, (source, at, target, out, half) => {
    const d = half[source.getUint16(at, true)] as number;
    const m = half[source.getUint16(at + 2, true)] as number;
    for (let group = 0; group < 8; group++) {
      const [scale, minimum] = scaleAndMinimum(source, at + 4, group);
      const nibbles = at + 48 + 32 * (group >> 1);
      for (let i = 0; i < 32; i++) {
        const low = (source.getUint8(nibbles + i) >> (4 * (group & 1))) & 15;
        const high = (source.getUint8(at + 16 + i) >> group) & 1;
        target[out + 32 * group + i] = d * scale * (low | (high << 4)) - m * minimum;
      }
    }
  }),

  /** 128 bytes of low nibbles, 64 bytes of high pairs, 16 signed scales, d f16; x = d scale (q - 32). */
  Q6_K: superblock(14, 210, (source, at, target, out, half) => {
    const d = half[source.getUint16(at + 208, true)] as number;
    for (let i = 0; i < 256; i++) {
      const quarter = (i >> 5) & 3;
      const part = i >> 7;
      const low = source.getUint8(at + 64 * part + (i & 31) + 32 * (quarter & 1)) >> (4 * (quarter >> 1));
      const high = source.getUint8(at + 128 + 32 * part + (i & 31)) >> (2 * quarter);
      const q = (low & 15) | ((high & 3) << 4);
      target[out + i] = d * source.getInt8(at + 192 + (i >> 4)) * (q - 32);
    }
  }),
} satisfies Record<string, BlockType>;
