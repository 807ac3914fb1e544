/** Linear models over hashed rows: softmax, logistic and pairwise loss, minimised by AdaGrad with L2. Deterministic. */
import { rng } from '../../src/core/rng.ts';
import { COLUMNS } from '../../src/judges/hashing.ts';
import type { Row } from '../../src/judges/hashing.ts';

export interface TrainOptions {
  readonly epochs?: number;
  readonly rate?: number;
  /** Per-update decay of touched weights. */
  readonly l2?: number;
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

function dot(weights: Float32Array, row: Row): number {
  let sum = 0;
  for (let i = 0; i < row.index.length; i++)
    sum += (weights[row.index[i] as number] as number) * (row.value[i] as number);
  return sum;
}

class AdaGrad {
  readonly weights = new Float32Array(COLUMNS);
  readonly #squares = new Float32Array(COLUMNS).fill(1e-3);
  readonly #rate: number;
  readonly #l2: number;

  constructor(rate: number, l2: number) {
    this.#rate = rate;
    this.#l2 = l2;
  }

  /** One step down `slope * row`. */
  step(row: Row, slope: number): void {
    for (let i = 0; i < row.index.length; i++) {
      const at = row.index[i] as number;
      const gradient = slope * (row.value[i] as number) + this.#l2 * (this.weights[at] as number);
      this.#squares[at] = (this.#squares[at] as number) + gradient * gradient;
      this.weights[at] =
        (this.weights[at] as number) - (this.#rate * gradient) / Math.sqrt(this.#squares[at] as number);
    }
  }
}

/** Softmax regression to soft targets; one weight vector a class. */
export function trainSoftmax(
  rows: readonly Row[],
  targets: readonly (readonly number[])[],
  weights: readonly number[],
  { epochs = 10, rate = 0.2, l2 = 1e-4 }: TrainOptions = {},
): Float32Array[] {
  const classes = targets[0]?.length ?? 0;
  const models = Array.from({ length: classes }, () => new AdaGrad(rate, l2));
  const order = rows.map((_, i) => i);
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const i of rng('softmax', epoch).shuffle(order)) {
      const row = rows[i] as Row;
      const p = softmax(models.map((model) => dot(model.weights, row)));
      models.forEach((model, k) => {
        const slope = ((p[k] as number) - (targets[i]?.[k] as number)) * (weights[i] as number);
        if (Math.abs(slope) > 1e-4) model.step(row, slope);
      });
    }
  }
  return models.map((model) => model.weights);
}

/** Logistic regression to soft targets, with optional pairs (`worse` should score above `better`). */
export function trainLogistic(
  rows: readonly Row[],
  targets: readonly number[],
  weights: readonly number[],
  { epochs = 8, rate = 0.15, l2 = 2e-4 }: TrainOptions = {},
  pairs: readonly { better: Row; worse: Row; weight: number }[] = [],
): Float32Array {
  const model = new AdaGrad(rate, l2);
  const order = [...rows.keys(), ...pairs.map((_, i) => -1 - i)];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const i of rng('logistic', epoch).shuffle(order)) {
      if (i >= 0) {
        const row = rows[i] as Row;
        const slope = (sigmoid(dot(model.weights, row)) - (targets[i] as number)) * (weights[i] as number);
        if (Math.abs(slope) > 1e-4) model.step(row, slope);
      } else {
        const pair = pairs[-1 - i] as { better: Row; worse: Row; weight: number };
        const slope =
          (sigmoid(dot(model.weights, pair.worse) - dot(model.weights, pair.better)) - 1) * pair.weight;
        model.step(pair.worse, slope);
        model.step(pair.better, -slope);
      }
    }
  }
  return model.weights;
}

export function softmax(logits: readonly number[]): number[] {
  const top = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Dense logistic regression by full-batch gradient descent with momentum, ridge on all but the first feature (bias). */
export function trainDense(
  rows: readonly ArrayLike<number>[],
  targets: readonly number[],
  weights: readonly number[],
  { steps = 800, rate = 0.5, l2 = 1e-3 }: { steps?: number; rate?: number; l2?: number } = {},
): number[] {
  const size = rows[0]?.length ?? 0;
  const total = weights.reduce((a, b) => a + b, 0);
  const w = new Float64Array(size);
  const velocity = new Float64Array(size);
  for (let step = 0; step < steps; step++) {
    const gradient = new Float64Array(size);
    rows.forEach((row, i) => {
      let z = 0;
      for (let j = 0; j < size; j++) z += (w[j] as number) * (row[j] as number);
      const slope = ((sigmoid(z) - (targets[i] as number)) * (weights[i] as number)) / total;
      for (let j = 0; j < size; j++) gradient[j] = (gradient[j] as number) + slope * (row[j] as number);
    });
    for (let j = 0; j < size; j++) {
      velocity[j] =
        0.9 * (velocity[j] as number) -
        rate * ((gradient[j] as number) + (j === 0 ? 0 : l2 * (w[j] as number)));
      w[j] = (w[j] as number) + (velocity[j] as number);
    }
  }
  return [...w];
}
