/**
 * Key-value cache of the sequences that are being generated, one row each. Keys are kept as (rows, kvHeads, size,
 * capacity), values as (rows, kvHeads, capacity, size), per layer: the layouts that a decoding step multiplies with.
 * Rows in use are 0 to n - 1; a freed row is filled by the last one, so that a step runs over a dense batch.
 */
import type { ModelConfig } from './architecture.ts';
import { float32 } from './feeds.ts';
import type { Tensor } from './session.ts';

export class KeyValueCache {
  readonly #config: ModelConfig;
  #rows = 0;
  #capacity = 0;
  #keys: Float32Array[] = [];
  #values: Float32Array[] = [];
  #tensors: { rows: number; feeds: Record<string, Tensor> } | null = null;

  constructor(config: ModelConfig) {
    this.#config = config;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Makes room for `rows` sequences of `capacity` tokens; the first `used` rows stay. */
  resize(rows: number, capacity: number, used: number): void {
    if (rows === this.#rows && capacity === this.#capacity) return;
    const { layers, kvHeads, headSize } = this.#config;
    const old = { keys: this.#keys, values: this.#values, capacity: this.#capacity };
    const make = (): Float32Array[] =>
      Array.from({ length: layers }, () => new Float32Array(rows * kvHeads * capacity * headSize));
    this.#keys = make();
    this.#values = make();
    this.#rows = rows;
    this.#capacity = capacity;
    this.#tensors = null;
    const keep = Math.min(old.capacity, capacity);
    for (let row = 0; row < used; row++) this.#copy(old.keys, old.values, old.capacity, row, row, keep);
  }

  /** Copies the first `length` positions of one row over another. */
  move(from: number, to: number, length: number): void {
    this.#copy(this.#keys, this.#values, this.#capacity, from, to, length);
  }

  #copy(
    keys: Float32Array[],
    values: Float32Array[],
    capacity: number,
    from: number,
    to: number,
    length: number,
  ): void {
    const { kvHeads, headSize } = this.#config;
    keys.forEach((source, layer) => {
      const target = this.#keys[layer] as Float32Array;
      for (let i = 0; i < kvHeads * headSize; i++) {
        const start = (from * kvHeads * headSize + i) * capacity;
        target.set(source.subarray(start, start + length), (to * kvHeads * headSize + i) * this.#capacity);
      }
    });
    values.forEach((source, layer) => {
      const target = this.#values[layer] as Float32Array;
      for (let head = 0; head < kvHeads; head++) {
        const start = (from * kvHeads + head) * capacity * headSize;
        const end = start + length * headSize;
        target.set(source.subarray(start, end), (to * kvHeads + head) * this.#capacity * headSize);
      }
    });
  }

  /**
   * Stores `count` new positions of a row, beginning at `position`. `keys` and `values` are what a graph gave for
   * `layer`, (batch, width, kvHeads * size), of which `source` is the sequence.
   */
  write(
    layer: number,
    row: number,
    position: number,
    count: number,
    fresh: { keys: Float32Array; values: Float32Array; source: number; width: number },
  ): void {
    const { kvHeads, headSize } = this.#config;
    const stride = kvHeads * headSize;
    const keys = this.#keys[layer] as Float32Array;
    const values = this.#values[layer] as Float32Array;
    const capacity = this.#capacity;
    const first = fresh.source * fresh.width * stride;
    for (let i = 0; i < stride; i++) {
      const at = (row * stride + i) * capacity + position;
      for (let t = 0; t < count; t++) keys[at + t] = fresh.keys[first + t * stride + i] as number;
    }
    for (let t = 0; t < count; t++) {
      for (let head = 0; head < kvHeads; head++) {
        const start = first + t * stride + head * headSize;
        const at = ((row * kvHeads + head) * capacity + position + t) * headSize;
        values.set(fresh.values.subarray(start, start + headSize), at);
      }
    }
  }

  /** The first `rows` rows as inputs of the decoding graph, without a copy. */
  tensors(rows: number): Record<string, Tensor> {
    if (this.#tensors?.rows === rows) return this.#tensors.feeds;
    const { kvHeads, headSize } = this.#config;
    const feeds: Record<string, Tensor> = {};
    const size = rows * kvHeads * this.#capacity * headSize;
    for (let layer = 0; layer < this.#config.layers; layer++) {
      const part = (all: Float32Array[]): Float32Array => (all[layer] as Float32Array).subarray(0, size);
      feeds[`keys.${layer}`] = float32(part(this.#keys), [rows * kvHeads, headSize, this.#capacity]);
      feeds[`values.${layer}`] = float32(part(this.#values), [rows * kvHeads, this.#capacity, headSize]);
    }
    this.#tensors = { rows, feeds };
    return feeds;
  }
}
