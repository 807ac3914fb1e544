/** Reads the metrics of a job while another program writes them. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import type { StepMetrics } from '../metrics.ts';

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

const REQUIRED = ['step', 'steps', 'loss'] as const;

/** A line of metrics, or null for what is none: the file comes from elsewhere. */
export function metricsOf(line: string): StepMetrics | null {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof row !== 'object' || row === null) return null;
  const numbers = Object.entries(row).filter(([, value]) => typeof value === 'number');
  const metrics = Object.fromEntries(numbers) as Record<string, number>;
  return REQUIRED.every((name) => Number.isFinite(metrics[name]))
    ? (metrics as unknown as StepMetrics)
    : null;
}
