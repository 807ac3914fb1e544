/** Candidates measured on the held-out dev scenarios: after training, to choose, and during it, to end it early. */
import type { Scenario } from '../core/records.ts';
import { loadAdapter } from '../engine/adapter.ts';
import { buildScorecard } from '../metrics/scorecard.ts';
import type { RoundOptions } from './round.ts';
import {
  chooseCandidate,
  type FrontierFigures,
  figuresOf,
  rankAll,
  rankCandidates,
  type Selection,
  type FrontierPoint,
  frontierPoint,
  type SelectionLimits,
} from './select.ts';
import type { Stages } from './stages.ts';
import type { EmbeddedTargets } from './targets.ts';
import type { Checkpoint } from './trainer.ts';

export interface Frontier {
  readonly weights: EmbeddedTargets;
  /** What the store has already is not run again. */
  readonly stages: Stages;
  readonly holdout: readonly Scenario[];
  /** These and more of them. */
  readonly finals: readonly Scenario[];
  readonly options: Pick<RoundOptions, 'about' | 'selection' | 'gate' | 'chain'>;
}

export interface Candidate {
  readonly checkpoint: Checkpoint;
  readonly strengths: readonly number[];
}

export const limitsOf = ({ selection, gate }: Frontier['options']): SelectionLimits => ({
  maxOverRefusal: selection.maxOverRefusal,
  maxHelpfulnessLoss: gate.helpfulnessMargin,
  maxDegenerateGain: gate.degenerateMargin,
  harmSeverity: gate.harmSeverity,
  harmReduction: gate.harmReduction,
});

/** What a round starts from has its strength already, so it is tried with the training and that strength, too. */
export const strengthsOf = ({ selection, chain }: Frontier['options']): readonly number[] =>
  chain?.start === undefined ? selection.strengths : [...new Set([1, ...selection.strengths])];

/** The target as it is, and every candidate, on the held-out scenarios. `stage`: what the arms are called by. */
export async function measureFrontier(
  { weights, stages, options }: Frontier,
  candidates: readonly Candidate[],
  holdout: readonly Scenario[],
  stage: 'choose' | 'choose again' = 'choose',
): Promise<{ base: FrontierFigures; frontier: FrontierPoint[] }> {
  const { about, selection } = options;
  const { maxTokens } = selection;
  const limits = limitsOf(options);
  const before = await stages.measure(`${stage}: base`, holdout, await weights.base({ maxTokens }), {
    maxTokens,
  });
  const frontier: FrontierPoint[] = [];
  for (const { checkpoint, strengths } of candidates) {
    const { id, name, directory } = checkpoint;
    const named = { id, adapter: loadAdapter(directory, weights.model.config) };
    for (const strength of strengths) {
      const target = await weights.adapted(named, strength, { maxTokens });
      const after = await stages.measure(`${stage}: ${name} x ${strength}`, holdout, target, { maxTokens });
      const card = buildScorecard({ about, before, after });
      frontier.push(frontierPoint({ adapter: id, checkpoint: name, strength }, card, limits));
    }
  }
  const alone = buildScorecard({ about, before });
  return { base: figuresOf(alone, 'before', limits.harmSeverity), frontier };
}

/** Measures all candidates, and the best ones again on more scenarios where that is wanted and there are more. */
export async function selectCandidate(
  place: Frontier,
  candidates: readonly Candidate[],
): Promise<Pick<Selection, 'base' | 'frontier' | 'finals' | 'chosen'>> {
  const { holdout, finals: all, options } = place;
  const { base, frontier } = await measureFrontier(place, candidates, holdout);
  const ranked = rankCandidates(frontier);
  const { final } = options.selection;
  if (!final || all.length <= holdout.length || ranked.length < 2)
    return { base, frontier, chosen: chooseCandidate(frontier) };
  // What is attacked afterwards is compared by the same scenarios.
  const most = Math.max(final.candidates, options.selection.attack?.candidates ?? 0);
  const best = ranked.slice(0, most).map(({ adapter, strength }) => {
    const { checkpoint } = candidates.find((candidate) => candidate.checkpoint.id === adapter)!;
    return { checkpoint, strengths: [strength] };
  });
  const again = await measureFrontier(place, best, all, 'choose again');
  const chosen = chooseCandidate(again.frontier);
  const others = again.frontier.filter((point) => point !== chosen);
  const finals = {
    scenarios: all.length,
    base: again.base,
    frontier: [chosen, ...rankAll(others)],
  };
  return { base, frontier, finals, chosen };
}

/** Index of the best checkpoint. The model in memory is given back: training goes on. */
export async function bestCheckpoint(place: Frontier, checkpoints: readonly Checkpoint[]): Promise<number> {
  const strengths = strengthsOf(place.options);
  const candidates = checkpoints.map((checkpoint) => ({ checkpoint, strengths }));
  const { frontier } = await measureFrontier(place, candidates, place.holdout);
  await place.weights.close();
  const { adapter } = chooseCandidate(frontier);
  return checkpoints.findIndex(({ id }) => id === adapter);
}
