/** AdamW (Loshchilov and Hutter 2019) with clipping by the global norm, over named arrays. */

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Gradients are scaled down to this global norm; 0 = no clipping. */
  readonly maxGradientNorm: number;
}

export const ADAMW_DEFAULTS: AdamWOptions = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradientNorm: 1,
};

/** Euclidean norm over all gradients. */
export function globalNorm(gradients: ReadonlyMap<string, Float32Array>): number {
  let squares = 0;
  for (const gradient of gradients.values()) for (const g of gradient) squares += g * g;
  return Math.sqrt(squares);
}

export class AdamW {
  readonly #options: AdamWOptions;
  readonly first = new Map<string, Float32Array>();
  readonly second = new Map<string, Float32Array>();
  steps = 0;

  constructor(options: Partial<AdamWOptions> = {}) {
    this.#options = { ...ADAMW_DEFAULTS, ...options };
  }

  /**
   * Updates `parameters` in place.
   * @returns the global norm of the gradients before clipping.
   */
  step(
    parameters: ReadonlyMap<string, Float32Array>,
    gradients: ReadonlyMap<string, Float32Array>,
    learningRate: number,
  ): number {
    const { beta1, beta2, epsilon, weightDecay, maxGradientNorm } = this.#options;
    this.steps++;
    const norm = globalNorm(gradients);
    const clip = maxGradientNorm > 0 && norm > maxGradientNorm ? maxGradientNorm / norm : 1;
    const correction1 = 1 - beta1 ** this.steps;
    const correction2 = 1 - beta2 ** this.steps;
    for (const [name, parameter] of parameters) {
      const gradient = gradients.get(name);
      if (!gradient) continue;
      const m = this.#moment(this.first, name, parameter.length);
      const v = this.#moment(this.second, name, parameter.length);
      for (let i = 0; i < parameter.length; i++) {
        const g = (gradient[i] as number) * clip;
        const mean = beta1 * (m[i] as number) + (1 - beta1) * g;
        const variance = beta2 * (v[i] as number) + (1 - beta2) * g * g;
        m[i] = mean;
        v[i] = variance;
        const decayed = (parameter[i] as number) * (1 - learningRate * weightDecay);
        parameter[i] =
          decayed - (learningRate * (mean / correction1)) / (Math.sqrt(variance / correction2) + epsilon);
      }
    }
    return norm;
  }

  #moment(moments: Map<string, Float32Array>, name: string, length: number): Float32Array {
    const known = moments.get(name);
    if (known) return known;
    const fresh = new Float32Array(length);
    moments.set(name, fresh);
    return fresh;
  }
}

export type Schedule = 'linear' | 'cosine' | 'constant';

/** Steps over which the learning rate rises. */
export const warmupSteps = ({ warmup }: { readonly warmup: number }, steps: number): number =>
  Math.round(steps * warmup);

/** Share of the learning rate at `step` (0-based) of `total`: linear warm-up, then decay to 0. */
export function scheduled(schedule: Schedule, step: number, total: number, warmup: number): number {
  if (step < warmup) return (step + 1) / warmup;
  const progress = (step - warmup) / Math.max(1, total - warmup);
  if (schedule === 'constant') return 1;
  return schedule === 'linear' ? 1 - progress : 0.5 * (1 + Math.cos(Math.PI * progress));
}
