/** Agreement of predictions with labels. Evaluation of a judge only; rates of a target are counted by src/metrics. */

export function accuracy(pairs: readonly (readonly [unknown, unknown])[]): number {
  return pairs.filter(([a, b]) => a === b).length / pairs.length;
}

export function macroF1(pairs: readonly (readonly [string | number, string | number])[]): number {
  const classes = [...new Set(pairs.map(([label]) => label))];
  const scores = classes.map((one) => {
    const hit = pairs.filter(([label, said]) => label === one && said === one).length;
    const all =
      pairs.filter(([label]) => label === one).length + pairs.filter(([, said]) => said === one).length;
    return all === 0 ? 0 : (2 * hit) / all;
  });
  return scores.reduce((a, b) => a + b, 0) / scores.length;
}

/** Cohen's kappa, unweighted. */
export function kappa(pairs: readonly (readonly [string | number, string | number])[]): number {
  const n = pairs.length;
  const classes = [...new Set(pairs.flat())];
  const expected = classes.reduce<number>((sum, one) => {
    const a = pairs.filter(([label]) => label === one).length / n;
    const b = pairs.filter(([, said]) => said === one).length / n;
    return sum + a * b;
  }, 0);
  return expected === 1 ? 1 : (accuracy(pairs) - expected) / (1 - expected);
}

/** Area under the ROC curve by ranks; ties count a half. */
export function auc(labels: readonly number[], scores: readonly number[]): number {
  const order = scores.map((score, i) => [score, labels[i] as number] as const).sort((a, b) => a[0] - b[0]);
  let rankSum = 0;
  for (let i = 0; i < order.length;) {
    let j = i;
    while (j < order.length && order[j]?.[0] === order[i]?.[0]) j++;
    for (let k = i; k < j; k++) if (order[k]?.[1] === 1) rankSum += (i + j + 1) / 2;
    i = j;
  }
  const positives = labels.filter((label) => label === 1).length;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (labels.length - positives));
}

/** Spearman correlation. */
export function spearman(a: readonly number[], b: readonly number[]): number {
  const rank = (list: readonly number[]) => {
    const order = [...list.keys()].sort((i, j) => (list[i] as number) - (list[j] as number));
    const ranks = Array.from<number>({ length: list.length });
    for (let i = 0; i < order.length;) {
      let j = i;
      while (j < order.length && list[order[j] as number] === list[order[i] as number]) j++;
      for (let k = i; k < j; k++) ranks[order[k] as number] = (i + j - 1) / 2;
      i = j;
    }
    return ranks;
  };
  const [x, y] = [rank(a), rank(b)];
  const mean = (a.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((one, i) => {
    const [dx, dy] = [one - mean, (y[i] as number) - mean];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  });
  return xy / Math.sqrt(xx * yy);
}
