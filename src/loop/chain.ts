/** What a round takes over from the one before it. */
import { basename } from 'node:path';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import type { PreferenceExample } from '../core/records.ts';
import type { Asked } from '../curation/compared.ts';
import { rng } from '../core/rng.ts';
import { loadAdapter } from '../engine/adapter.ts';
import type { RunRecord, Store } from '../store/store.ts';
import { NO_REGRESSION, REGRESSION, type Regression } from './regression.ts';
import type { RoundScenarios } from './scenarios.ts';
import type { EmbeddedTargets, NamedAdapter } from './targets.ts';
import { adapterPath, type Checkpoint } from './trainer.ts';

/** An example of an earlier round, with what was asked. */
export interface Former {
  readonly example: PreferenceExample;
  readonly asked?: Asked | undefined;
}

/** The place of a round among several. A round that is alone has none. */
export interface Link {
  /** From 1. */
  readonly number: number;
  /** Rounds at most; part of the id, since the gate's level is shared among them. */
  readonly of: number;
  /** Id of the run of the round before; null in the first. */
  readonly previous: string | null;
  /** Absent: training goes on with the adapter that the round before released. `base`: it begins anew. */
  readonly from?: 'base';
}

/** How a link is part of ids and manifests. */
export const linkOf = ({ number, of, previous, from }: Link): Link => ({
  number,
  of,
  previous,
  ...(from === undefined ? {} : { from }),
});

export interface Chain extends Link {
  /** Folder of the adapter that the round before released. Absent: none did. */
  readonly start?: string;
  readonly former: readonly Former[];
  /** What the rounds before found out about their findings. */
  readonly regression: Regression;
}

/** The stage under which a run keeps its place. */
export const LINK = 'round';

/** Each round is broken by other scenarios in other words; the first one's seed is the configuration's. */
export const roundSeed = (seed: number, number: number): number =>
  number === 1 ? seed : rng('round', seed, number).int(2 ** 31);

/** The gate is asked after every round: its level is shared among them (Bonferroni). Alone it is as configured. */
export const roundConfig = (config: Config): Config => {
  const { max } = config.rounds;
  return max === 1 ? config : { ...config, gate: { ...config.gate, alpha: config.gate.alpha / max } };
};

/** The adapter that a round starts from, by the name that it had when it was released. */
export function startOf(targets: EmbeddedTargets, directory: string | undefined): NamedAdapter | null {
  if (directory === undefined) return targets.start;
  return { id: basename(directory), adapter: loadAdapter(directory, targets.model.config) };
}

/** What the round before released, as a candidate of this one. */
export const checkpointOf = (chain: Chain | undefined): Checkpoint | null => {
  if (chain?.start === undefined) return null;
  return { id: basename(chain.start), directory: chain.start, name: `round ${chain.number - 1}` };
};

/** What was asked in each example, without the attack around it, as far as its lineage leads to a scenario. */
export async function askedBy(
  store: Store,
  examples: readonly PreferenceExample[],
  unrun: RoundScenarios['unrun'],
): Promise<Map<string, Asked>> {
  const notRun = new Map(unrun.map(({ scenario }) => [scenario.id, scenario]));
  const asked = new Map<string, Asked>();
  for (const { id, lineage } of examples) {
    const { conversation, scenario = '' } = lineage;
    const stored = conversation === undefined ? null : await store.conversation(conversation);
    const found = stored?.scenario ?? notRun.get(scenario);
    if (found) asked.set(id, { objective: found.objective, attack: found.attack });
  }
  return asked;
}

/** What the round after this one takes over. Errors: `store`. */
export async function following(
  store: Store,
  run: RunRecord,
  chain: Chain,
  { unrun }: Pick<RoundScenarios, 'unrun'>,
  directory: string,
): Promise<Chain> {
  const curated = (await store.stage(run.id, 'curate')) as { dataset: string } | null;
  const data = curated && (await store.dataset(curated.dataset));
  if (!data) throw new TemperError('store', `the dataset of run ${run.id} is not in the store`);
  const before = new Map(chain.former.map(({ example: { id }, asked }) => [id, asked]));
  const asked = await askedBy(store, data.examples, unrun);
  const former = data.examples.map((example): Former => {
    const { id } = example;
    return { example, asked: asked.get(id) ?? before.get(id) };
  });
  const regression = (await store.stage(run.id, REGRESSION)) as Regression | null;
  return {
    number: chain.number + 1,
    of: chain.of,
    previous: run.id,
    ...(chain.from === undefined ? {} : { from: chain.from }),
    ...(run.adapter === undefined ? {} : { start: adapterPath(directory, run.adapter) }),
    former,
    regression: regression ?? NO_REGRESSION,
  };
}
