/** Corrections for testing many categories at once. Adjusted p-values, in the order of the input. */

/** Holm 1979: `adj_(i) = max_{j <= i} min(1, (m - j + 1) p_(j))`. Controls the chance of any false finding. */
export function holm(values: readonly number[]): number[] {
  const order = ascending(values);
  const adjusted = Array.from<number>({ length: values.length });
  let running = 0;
  for (const [rank, index] of order.entries()) {
    running = Math.max(running, Math.min(1, (values.length - rank) * (values[index] as number)));
    adjusted[index] = running;
  }
  return adjusted;
}

/** Benjamini and Hochberg 1995: `adj_(i) = min_{j >= i} min(1, m p_(j) / j)`. Controls the share of false findings. */
export function benjaminiHochberg(values: readonly number[]): number[] {
  const order = ascending(values);
  const adjusted = Array.from<number>({ length: values.length });
  let running = 1;
  for (let rank = order.length - 1; rank >= 0; rank--) {
    const index = order[rank] as number;
    running = Math.min(running, ((values[index] as number) * values.length) / (rank + 1));
    adjusted[index] = running;
  }
  return adjusted;
}

function ascending(values: readonly number[]): number[] {
  return values.map((_, index) => index).sort((a, b) => (values[a] as number) - (values[b] as number));
}
