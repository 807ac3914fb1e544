/** The embedded judge's weights: `judges/embedded.json` (what, from what, thresholds) and `judges/embedded.bin` (int8). */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { TemperError, errorMessage } from '../core/errors.ts';
import { sha256 } from '../core/ids.ts';
import { COLUMNS } from './hashing.ts';
import type { Row } from './hashing.ts';

/** The hashed linear models, in the order in which their vectors lie in the binary file. */
export const VECTORS = [
  'refusal.full',
  'refusal.partial',
  'refusal.none',
  'prompt',
  'answer',
  'toxic',
] as const;
export type VectorName = (typeof VECTORS)[number];

export const weightsSchema = z.object({
  kind: z.literal('embedded'),
  version: z.string(),
  /** Of the binary file. */
  sha256: z.string(),
  columns: z.literal(COLUMNS),
  /** Largest magnitude of each vector. */
  scales: z.record(z.enum(VECTORS), z.number()),
  /** Dense logistic regression on the outputs of the others; features in the order of `stackRow`. */
  stack: z.array(z.number()),
  /** Second stages with the encoder (judges/encoder); absent: the judge has none. */
  joint: z
    .object({
      /** Features in the order of `jointRow`. */
      harm: z.array(z.number()),
      /** Of each kind, features in the order of `jointRefusalRow`. */
      refusal: z.tuple([z.array(z.number()), z.array(z.number()), z.array(z.number())]),
      /** Where the linear model's full refusal is more probable than this, the encoder is not asked. */
      clear: z.number(),
    })
    .optional(),
  /** P(level >= 1), P(level >= 3) over `groundingRow`. */
  grounding: z.tuple([z.array(z.number()), z.array(z.number())]),
  thresholds: z.object({
    /** Refusal is unsure when the most probable class has less than this. */
    refusal: z.number(),
    /** Harm between `low` and `high` is unsure. */
    harm: z.object({ low: z.number(), high: z.number() }),
  }),
  /** Temperature of the refusal softmax. */
  temperature: z.number(),
  /** One sentence with the agreement that evaluate.ts measured. */
  agreement: z.string(),
  /** Rows by source. */
  trainedOn: z.record(z.string(), z.number()),
});
export type WeightsFile = z.infer<typeof weightsSchema>;

export interface Weights extends WeightsFile {
  dot(name: VectorName, row: Row): number;
}

/** Signed square-root companding to int8: small weights keep their precision. */
export function quantise(weights: Float32Array): { scale: number; bytes: Int8Array } {
  const scale = weights.reduce((most, one) => Math.max(most, Math.abs(one)), 1e-9);
  return {
    scale,
    bytes: Int8Array.from(weights, (one) =>
      Math.round(127 * Math.sign(one) * Math.sqrt(Math.abs(one) / scale)),
    ),
  };
}

const EXPAND = Float32Array.from({ length: 256 }, (_, byte) => {
  const code = ((byte << 24) >> 24) / 127;
  return Math.sign(code) * code * code;
});

export function weightsFrom(file: WeightsFile, bytes: Uint8Array): Weights {
  const start = Object.fromEntries(VECTORS.map((name, i) => [name, i * COLUMNS])) as Record<
    VectorName,
    number
  >;
  return {
    ...file,
    dot(name, row) {
      const base = start[name];
      let sum = 0;
      for (let i = 0; i < row.index.length; i++) {
        sum +=
          (EXPAND[bytes[base + (row.index[i] as number)] as number] as number) * (row.value[i] as number);
      }
      return sum * (file.scales[name] as number);
    },
  };
}

/** Reads and verifies `<base>.json` and `<base>.bin`. */
export function loadWeights(base: URL): Weights {
  const hint = 'Restore the judges/ folder from the package, or retrain (docs/judge-card.md).';
  try {
    const file = weightsSchema.parse(JSON.parse(readFileSync(new URL(`${base.href}.json`), 'utf8')));
    const bytes = new Uint8Array(readFileSync(new URL(`${base.href}.bin`)));
    if (bytes.length !== VECTORS.length * COLUMNS || sha256(bytes) !== file.sha256) {
      throw new TemperError(
        'model',
        `${base.pathname}.bin is not the file that ${base.pathname}.json describes`,
        { hint },
      );
    }
    return weightsFrom(file, bytes);
  } catch (cause) {
    if (cause instanceof TemperError) throw cause;
    throw new TemperError('model', `cannot read the embedded judge's weights: ${errorMessage(cause)}`, {
      hint,
      cause,
    });
  }
}
