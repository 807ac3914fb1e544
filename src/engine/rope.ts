/**
 * Rotary position embeddings (Su et al. 2021) and the ways to stretch them over longer contexts. Whatever the kind,
 * what is left is a list of frequencies, one for each pair of dimensions, and a factor on cos and sin.
 */

export interface Rope {
  /** Radians per position of each pair; 2 x this many dimensions of a head turn, the others do not. */
  readonly frequencies: readonly number[];
  /** Multiplies cos and sin. */
  readonly magnitude: number;
  /** LongRoPE: what sequences of more than `above` tokens use instead, from their first token on. */
  readonly long?: { readonly frequencies: readonly number[]; readonly above: number };
}

/** base^(-2 i / dimensions), i < dimensions / 2 */
export function plainFrequencies(dimensions: number, base: number): number[] {
  const half = dimensions / 2;
  return Array.from({ length: half }, (_, i) => base ** (-i / half));
}

export const plainRope = (dimensions: number, base: number): Rope => ({
  frequencies: plainFrequencies(dimensions, base),
  magnitude: 1,
});

/**
 * Llama 3.1: wavelengths beyond `original / low` are stretched by `factor`, those under `original / high` stay, and
 * between them the frequency is interpolated.
 */
export function llama3Frequencies(
  frequencies: readonly number[],
  { factor, low, high, original }: { factor: number; low: number; high: number; original: number },
): number[] {
  return frequencies.map((frequency) => {
    const turns = (original * frequency) / (2 * Math.PI);
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return frequency * (kept + (1 - kept) / factor);
  });
}

/**
 * YaRN (Peng et al. 2023, section 3): pairs that turn more than `fast` times over the original context stay, those
 * under `slow` turns are stretched by `factor`, with a linear ramp over the index of the pair between them.
 */
export function yarnFrequencies(
  frequencies: readonly number[],
  base: number,
  options: { factor: number; original: number; fast: number; slow: number; truncate: boolean },
): number[] {
  const dimensions = 2 * frequencies.length;
  const pairOf = (turns: number): number =>
    (dimensions * Math.log(options.original / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const [first, last] = [pairOf(options.fast), pairOf(options.slow)];
  const from = Math.max(0, options.truncate ? Math.floor(first) : first);
  const to = Math.min(dimensions - 1, options.truncate ? Math.ceil(last) : last);
  return frequencies.map((frequency, i) => {
    const stretched = Math.min(1, Math.max(0, (i - from) / (to === from ? 0.001 : to - from)));
    return frequency * (1 - stretched + stretched / options.factor);
  });
}

/** Factor on cos and sin under YaRN: 0.1 ln(factor) + 1. */
export const yarnMagnitude = (factor: number): number => (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1);

/** Factor on cos and sin under LongRoPE (Ding et al. 2024): sqrt(1 + ln(factor) / ln(original)). */
export const longMagnitude = (factor: number, original: number): number =>
  factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));

/** Whether some of these have other frequencies for long sequences; tables then have a second half. */
export const hasLongVariant = (ropes: readonly Rope[]): boolean => ropes.some((rope) => rope.long);

/**
 * Row of the tables for position 0 of a sequence that will have `length` tokens: 0, or the start of the second half.
 */
export function firstRow(ropes: readonly Rope[], length: number, positions: number): number {
  return ropes.some((rope) => rope.long && length > rope.long.above) ? positions : 0;
}

/**
 * cos and sin, (rows, pairs) each; rows are positions, and where `both` is set again as many, for long sequences.
 */
export function ropeTables(
  rope: Rope,
  positions: number,
  both: boolean,
): { cos: Float32Array; sin: Float32Array } {
  const half = rope.frequencies.length;
  const variants = both ? [rope.frequencies, rope.long?.frequencies ?? rope.frequencies] : [rope.frequencies];
  const cos = new Float32Array(variants.length * positions * half);
  const sin = new Float32Array(cos.length);
  variants.forEach((frequencies, variant) => {
    frequencies.forEach((frequency, i) => {
      for (let position = 0; position < positions; position++) {
        const at = (variant * positions + position) * half + i;
        cos[at] = Math.cos(position * frequency) * rope.magnitude;
        sin[at] = Math.sin(position * frequency) * rope.magnitude;
      }
    });
  });
  return { cos, sin };
}
