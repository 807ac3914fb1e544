/**
 * Choice of checkpoint and strength on held-out dev scenarios: a fix moves along a frontier between harm and over-refusal, so the
 * candidate wins that is most likely to keep all limits at once, that on harm as well as those on usefulness.
 */
import type { Emit } from '../core/events.ts';
import { normalCdf } from '../metrics/distributions.ts';
import type { Comparison } from '../metrics/comparison.ts';
import type { Estimate } from '../metrics/rate.ts';
import type { Scorecard } from '../metrics/scorecard.ts';

/** What is chosen by, on the held-out dev scenarios. Rates are 0 to 1. */
export interface FrontierFigures {
  readonly harm: number;
  readonly overRefusal: number;
  readonly helpfulness: number;
  readonly degenerate: number;
}

export interface FrontierPoint extends FrontierFigures {
  readonly adapter: string;
  readonly checkpoint: string;
  readonly strength: number;
  /** Adversarial conversations that `harm` is of. Absent in stores of before it was kept. */
  readonly scored?: number;
  /** Whether it stays within the limits on over-refusal and helpfulness. */
  readonly admissible: boolean;
  /** That all limits are kept: of each figure the normal chance from its distance and standard error, multiplied as if independent. Absent: a figure is not known. */
  readonly chance?: number | undefined;
}

/** The result of the stage `select`. */
export interface Selection {
  readonly frontier: readonly FrontierPoint[];
  /** The target as it is, on the same scenarios. Absent in stores of before it was kept. */
  readonly base?: FrontierFigures;
  readonly chosen: FrontierPoint;
  /** With `selection.final`: the best candidates on more held-out scenarios, which chose among them. */
  readonly finals?: Finals;
  /** With `selection.attack`: the short list, by what its candidates did before they were attacked. */
  readonly attacked?: readonly AttackedCandidate[];
}

/** The target as it is and the best candidates, the best one first, on all held-out scenarios that choose. */
export interface Finals {
  readonly scenarios: number;
  readonly base: FrontierFigures;
  readonly frontier: readonly FrontierPoint[];
}

/** A candidate of the short list, and how many of the requests a campaign broke it with. */
export interface AttackedCandidate extends Pick<FrontierPoint, 'adapter' | 'checkpoint' | 'strength'> {
  readonly success: Estimate;
  readonly queries: number;
}

export interface SelectionLimits {
  /** Most increase of the share of benign requests refused. */
  readonly maxOverRefusal: number;
  /** Most loss of the share of right answers. */
  readonly maxHelpfulnessLoss: number;
  /** Most increase of the share of degenerate answers to benign requests; null: not looked at. */
  readonly maxDegenerateGain: number | null;
  /** 1 to 7. */
  readonly harmSeverity: number;
  /** Share of the target's harm that is to go. */
  readonly harmReduction: number;
}

const UNKNOWN = Number.NaN;

const percent = (share: number): string => (Number.isFinite(share) ? `${(share * 100).toFixed(0)} %` : '–');

/** What a candidate did, for people. */
function pointText(point: FrontierPoint, { harmSeverity }: Pick<SelectionLimits, 'harmSeverity'>): string {
  const { checkpoint, strength, harm, overRefusal, helpfulness, admissible, chance } = point;
  const figures = `DR-${harmSeverity} ${percent(harm)}, over-refusal ${percent(overRefusal)}, helpfulness ${percent(helpfulness)}`;
  const likely = chance === undefined ? '' : `; chance that it keeps all limits ${percent(chance)}`;
  return `${checkpoint} × ${strength}: ${figures}, ${admissible ? 'within' : 'outside'} the limits on usefulness${likely}`;
}

/** Says what each candidate did; the first of the best ones is the chosen one. */
export function tellFrontier(
  selection: Pick<Selection, 'frontier' | 'finals' | 'chosen'>,
  limits: SelectionLimits,
  emit: Emit,
): void {
  const tell = (message: string): void => emit({ type: 'note', level: 'info', message });
  const { adapter, strength } = selection.chosen;
  for (const point of selection.frontier) {
    const isChosen = point.adapter === adapter && point.strength === strength;
    tell(`${isChosen ? 'chosen: ' : ''}${pointText(point, limits)}`);
  }
  const text = finalsText(selection, limits);
  if (text !== null) tell(text);
}

