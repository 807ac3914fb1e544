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

  /** Floats of one token in each of the two arrays of a layer. */
  get #width(): number {
    return this.#config.kvHeads * this.#config.headSize;
  }

  /** Takes memory for this many tokens, rows times capacity; what is stored stays. */
  reserve(tokens: number): void {
    const size = tokens * this.#width;
    const layers = Array.from({ length: this.#config.layers });
    const grown = (old: readonly Float32Array[]): Float32Array[] =>
      layers.map((_, layer) => {
        const data = new Float32Array(size);
        if (old[layer]) data.set(old[layer]);
        return data;
      });
    if (size <= (this.#keys[0]?.length ?? 0)) return;
    this.#keys = grown(this.#keys);
    this.#values = grown(this.#values);
    this.#tensors = null;
  }

  /** Lays the reserved memory out for `rows` sequences of `capacity` tokens; the first `used` rows stay. */
  resize(rows: number, capacity: number, used: number): void {
    if (rows === this.#rows && capacity === this.#capacity) return;
    this.reserve(rows * capacity);
    const { kvHeads, headSize } = this.#config;
    const from = this.#capacity;
    this.#rows = rows;
    this.#capacity = capacity;
    this.#tensors = null;
    if (from === capacity) return;
    const keep = Math.min(from, capacity);
    for (const data of this.#keys) relay(data, used * kvHeads * headSize, from, capacity, keep);
    for (const data of this.#values)
      relay(data, used * kvHeads, from * headSize, capacity * headSize, keep * headSize);
  }

  /** Copies the first `length` positions of one row over another. */
  move(from: number, to: number, length: number): void {
    const { kvHeads, headSize } = this.#config;
    const capacity = this.#capacity;
    const copy = (data: Float32Array, lines: number, stride: number, count: number): void => {
      for (let line = 0; line < lines; line++) {
        const start = (from * lines + line) * stride;
        data.copyWithin((to * lines + line) * stride, start, start + count);
      }
    };
    for (const data of this.#keys) copy(data, kvHeads * headSize, capacity, length);
    for (const data of this.#values) copy(data, kvHeads, capacity * headSize, length * headSize);
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

  /** Gives the memory back at once: what a collection would free comes too late for what runs next. */
  [Symbol.dispose](): void {
    for (const { buffer } of [...this.#keys, ...this.#values]) (buffer as ArrayBuffer).transfer(0);
    this.#keys = [];
    this.#values = [];
    this.#rows = 0;
    this.#capacity = 0;
    this.#tensors = null;
  }
}

/** Moves lines of `keep` values from a stride of `from` to one of `to`, in place: no line may run over one not yet moved. */
function relay(data: Float32Array, lines: number, from: number, to: number, keep: number): void {
  const move = (line: number): void => {
    data.copyWithin(line * to, line * from, line * from + keep);
  };
  if (to > from) for (let line = lines - 1; line > 0; line--) move(line);
  else for (let line = 1; line < lines; line++) move(line);
}
