/**
 * Agreement of raters beyond chance. Kappa falls where one answer is rare however well the raters agree, AC1 does not
 * (Feinstein and Cicchetti 1990), so both belong side by side. Errors: `itemBootstrap`.
 */

/** How far two answers are apart: any two alike (`nominal`), or by their places on the scale. */
export type Distance = 'nominal' | 'linear' | 'quadratic';

/** Share of the largest distance, 0 to 1, of places i and j of k. */
const distance = (i: number, j: number, k: number, kind: Distance): number =>
  kind === 'nominal' ? Number(i !== j) : (Math.abs(i - j) / (k - 1)) ** (kind === 'linear' ? 1 : 2);

/** Counts (or weights) of each pair of answers: row = first rater's (people), column = second's (judge); k x k. */
export function confusionMatrix(
  pairs: Iterable<readonly [first: number, second: number, weight?: number]>,
  k: number,
): number[][] {
  const matrix = Array.from({ length: k }, () => Array.from({ length: k }, () => 0));
  for (const [first, second, weight = 1] of pairs) (matrix[first] as number[])[second]! += weight;
  return matrix;
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** Shares of each answer by the row's and the column's rater. */
function marginals(matrix: readonly (readonly number[])[]): { n: number; rows: number[]; columns: number[] } {
  const n = sumOf(matrix.map(sumOf));
  const rows = matrix.map((row) => sumOf(row) / n);
  return { n, rows, columns: matrix.map((_, j) => sumOf(matrix.map((row) => row[j] as number)) / n) };
}

/** Sum over the cells of value x weight(i, j). */
function over(matrix: readonly (readonly number[])[], weight: (i: number, j: number) => number): number {
  return sumOf(matrix.map((row, i) => sumOf(row.map((value, j) => value * weight(i, j)))));
}

/**
 * Cohen's kappa (1960; weighted 1968): `1 - sum w O / sum w E`, w the distance. 1 = always alike, 0 = as by chance; null
 * where both always give one and the same answer, or nothing was rated.
 */
export function weightedKappa(
  matrix: readonly (readonly number[])[],
  kind: Distance = 'quadratic',
): number | null {
  const k = matrix.length;
  const { n, rows, columns } = marginals(matrix);
  const observed = over(matrix, (i, j) => distance(i, j, k, kind)) / n;
  const expected = over(
    matrix.map((row) => row.map(() => 1)),
    (i, j) => distance(i, j, k, kind) * rows[i]! * columns[j]!,
  );
  return expected > 0 ? 1 - observed / expected : null;
}

/**
 * Gwet's (2008) AC1 (`nominal`) or AC2: `(po - pe) / (1 - pe)`, po = sum w O with w = 1 - distance,
 * `pe = sum(w) / (q (q - 1)) sum pi (1 - pi)`, pi = mean of the two raters' shares. null where nothing was rated.
 */
export function gwet(matrix: readonly (readonly number[])[], kind: Distance = 'nominal'): number | null {
  const q = matrix.length;
  const { n, rows, columns } = marginals(matrix);
  if (n === 0) return null;
  const likeness = (i: number, j: number): number => 1 - distance(i, j, q, kind);
  const weights = over(
    matrix.map((row) => row.map(() => 1)),
    likeness,
  );
  const spread = sumOf(rows.map((row, i) => (row + columns[i]!) / 2).map((pi) => pi * (1 - pi)));
  const chance = (weights / (q * (q - 1))) * spread;
  return (over(matrix, likeness) / n - chance) / (1 - chance);
}

export type Level = 'nominal' | 'ordinal' | 'interval';

/**
 * Krippendorff's (2011) alpha: `1 - Do / De` over the coincidences of any number of raters with gaps. `units`: the values
 * that one item got, undefined = not rated. `ordinal`: delta = (n_c / 2 + ... + n_k / 2)^2 over the ranks between, among the
 * values that occur. 1 = reliable; .8 and .667 are his bars. null where all values are alike or no item has two.
 */
export function krippendorff(
  units: readonly (readonly (number | undefined)[])[],
  level: Level,
): number | null {
  const rated = units
    .map((unit) => unit.filter((value) => value !== undefined))
    .filter((unit) => unit.length > 1);
  const values = [...new Set(rated.flat())].sort((a, b) => a - b);
  const place = new Map(values.map((value, i) => [value, i]));
  const coincidences = values.map(() => values.map(() => 0));
  for (const unit of rated) {
    for (const [i, one] of unit.entries())
      for (const [j, other] of unit.entries())
        if (i !== j) (coincidences[place.get(one)!] as number[])[place.get(other)!]! += 1 / (unit.length - 1);
  }
  const totals = coincidences.map(sumOf);
  const n = sumOf(totals);
  const delta = (c: number, k: number): number => {
    if (level === 'nominal') return Number(c !== k);
    if (level === 'interval') return (values[c]! - values[k]!) ** 2;
    const [from, to] = [Math.min(c, k), Math.max(c, k)];
    return (sumOf(totals.slice(from, to + 1)) - (totals[from]! + totals[to]!) / 2) ** 2;
  };
  const observed = over(coincidences, delta) / n;
  const expected = over(
    coincidences.map((row) => row.map(() => 1)),
    (c, k) => delta(c, k) * totals[c]! * totals[k]!,
  );
  return expected > 0 ? 1 - observed / (expected / (n * (n - 1))) : null;
}
