/** Where the spread of a figure comes from when simulators, judges, seeds and targets are crossed (cross-play). */

/** One cell of the crossing: the figure (a rate, a mean) and the level of each factor. */
export interface Played<F extends string> {
  readonly value: number;
  readonly levels: Readonly<Record<F, string>>;
}

export interface VarianceSplit<F extends string> {
  readonly mean: number;
  /** Variance components, in squared units of the figure; a negative estimate is 0. */
  readonly components: Readonly<Record<F | 'residual', number>>;
  /** Share of the sum of the components; null where nothing varies. */
  readonly shares: Readonly<Record<F | 'residual', number>> | null;
}

/**
 * Method of moments (ANOVA) for random main effects, `y = mu + simulator + judge + seed + target + e`: with
 * `MS_f = n_f sum_levels (mean_level - mean)^2 / (levels - 1)`, n_f cells to a level, and MS_e of what is left,
 * `sigma_f^2 = max(0, (MS_f - MS_e) / n_f)`, `sigma_e^2 = MS_e` (Searle, Casella and McCulloch 1992, ch. 4).
 *
 * Limits: the crossing must be balanced, each combination of levels equally often. Interactions (a judge that is lenient to
 * one target) and sampling error are in the residual. With two or three levels of a factor its component is known to a factor
 * of several, so read the order of size. Errors: RangeError for an unbalanced crossing or where nothing is left for the residual.
 */
export function varianceSplit<F extends string>(
  cells: readonly Played<F>[],
  factors: readonly F[],
): VarianceSplit<F> {
  const total = cells.length;
  const average = (values: readonly Played<F>[]): number =>
    values.reduce((sum, { value }) => sum + value, 0) / values.length;
  const combinations = Map.groupBy(cells, ({ levels }) =>
    JSON.stringify(factors.map((factor) => levels[factor])),
  );
  const groups = factors.map((factor) => [...Map.groupBy(cells, ({ levels }) => levels[factor]).values()]);
  const full = groups.reduce((product, levels) => product * levels.length, 1);
  const sizes = new Set([...combinations.values()].map((group) => group.length));
  if (combinations.size !== full || sizes.size !== 1)
    throw new RangeError(`the crossing is not balanced: ${combinations.size} of ${full} combinations`);
  const degrees = total - 1 - groups.reduce((sum, levels) => sum + levels.length - 1, 0);
  if (degrees < 1) throw new RangeError('too few cells: nothing is left for the residual');
  const mean = average(cells);
  const squares = groups.map((levels) =>
    levels.reduce((sum, level) => sum + level.length * (average(level) - mean) ** 2, 0),
  );
  const all = cells.reduce((sum, { value }) => sum + (value - mean) ** 2, 0);
  const residual = Math.max(0, all - squares.reduce((sum, each) => sum + each, 0)) / degrees;
  const entries = factors.map((factor, i): [F, number] => {
    const levels = groups[i]!.length;
    if (levels < 2) return [factor, 0];
    return [factor, Math.max(0, (squares[i]! / (levels - 1) - residual) / (total / levels))];
  });
  const components = Object.fromEntries([...entries, ['residual', residual]]) as Record<
    F | 'residual',
    number
  >;
  const sum = Object.values<number>(components).reduce((so, each) => so + each, 0);
  const shares = Object.entries<number>(components).map(([name, value]) => [name, value / sum]);
  return {
    mean,
    components,
    shares: sum > 0 ? (Object.fromEntries(shares) as Record<F | 'residual', number>) : null,
  };
}
