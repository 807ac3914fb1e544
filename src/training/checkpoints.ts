/** Checkpoints of a run as adapters on disk, in one folder, the newest kept. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Adapter, saveAdapter } from '../engine/adapter.ts';

const PREFIX = 'step-';

export class CheckpointFolder {
  readonly #directory: string;
  readonly #keep: number;
  readonly #base: string;

  /** `keep`: how many stay, null for all; `base`: name of the model, for the adapters' configuration. */
  constructor(directory: string, options: { keep: number | null; base: string }) {
    this.#directory = directory;
    this.#keep = options.keep ?? Infinity;
    this.#base = options.base;
  }

  /** @returns where the adapter lies. */
  save(adapter: Adapter, step: number): string {
    const path = join(this.#directory, `${PREFIX}${step}`);
    saveAdapter(path, adapter, { base: this.#base });
    for (const old of this.#steps().slice(0, -this.#keep))
      rmSync(join(this.#directory, `${PREFIX}${old}`), { recursive: true });
    return path;
  }

  /** Steps that have a checkpoint, ascending. */
  #steps(): number[] {
    if (!existsSync(this.#directory)) return [];
    return readdirSync(this.#directory)
      .filter((name) => /^step-\d+$/.test(name))
      .map((name) => Number(name.slice(PREFIX.length)))
      .sort((a, b) => a - b);
  }
}
