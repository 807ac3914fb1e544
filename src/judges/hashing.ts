/** Sparse features by hashing (Weinberger et al. 2009): a feature is a namespaced string, its column a 32-bit hash. */

/** log2 of the number of columns of every linear model here. */
export const HASH_BITS = 17;
export const COLUMNS = 1 << HASH_BITS;

/** A sparse row. `index[i]` may repeat; the values then add up. */
export interface Row {
  readonly index: Uint32Array;
  readonly value: Float32Array;
}

const seeded = (namespace: number): number => 0x811c9dc5 ^ Math.imul(namespace, 0x9e3779b1);

/** FNV-1a over UTF-16 units, continued from `hash`. */
function extended(hash: number, text: string): number {
  let out = hash;
  for (let i = 0; i < text.length; i++) out = Math.imul(out ^ text.charCodeAt(i), 0x01000193);
  return out;
}

/** A final mix (murmur3's), cut to `HASH_BITS`. */
function mixed(hash: number): number {
  let out = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  out = Math.imul(out ^ (out >>> 13), 0xc2b2ae35);
  return (out ^ (out >>> 16)) >>> (32 - HASH_BITS);
}

export function column(namespace: number, text: string): number {
  return mixed(extended(seeded(namespace), text));
}

/** Collects features group by group; each group's distinct features get equal values and Euclidean norm `weight`. */
export class RowBuilder {
  readonly #index: number[] = [];
  readonly #value: number[] = [];

  group(namespace: number, features: Iterable<string>, weight: number = 1): this {
    const columns = new Set<number>();
    for (const feature of features) columns.add(column(namespace, feature));
    return this.#add(columns, weight);
  }

  /** The group of the n-grams of `items` joined by a space, for n = `from` to `to`; hashed without making the strings. */
  ngrams(namespace: number, items: readonly string[], from: number, to: number, weight: number): this {
    const columns = new Set<number>();
    const hashes = items.map((item) => extended(seeded(namespace), item));
    for (let n = 1; n <= to; n++) {
      for (let i = 0; i + n <= items.length; i++) {
        if (n > 1) hashes[i] = extended(hashes[i] as number, ` ${items[i + n - 1]}`);
        if (n >= from) columns.add(mixed(hashes[i] as number));
      }
    }
    return this.#add(columns, weight);
  }

  #add(columns: ReadonlySet<number>, weight: number): this {
    const value = weight / Math.sqrt(Math.max(columns.size, 1));
    for (const index of columns) {
      this.#index.push(index);
      this.#value.push(value);
    }
    return this;
  }

  /** One named numeric feature. */
  number(name: string, value: number): this {
    if (value !== 0 && Number.isFinite(value)) {
      this.#index.push(column(0, name));
      this.#value.push(value);
    }
    return this;
  }

  build(): Row {
    return { index: Uint32Array.from(this.#index), value: Float32Array.from(this.#value) };
  }
}
