/** Reads the metrics of a job while another program writes them. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import type { EvaluationMetrics, StepMetrics } from '../metrics.ts';

const MAX_LINE = 1 << 16;
const MAX_READ = 1 << 20;

/** The new whole lines of a file at each look; a file that became shorter is read anew. */
export class LineFollower {
  readonly #path: string;
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  read(): string[] {
    if (!existsSync(this.#path)) return [];
    const file = openSync(this.#path, 'r');
    try {
      const { size } = fstatSync(file);
      if (size < this.#offset) this.#offset = 0;
      const buffer = Buffer.alloc(Math.min(size - this.#offset, MAX_READ));
      const read = readSync(file, buffer, 0, buffer.length, this.#offset);
      const end = buffer.lastIndexOf(0x0a, read - 1) + 1;
      this.#offset += end;
      return buffer
        .toString('utf8', 0, end)
        .split('\n')
        .filter((line) => line !== '' && line.length <= MAX_LINE);
    } finally {
      closeSync(file);
    }
  }
}

/** The numbers of a line of metrics, or null where these are not among them: the file comes from elsewhere. */
function numbersOf(line: string, required: readonly string[]): Record<string, number> | null {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof row !== 'object' || row === null) return null;
  const numbers = Object.entries(row).filter(([, value]) => typeof value === 'number');
  const metrics = Object.fromEntries(numbers) as Record<string, number>;
  return required.every((name) => Number.isFinite(metrics[name])) ? metrics : null;
}

/** A line of a step. */
export const metricsOf = (line: string): StepMetrics | null =>
  numbersOf(line, ['step', 'steps', 'loss']) as StepMetrics | null;

/** A line of a measurement on held-out examples. */
export const evaluationOf = (line: string): EvaluationMetrics | null =>
  numbersOf(line, ['step', 'eval_loss']) as EvaluationMetrics | null;
