/** The state of a training run on disk, so that a killed run continues and ends with the same adapter. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeWhole } from '../core/files.ts';
import { removeLeftovers } from '../core/replace.ts';
import type { Adapter } from '../engine/adapter.ts';
import { decodeSafetensors, encodeSafetensors, type TensorData } from '../engine/safetensors.ts';
import type { AdamW } from './adamw.ts';
import type { Lowest } from './early-stop.ts';

export interface TrainingProgress {
  readonly step: number;
  readonly tokens: number;
  /** Of the last step. */
  readonly loss: number;
  /** Whether training ended before its last step. */
  readonly stopped: boolean;
  /** What early stopping goes by; null without it. */
  readonly lowest: Lowest | null;
}

export interface TrainingState {
  /** Puts the saved state into `adapter` and `optimiser`; null if there is none. */
  restore(adapter: Adapter, optimiser: AdamW): TrainingProgress | null;
  save(adapter: Adapter, optimiser: AdamW, progress: TrainingProgress & { last: boolean }): void;
  /** Forgets the run, once its result is kept elsewhere. */
  clear(): void;
}

/** Keeps the state in one file, written whole at most every `seconds` and at the end. */
export class FileTrainingState implements TrainingState {
  readonly #path: string;
  readonly #seconds: number;
  #savedAt = performance.now();

  constructor(path: string, seconds = 20) {
    this.#path = path;
    this.#seconds = seconds;
  }

  restore(adapter: Adapter, optimiser: AdamW): TrainingProgress | null {
    if (!existsSync(this.#path)) return null;
    const tensors = decodeSafetensors(readFileSync(this.#path), this.#path);
    const best = new Map<string, Float32Array>();
    for (const [key, { data }] of tensors) {
      const [group, name] = [key.slice(0, key.indexOf(':')), key.slice(key.indexOf(':') + 1)];
      if (group === 'parameter') adapter.matrices.set(name, data);
      if (group === 'first') optimiser.first.set(name, data);
      if (group === 'second') optimiser.second.set(name, data);
      if (group === 'best') best.set(name, data);
    }
    const [step = 0, tokens = 0, loss = Number.NaN, stopped = 0] = tensors.get('progress')?.data ?? [];
    optimiser.steps = step;
    const [lowest, at = 0, since = 0] = tensors.get('lowest')?.data ?? [];
    return {
      step,
      tokens,
      loss,
      stopped: stopped === 1,
      lowest: lowest === undefined ? null : { matrices: best, loss: lowest, step: at, since },
    };
  }

  save(
    adapter: Adapter,
    optimiser: AdamW,
    { step, tokens, loss, stopped, lowest, last }: TrainingProgress & { last: boolean },
  ): void {
    if (!last && performance.now() - this.#savedAt < this.#seconds * 1000) return;
    const tensors = new Map<string, TensorData>([
      ['progress', { shape: [4], data: Float32Array.of(step, tokens, loss, Number(stopped)) }],
    ]);
    if (lowest)
      tensors.set('lowest', { shape: [3], data: Float32Array.of(lowest.loss, lowest.step, lowest.since) });
    const add = (group: string, arrays: ReadonlyMap<string, Float32Array>): void => {
      for (const [name, data] of arrays) tensors.set(`${group}:${name}`, { shape: [data.length], data });
    };
    add('parameter', adapter.matrices);
    add('first', optimiser.first);
    add('second', optimiser.second);
    add('best', lowest?.matrices ?? new Map());
    writeWhole(this.#path, encodeSafetensors(tensors, {}));
    this.#savedAt = performance.now();
  }

  clear(): void {
    rmSync(this.#path, { force: true });
    removeLeftovers(dirname(this.#path));
  }
}
