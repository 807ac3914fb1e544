/** Rotary embeddings from a configuration: `rope_parameters` (transformers 5), or `rope_theta` with `rope_scaling`. */
import {
  llama3Frequencies,
  longMagnitude,
  plainFrequencies,
  type Rope,
  yarnFrequencies,
  yarnMagnitude,
} from './rope.ts';
import { isNumber, type Settings } from './settings.ts';

interface Request {
  /** Holds `rope_type` (once `type`) and what that type needs. */
  readonly scaling: Settings;
  readonly settings: Settings;
  readonly base: number;
  readonly plain: readonly number[];
}

/** One divisor for each pair. */
function factors({ scaling, plain }: Request, key: string): readonly number[] {
  const list = scaling.list(key, isNumber);
  if (list?.length === plain.length && list.every((factor) => factor > 0)) return list;
  throw scaling.fail(`'${key}' is not a list of ${plain.length} positive numbers`);
}

const divided = (plain: readonly number[], by: readonly number[]): number[] =>
  plain.map((frequency, i) => frequency / (by[i] as number));

/** The context that the model had before it was stretched; beside the other keys, or inside those of the scaling. */
function originalContext({ scaling, settings }: Request): number {
  const key = 'original_max_position_embeddings';
  if (settings.has(key)) return settings.number(key);
  return scaling.number(key, settings.number('max_position_embeddings'));
}

/** By `rope_type`. */
const KINDS: Readonly<Record<string, (request: Request) => Rope>> = {
  default: ({ plain }) => ({ frequencies: plain, magnitude: 1 }),
  // NTK-aware scaling by length changes nothing up to the trained context, and longer sequences are refused.
  dynamic: ({ plain }) => ({ frequencies: plain, magnitude: 1 }),
  linear: ({ plain, scaling }) => {
    const factor = scaling.number('factor');
    return { frequencies: plain.map((frequency) => frequency / factor), magnitude: 1 };
  },
  /** Divisors as llama.cpp stores them for Llama 3.1. */
  divisors: (request) => ({
    frequencies: divided(request.plain, factors(request, 'divisors')),
    magnitude: 1,
  }),
  llama3: (request) => {
    const { scaling, plain } = request;
    const options = {
      factor: scaling.number('factor'),
      low: scaling.number('low_freq_factor'),
      high: scaling.number('high_freq_factor'),
      original: originalContext(request),
    };
    return { frequencies: llama3Frequencies(plain, options), magnitude: 1 };
  },
  yarn: (request) => {
    const { scaling, plain, base, settings } = request;
    const original = originalContext(request);
    const factor = scaling.number('factor', settings.number('max_position_embeddings') / original);
    if (scaling.has('mscale') || scaling.has('mscale_all_dim'))
      throw scaling.fail('YaRN with mscale is not supported yet');
    const options = {
      factor,
      original,
      fast: scaling.number('beta_fast', 32),
      slow: scaling.number('beta_slow', 1),
      truncate: scaling.get('truncate') !== false,
    };
    return {
      frequencies: yarnFrequencies(plain, base, options),
      magnitude: scaling.number('attention_factor', yarnMagnitude(factor)),
    };
  },
  longrope: (request) => {
    const { scaling, plain, settings } = request;
    const original = originalContext(request);
    const factor = scaling.number('factor', settings.number('max_position_embeddings') / original);
    return {
      frequencies: divided(plain, factors(request, 'short_factor')),
      long: { frequencies: divided(plain, factors(request, 'long_factor')), above: original },
      magnitude: scaling.number('attention_factor', longMagnitude(factor, original)),
    };
  },
};
/** Names that Phi-3's files have used for LongRoPE. */
const ALIASES: Readonly<Record<string, string>> = { su: 'longrope' };

/** The rotary embedding that `parameters` describe, for heads of `headSize`; `settings` is the whole configuration. */
export function readRope(parameters: Settings, headSize: number, settings: Settings): Rope {
  const base = parameters.number('rope_theta', settings.number('rope_theta', 10000));
  const part = parameters.number('partial_rotary_factor', settings.number('partial_rotary_factor', 1));
  const dimensions = Math.trunc(headSize * part);
  if (dimensions < 2 || dimensions % 2 !== 0 || dimensions > headSize)
    throw settings.fail(`rotary positions over ${dimensions} of ${headSize} dimensions are not possible`);
  const scaling = settings.record('rope_scaling') ?? parameters;
  const named = scaling.text('rope_type') ?? scaling.text('type') ?? 'default';
  const kind = ALIASES[named] ?? named;
  const build = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (!build)
    throw scaling.fail(
      `the rope scaling '${named}' is not known`,
      `Known: ${Object.keys(KINDS).join(', ')}.`,
    );
  return build({ scaling, settings, base, plain: plainFrequencies(dimensions, base) });
}
