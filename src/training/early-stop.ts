/** Ends a training whose held-out loss falls no more, and keeps the adapter of its lowest one. */
import { type Adapter, cloneAdapter } from '../engine/adapter.ts';

/** What is known of a training's held-out losses so far. */
export interface Lowest {
  readonly matrices: ReadonlyMap<string, Float32Array>;
  readonly loss: number;
  /** Step after which it was measured. */
  readonly step: number;
  /** Measurements since. */
  readonly since: number;
}

export class EarlyStop {
  readonly #patience: number;
  lowest: Lowest | null;

  /** `patience`: measurements without a lower loss that end the training; `lowest`: of the part that ran before. */
  constructor(patience: number, lowest: Lowest | null = null) {
    this.#patience = patience;
    this.lowest = lowest;
  }

  see(exact: number, adapter: Adapter, step: number): void {
    const loss = Math.fround(exact); // as the state on disk has it
    if (this.lowest && !(loss < this.lowest.loss))
      this.lowest = { ...this.lowest, since: this.lowest.since + 1 };
    else this.lowest = { matrices: cloneAdapter(adapter).matrices, loss, step, since: 0 };
  }

  get reached(): boolean {
    return (this.lowest?.since ?? 0) >= this.#patience;
  }

  /** The best adapter so far, of the shape of `like`. */
  best(like: Adapter): Adapter {
    const best = cloneAdapter(like);
    for (const [name, data] of this.lowest?.matrices ?? []) best.matrices.set(name, data.slice());
    return best;
  }
}
