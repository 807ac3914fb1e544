/** Adapters from adapters: scaled, summed, and between two checkpoints. */
import { TemperError } from '../core/errors.ts';
import { type Adapter, cloneAdapter } from './adapter.ts';
import { loraA, loraB } from './build.ts';

/** `factor` times the change that the adapter makes. */
export function scaleAdapter(adapter: Adapter, factor: number): Adapter {
  const scaled = cloneAdapter(adapter);
  for (const [name, data] of scaled.matrices)
    if (name.endsWith('_B')) data.forEach((x, i) => (data[i] = x * factor));
  return scaled;
}

/**
 * The weighted sum of the changes of several adapters of one model, exactly: their matrices stand side by side, so the
 * ranks add up.
 */
export function mergeAdapters(
  parts: readonly { readonly adapter: Adapter; readonly weight: number }[],
): Adapter {
  const rank = parts.reduce((total, { adapter }) => total + adapter.rank, 0);
  const layers = new Set(parts.flatMap(({ adapter }) => [...adapter.shape.layers]));
  const matrices = new Map<string, Float32Array>();
  for (const layer of layers) {
    const owner = parts.find(({ adapter }) => adapter.shape.layers.has(layer))!.adapter;
    const inputs = owner.matrices.get(loraA(layer))!.length / owner.rank;
    const outputs = owner.matrices.get(loraB(layer))!.length / owner.rank;
    const a = new Float32Array(rank * inputs);
    const b = new Float32Array(outputs * rank);
    let at = 0;
    for (const { adapter, weight } of parts) {
      const from = adapter.matrices.get(loraB(layer));
      if (from) {
        a.set(adapter.matrices.get(loraA(layer))!, at * inputs);
        const factor = (weight * adapter.alpha) / adapter.rank;
        for (let row = 0; row < outputs; row++)
          for (let r = 0; r < adapter.rank; r++)
            b[row * rank + at + r] = (from[row * adapter.rank + r] as number) * factor;
      }
      at += adapter.rank;
    }
    matrices.set(loraA(layer), a);
    matrices.set(loraB(layer), b);
  }
  return { rank, alpha: rank, shape: { rank, layers }, matrices };
}

/**
 * The adapter at `share` (0 to 1) of the way from one checkpoint to another of the same run: both matrices move in a
 * straight line, the rank stays. Errors: `usage` if the two have different shapes.
 */
export function interpolateAdapters(from: Adapter, to: Adapter, share: number): Adapter {
  const fits =
    from.rank === to.rank &&
    from.alpha === to.alpha &&
    from.matrices.size === to.matrices.size &&
    [...from.matrices].every(([name, data]) => to.matrices.get(name)?.length === data.length);
  if (!fits)
    throw new TemperError('usage', 'the two adapters differ in rank, alpha or layers', {
      hint: 'Interpolation is between checkpoints of one run; merge the two with weights instead.',
    });
  const between = cloneAdapter(from);
  for (const [name, data] of between.matrices) {
    const other = to.matrices.get(name) as Float32Array;
    data.forEach((x, i) => (data[i] = x + share * ((other[i] as number) - x)));
  }
  return between;
}
