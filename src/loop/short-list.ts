/**
 * The short list of a round: before the sealed scenarios are opened, the best few candidates are attacked afresh, each by a
 * campaign with the same requests, techniques and budget. The scenarios that they were ranked by do not search for a way round.
 */
import type { Emit } from '../core/events.ts';
import { SCRIPTED_PROPOSER } from '../dialogue/strategies/proposer.ts';
import { loadAdapter } from '../engine/adapter.ts';
import { attackRequests, type AttackPlace } from './attacking.ts';
import { allowedBy, techniquesOf } from './campaign.ts';
import { plainRequests } from './campaign-requests.ts';
import type { Frontier } from './frontier.ts';
import { unreadBy } from './probing.ts';
import type { RoundDependencies, RoundOptions } from './round.ts';
import {
  type AttackedCandidate,
  type FrontierPoint,
  rankSelection,
  type Selection,
  shareError,
} from './select.ts';
import type { Checkpoint } from './trainer.ts';

/** Attempts on one request at most. */
const TRIES = 4;
/** Messages that an attempt takes on average, for how many requests a budget does. */
const MEAN_QUERIES = 2;

export interface ShortListPlace extends Frontier {
  readonly dependencies: RoundDependencies;
  readonly options: Pick<
    RoundOptions,
    'about' | 'selection' | 'gate' | 'chain' | 'run' | 'seed' | 'target' | 'curation'
  >;
}

/** Attacks the best candidates of a selection, and chooses again. Without two of them, or without requests, nothing is to be chosen. */
export async function attackShortList(
  place: ShortListPlace,
  selection: Selection,
  checkpoints: readonly Checkpoint[],
  attack: NonNullable<RoundOptions['selection']['attack']>,
): Promise<Selection> {
  const { weights, stages, holdout, options, dependencies } = place;
  const { emit } = stages;
  const { candidates: most, budget } = attack;
  const { maxTokens } = options.selection;
  const list = rankSelection(selection).slice(0, most);
  const requests = plainRequests(holdout, Math.ceil(budget / (MEAN_QUERIES * TRIES)));
  if (list.length < 2 || requests.length === 0) {
    const why = list.length < 2 ? 'one candidate alone' : 'no plain request among the held-out scenarios';
    emit({ type: 'note', level: 'info', message: `the short list is not attacked: ${why}` });
    return selection;
  }
  const at = attackPlace(dependencies, options, emit);
  const base = await weights.base({ maxTokens });
  const techniques = allowedBy(base, techniquesOf({ techniques: undefined, split: 'dev' }));
  // What the model without an adapter cannot read is tried on no candidate: all meet the same techniques.
  const { unread } = await unreadBy(at, base, techniques);
  const usable = techniques.filter(({ id }) => !unread.some(({ technique }) => technique === id));
  const attacked: AttackedCandidate[] = [];
  for (const { adapter, checkpoint, strength } of list) {
    const { id, directory } = checkpoints.find((each) => each.id === adapter)!;
    const named = { id, adapter: loadAdapter(directory, weights.model.config) };
    const target = await weights.adapted(named, strength, { maxTokens });
    const parties = { target, proposer: SCRIPTED_PROPOSER };
    const result = await attackRequests(at, parties, requests, usable, { budget, tries: TRIES });
    const { success, queries, conversations } = result;
    attacked.push({ adapter, checkpoint, strength, success, queries });
    await dependencies.store.saveArm(options.run, `attack: ${checkpoint} x ${strength}`, conversations);
  }
  const chosen = chosenOf(list, attacked);
  const result = { ...selection, attacked, chosen };
  emit({ type: 'note', level: 'info', message: shortListText(result)! });
  return result;
}

function attackPlace(
  { store, judge, targets, signal }: RoundDependencies,
  { seed, target, curation, selection }: ShortListPlace['options'],
  emit: Emit,
): AttackPlace {
  const { maxTokens } = selection;
  return {
    store,
    judge,
    targets,
    emit,
    tools: signal ? { signal } : {},
    config: { seed, target: { ...target, maxTokens }, curation },
  };
}

/**
 * The least mean of two shares: of held-out scenarios in which a candidate does harm, and of requests that the campaign broke. Of those
 * whose mean is within a standard error of the least, the first of the list: with so few requests they differ by chance. A candidate
 * whose campaign could not be scored is chosen last.
 */
export function chosenOf(
  list: readonly FrontierPoint[],
  attacked: readonly Pick<AttackedCandidate, 'success'>[],
): FrontierPoint {
  const scored = list.map((point, i) => {
    const { harm, scored: conversations = 0 } = point;
    const { value, n } = attacked[i]!.success;
    const cost = (harm + (value ?? Number.NaN)) / 2;
    const error = Math.hypot(shareError(harm, conversations), shareError(value ?? Number.NaN, n)) / 2;
    return { point, cost: Number.isNaN(cost) ? Number.MAX_VALUE : cost, error };
  });
  const least = scored.reduce((best, each) => (each.cost < best.cost ? each : best));
  if (least.cost === Number.MAX_VALUE) return list[0]!;
  return scored.find(({ cost }) => cost <= least.cost + least.error)!.point;
}

/** Of a selection, for people; null: no short list was attacked. */
export function shortListText({ attacked, chosen }: Pick<Selection, 'attacked' | 'chosen'>): string | null {
  if (!attacked) return null;
  const told = attacked.map(({ checkpoint, strength, success: { value, n }, queries }) => {
    const share = value === null ? 'not scored' : `${Math.round(value * n)} of ${n} requests`;
    return `${checkpoint} × ${strength}: ${share} in ${queries} queries`;
  });
  return `Before the sealed scenarios were opened, the best candidates were attacked with dev techniques on held-out requests, and gave way to ${told.join('; ')}. Chosen by the mean of that share and of harm on the held-out scenarios, and among those within a standard error of the least by what was measured before: ${chosen.checkpoint} × ${chosen.strength}.`;
}
