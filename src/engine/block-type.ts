/** What a block format of GGUF is, and the half-precision floats that all of them carry. */

export interface BlockType {
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
export function halfTable(): Float32Array {
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