/** Of a selection, for people; null: the first scenarios decided. */
export function finalsText(
  { finals }: Pick<Selection, 'finals'>,
  limits: Pick<SelectionLimits, 'harmSeverity'>,
): string | null {
  if (!finals) return null;
  const [best] = finals.frontier as readonly [FrontierPoint];
  const told = finals.frontier.map((point) => pointText(point, limits)).join('. ');
  return `The best candidates met ${finals.scenarios} held-out scenarios in all: ${told}. The best of them by that: ${best.checkpoint} × ${best.strength}.`;
}

/** The figures of one arm of a scorecard. */
export function figuresOf(card: Scorecard, arm: 'before' | 'after', harmSeverity: number): FrontierFigures {
  const value = (comparison: Comparison | undefined): number => comparison?.[arm]?.value ?? UNKNOWN;
  return {
    harm: value(card.harm.curve[harmSeverity - 1]),
    overRefusal: value(card.overRefusal.full),
    helpfulness: value(card.helpfulness),
    degenerate: value(card.degenerate.benign),
  };
}

/** Reads a candidate's figures from its scorecard against the base on the same scenarios. */
export function frontierPoint(
  candidate: { adapter: string; checkpoint: string; strength: number },
  card: Scorecard,
  limits: SelectionLimits,
): FrontierPoint {
  const before = figuresOf(card, 'before', limits.harmSeverity);
  const after = figuresOf(card, 'after', limits.harmSeverity);
  const ns = {
    harm: card.harm.curve[limits.harmSeverity - 1]?.after?.n ?? 0,
    overRefusal: card.overRefusal.full?.after?.n ?? 0,
    helpfulness: card.helpfulness?.after?.n ?? 0,
    degenerate: card.degenerate.benign?.after?.n ?? 0,
  };
  // How far each figure is within its limit.
  const room = {
    harm: before.harm * (1 - limits.harmReduction) - after.harm,
    overRefusal: before.overRefusal + limits.maxOverRefusal - after.overRefusal,
    helpfulness: after.helpfulness - (before.helpfulness - limits.maxHelpfulnessLoss),
    degenerate:
      limits.maxDegenerateGain === null
        ? Infinity
        : before.degenerate + limits.maxDegenerateGain - after.degenerate,
  };
  const figures = ['harm', 'overRefusal', 'helpfulness', 'degenerate'] as const;
  // What is not looked at is kept.
  const chance = figures
    .filter((figure) => room[figure] !== Infinity)
    .map((figure) => normalCdf(room[figure] / shareError(after[figure], ns[figure])))
    .reduce((all, each) => all * each, 1);
  return {
    ...candidate,
    ...after,
    scored: ns.harm,
    // An unknown figure is no permission.
    admissible: figures.every((figure) => figure === 'harm' || room[figure] >= 0),
    ...(Number.isFinite(chance) ? { chance } : {}),
  };
}

/** Standard error of a share of n, with one more answer of either kind, so that none of a hundred is not certain; 0: n unknown. */
export function shareError(share: number, n: number): number {
  if (n === 0 || !Number.isFinite(share)) return 0;
  const smoothed = (share * n + 1) / (n + 2);
  return Math.sqrt((smoothed * (1 - smoothed)) / n);
}

/** An unknown figure is worse than any; infinity would make the difference of two unknown ones no number. */
const known = (x: number): number => (Number.isFinite(x) ? x : Number.MAX_VALUE);

const chanceOf = (point: FrontierPoint): number => point.chance ?? -1;

/** The admissible candidates, or all without one, the best first. */
export function rankCandidates(points: readonly FrontierPoint[]): FrontierPoint[] {
  const admissible = points.filter((point) => point.admissible);
  return rankAll(admissible.length > 0 ? admissible : points);
}

/**
 * The best first: by the chance that all limits are kept, since the gate asks all of them at once. What is alike in that, or not
 * known, goes by the sum of harm and over-refusal, then by the strength.
 */
export function rankAll(points: readonly FrontierPoint[]): FrontierPoint[] {
  return points.toSorted(
    (a, b) =>
      chanceOf(b) - chanceOf(a) ||
      known(a.harm + a.overRefusal) - known(b.harm + b.overRefusal) ||
      known(a.overRefusal) - known(b.overRefusal) ||
      a.strength - b.strength,
  );
}

/** The candidates that a short list is of, the best first: all have met the same scenarios, and none is outside the limits if one is within. */
export const rankSelection = ({
  frontier,
  finals,
}: Pick<Selection, 'frontier' | 'finals'>): FrontierPoint[] => rankCandidates(finals?.frontier ?? frontier);

export function chooseCandidate(points: readonly FrontierPoint[]): FrontierPoint {
  const [best] = rankCandidates(points);
  if (!best) throw new RangeError('no candidate to choose from');
  return best;
}
