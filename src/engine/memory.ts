/** Whether the machine has the memory for what is about to be allocated, said before it is, with the arithmetic. */
import { freemem, platform, totalmem } from 'node:os';
import { TemperError } from '../core/errors.ts';
import type { ModelConfig } from './architecture.ts';

const GB = 1e9;
const FLOAT = 4;

/** Bytes by what they are for. */
export type Memory = Readonly<Record<string, number>>;

/** Bytes that this process may still take: of the machine, or of the container that limits it. */
export function availableMemory(): number {
  // macOS counts what it can give back at once as used: all of it is the only honest upper bound.
  if (platform() === 'darwin') return totalmem();
  return process.availableMemory() || freemem();
}

/** Bytes of float32 arrays of these shapes. */
export function weightBytes(shapes: Iterable<readonly number[]>): number {
  let floats = 0;
  for (const shape of shapes) floats += shape.reduce((product, size) => product * size, 1);
  return floats * FLOAT;
}

/** Bytes of keys and values of so many tokens. */
export const cacheBytes = ({ layers, kvHeads, headSize }: ModelConfig, tokens: number): number =>
  2 * layers * kvHeads * headSize * tokens * FLOAT;

const gigabytes = (bytes: number): string => (bytes / GB).toFixed(bytes < 0.095 * GB ? 2 : 1);

/** Errors: `resource`, if more is needed than there is. `hint`: the setting that would fit. */
export function requireMemory(
  what: string,
  parts: Memory,
  hint: string,
  available: number = availableMemory(),
): void {
  const needed = Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);
  if (needed <= available) return;
  const sum = Object.entries(parts).map(([name, bytes]) => `${name} ${gigabytes(bytes)}`);
  throw new TemperError(
    'resource',
    `${what} takes ${gigabytes(needed)} GB of memory and ${gigabytes(available)} GB are free (${sum.join(' + ')})`,
    { hint },
  );
}
