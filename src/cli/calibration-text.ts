/** A calibration for a terminal: at most 100 columns. */
import { corrects } from '../calibration/correct.ts';
import { SCALES } from '../calibration/scale.ts';
import type { Calibration, Coefficient } from '../calibration/score.ts';
import { figure, intervalText, wrapped } from '../report/format.ts';

const WIDTH = 100;
const BAR = 30;

function coefficient({ value, low, high }: Coefficient): string {
  if (value === null) return 'cannot be told';
  return low === null ? value.toFixed(2) : `${value.toFixed(2)} [${low.toFixed(2)}, ${high!.toFixed(2)}]`;
}

function matrixLines({ metric, matrix, unscored }: Calibration): string[] {
  const { labels } = SCALES[metric];
  const row = (name: string, cells: readonly (string | number)[]): string =>
    `${name.padEnd(12)}${cells.map((each) => String(each).padStart(7)).join('')}`.trimEnd();
  return [
    'Labelled answers: people by row, the judge by column',
    row('', [...labels, ' unscored']),
    ...labels.map((label, i) => row(`  ${label}`, [...matrix[i]!, '  ' + String(unscored[i]!).padStart(7)])),
  ];
}

function thresholdLines({ thresholds }: Calibration): string[] {
  const row = (cells: readonly string[]): string =>
    cells
      .map((each, i) => each.padEnd([12, 19, 19, 19, 6, 19][i] as number))
      .join(' ')
      .trimEnd();
  const reasons = new Map<string, string[]>();
  const lines = thresholds.map(({ name, sensitivity, specificity, labelled, judged, corrected }) => {
    if (corrected.status === 'refused')
      reasons.set(corrected.reason, [...(reasons.get(corrected.reason) ?? []), name]);
    return row([
      name,
      intervalText(sensitivity),
      intervalText(specificity),
      intervalText(labelled),
      figure(judged?.value, 'share'),
      corrected.status === 'corrected' ? intervalText(corrected) : 'refused',
    ]);
  });
  return [
    row(['', 'sensitivity', 'specificity', 'people find', 'judge', 'corrected']),
    ...lines,
    ...[...reasons].flatMap(([reason, names]) =>
      wrapped(`refused, ${names.join(', ')}: ${reason}`, WIDTH, '  '),
    ),
    ...wrapped(
      'Shares of all answers, weighted; with 95 % intervals. People find: by the labels alone, also where the judge is unsure. Corrected: what the judge finds, by Rogan and Gladen.',
      WIDTH,
    ),
  ];
}

function reliabilityLines({ reliability: { bins, ece } }: Calibration): string[] {
  if (ece === null) return ['The judge gives no probabilities.'];
  const lines = bins
    .filter(({ n }) => n > 0)
    .map(({ from, to, n, predicted, observed, low, high }) => {
      const at = Math.min(BAR - 1, Math.round(predicted! * BAR));
      const filled = Math.round(observed! * BAR);
      const bar = Array.from({ length: BAR }, (_, i) => (i === at ? '|' : i < filled ? '#' : '.')).join('');
      const range = `${Math.round(from * 100)}-${Math.round(to * 100)} %`.padEnd(9);
      const right = intervalText({ value: observed!, low, high });
      return `  ${range} ${bar} ${right.padEnd(20)} n ${n}`;
    });
  return [
    `Reliability: how often a verdict of this probability is right (#; |: as often as it says). ECE ${ece.toFixed(3)}`,
    ...lines,
  ];
}

export function calibrationText(calibration: Calibration): string {
  const { judge, metric, labelled, answers, raters, kappa, ac1, alpha, missing } = calibration;
  return [
    `${metric} by ${judge}: ${labelled} labelled answers, for ${answers}`,
    '',
    ...matrixLines(calibration),
    '',
    `agreement with people  weighted kappa ${coefficient(kappa)}, AC1 ${coefficient(ac1)}`,
    ...(alpha
      ? [`people among themselves  Krippendorff's alpha ${coefficient(alpha)} (${raters.length} columns)`]
      : []),
    '',
    ...thresholdLines(calibration),
    '',
    ...reliabilityLines(calibration),
    ...(missing.length > 0
      ? ['', ...wrapped(`Left out, as none of theirs has a label: ${missing.join(', ')}.`, WIDTH)]
      : []),
    '',
    ...(alpha
      ? ["Krippendorff's alpha is of the labelled rows as they are, not weighted to all answers."]
      : []),
    ...wrapped(keptText(calibration), WIDTH),
    '',
  ].join('\n');
}

/** What the calibration is good for. */
function keptText(calibration: Calibration): string {
  if (corrects(calibration))
    return 'Kept: scorecards of this judge now show DR-3 of single answers corrected, or why it cannot be.';
  if (calibration.metric !== 'severity') return 'Kept in the store.';
  const kinds = calibration.kinds.map((kind) => `'${kind}'`).join(', ');
  return `Kept, but it corrects no scorecard: DR-3 counts adversarial answers alone, and these labels are of ${kinds}.`;
}
