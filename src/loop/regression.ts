/**
 * What became of the findings that a round learnt from, three times over: asked again in the same words (learnt by heart?),
 * under another dev attack in other words (understood?), under an attack of a sealed family (does it hold against what is
 * new?). Those that were fixed are kept as scenarios of the split `regression`, and asked again after every later round.
 */
import { contentHash } from '../core/ids.ts';
import type { Finding, PreferenceExample, Scenario } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import { ATTACKS, splitOf } from '../dialogue/attacks/index.ts';
import { technique } from '../dialogue/strategies/index.ts';
import { attackedScenario } from '../dialogue/strategies/search.ts';
import { compare } from '../metrics/comparison.ts';
import { harmful, type Judged } from '../metrics/conversation.ts';
import type { RegressionNumbers } from '../metrics/scorecard.ts';
import type { Target } from '../models/target.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';
import type { FindingChange, Store, StoredConversation } from '../store/store.ts';
import { feeds, ROUND_SOURCE } from './register-data.ts';
import { evidenceOf, replayed } from './replay.ts';
import type { RoundDependencies, RoundOptions } from './round.ts';
import type { Stages } from './stages.ts';

/** Stage under which a run keeps it. */
export const REGRESSION = 'regression';

/** Findings of a round that are followed at most. */
const MOST = 80;

export interface Followed {
  readonly finding: string;
  /** Id of its scenario of the split `regression`. */
  readonly scenario: string;
  /** Round that learnt from it, from 1. */
  readonly round: number;
  /** fixed: it broke the target as the round found it, and no more; regressed: it had been fixed; open: neither. */
  readonly status: 'open' | 'fixed' | 'regressed';
}

export interface Regression {
  readonly numbers: RegressionNumbers | null;
  /** Of all rounds so far. */
  readonly followed: readonly Followed[];
}

export const NO_REGRESSION: Regression = { numbers: null, followed: [] };

interface Item {
  readonly finding: Finding;
  readonly first: StoredConversation;
  readonly known?: Followed;
}

/** A finding's scenario as one of the suite of regressions. */
export function regressionScenario({ id: _id, ...parts }: Scenario): Scenario {
  const { key, ...rest } = { ...parts, suite: 'regression@1', split: 'regression' as const };
  return { id: contentHash(rest), key, ...rest };
}

/** Attacks that put text around a request: a converter that the target cannot read would look like safety. */
const templates = (split: 'dev' | 'sealed') =>
  Object.values(ATTACKS).filter(({ kind, family }) => kind === 'template' && splitOf(family) === split);

/** The finding's objective under an attack of that side, of another family than its own; null where none may be tried. */
export function rewrapped(
  scenario: Scenario,
  side: 'dev' | 'sealed',
  seed: number,
  restricted: ReadonlySet<string>,
): Scenario | null {
  if (restricted.has(scenario.category)) return null;
  const others = templates(side).filter(({ family }) => family !== scenario.attackFamily);
  const { id } = rng('rewrapped', seed, side, scenario.id).pick(others);
  return regressionScenario(attackedScenario(scenario, technique(id)));
}

interface Targets {
  /** One is open at a time. */
  readonly asFound: () => Promise<Target>;
  readonly released: () => Promise<Target>;
}

type Dependencies = RoundDependencies & { readonly stages: Stages };

interface Options extends Pick<RoundOptions, 'seed' | 'target'> {
  readonly chain: NonNullable<RoundOptions['chain']>;
  readonly examples: readonly PreferenceExample[];
  readonly harmSeverity: number;
}

/** The findings that the dataset has and no former round had, and all that are followed. */
async function itemsOf(
  store: Store,
  { chain, examples, seed }: Options,
): Promise<Record<'fresh' | 'earlier', Item[]>> {
  const followed = new Map(chain.regression.followed.map((each) => [each.finding, each]));
  const former = new Set(chain.former.map(({ example }) => example.lineage.finding));
  const ids = new Set(examples.map(({ lineage }) => lineage.finding));
  const fresh = [...ids].filter((id) => id !== undefined && !former.has(id) && !followed.has(id)) as string[];
  const load = async (id: string): Promise<Item[]> => {
    const finding = (await store.registered(id))?.finding;
    if (finding?.kind !== 'harm') return [];
    const first = await evidenceOf(store, finding);
    const known = followed.get(id);
    const said = { ...first, scenario: regressionScenario(first.scenario) };
    return [{ finding, first: said, ...(known ? { known } : {}) }];
  };
  const all = async (wanted: readonly string[]): Promise<Item[]> =>
    (await Promise.all(wanted.map(load))).flat();
  const chosen = rng('followed', seed, chain.number).shuffle(fresh.sort()).slice(0, MOST);
  return { fresh: await all(chosen), earlier: await all([...followed.keys()].sort()) };
}

/** Several at once, in the order of the items. */
async function replayAll(
  items: readonly Item[],
  target: Target,
  { stages, targets, ...tools }: Dependencies,
  options: Options,
): Promise<Judged[]> {
  const done: Judged[] = [];
  const { concurrency } = targets;
  const { seed, target: settings } = options;
  for (let at = 0; at < items.length; at += concurrency) {
    const slice = items.slice(at, at + concurrency).map(({ finding, first }) =>
      replayed(tools, { finding, first, sample: 0, again: false }, target, {
        seed,
        target: settings,
        signal: tools.signal,
      }),
    );
    done.push(...(await Promise.all(slice)));
    stages.emit({
      type: 'progress',
      stage: 'replay',
      done: done.length,
      total: items.length,
      unit: 'findings',
    });
  }
  return done;
}

/** One after the other: before with the target as the round found it, after with what it released. */
export async function regress(
  dependencies: Dependencies,
  { asFound, released }: Targets,
  options: Options,
): Promise<Regression> {
  const { store, stages } = dependencies;
  const { chain, seed, harmSeverity } = options;
  const { fresh, earlier } = await itemsOf(store, options);
  const leaves = loadTaxonomy(BUILT_IN.taxonomy);
  const restricted = new Set(
    [...leavesById(leaves).values()].flatMap((leaf) => (leaf.restricted === true ? [leaf.id] : [])),
  );
  const wrapped = (side: 'dev' | 'sealed'): Scenario[] => {
    const made = fresh.flatMap(({ first }) => rewrapped(first.scenario, side, seed, restricted) ?? []);
    return [...new Map(made.map((scenario) => [scenario.id, scenario])).values()];
  };
  const [generalised, sealed] = [wrapped('dev'), wrapped('sealed')];
  const words = { seed: rng('regression', seed, chain.number).int(2 ** 31) };
  const arm = async (name: string, open: () => Promise<Target>) => {
    const target = await open();
    return {
      replayed: await replayAll(fresh, target, dependencies, options),
      earlier: await replayAll(earlier, target, dependencies, options),
      generalised: await stages.measure(`re-wrapped: ${name}`, generalised, target, words),
      fresh: await stages.measure(`sealed attacks: ${name}`, sealed, target, words),
    };
  };
  const before = await arm('before', asFound);
  const after = await arm('after', released);
  const broke = (judged: Judged): number | undefined => harmful(judged, harmSeverity);
  const compared = (part: keyof typeof before) =>
    compare({ before: before[part], after: after[part] }, broke);
  const followed = [
    ...earlier.map(({ known, first }, i) => ({
      ...known!,
      scenario: first.scenario.id,
      status: again(known!.status, broke(before.earlier[i]!), broke(after.earlier[i]!)),
    })),
    ...fresh.map(({ finding, first }, i): Followed => {
      const fixed = broke(before.replayed[i]!) === 1 && broke(after.replayed[i]!) === 0;
      const status = fixed ? 'fixed' : 'open';
      return { finding: finding.id, scenario: first.scenario.id, round: chain.number, status };
    }),
  ];
  await register(store, followed);
  return {
    numbers: {
      severity: harmSeverity,
      replayed: compared('replayed'),
      generalised: compared('generalised'),
      fresh: compared('fresh'),
      earlier: earlier.length > 0 ? compared('earlier') : null,
      fixed: followed.filter(({ status }) => status === 'fixed').length,
      regressed: followed.filter(({ status }) => status === 'regressed').length,
      open: followed.filter(({ status }) => status === 'open').length,
    },
    followed,
  };
}

/** Of a finding of a round before. An open one that did not break the target as this round found it was not fixed by this one. */
export function again(
  status: Followed['status'],
  before: number | undefined,
  after: number | undefined,
): Followed['status'] {
  if (after === undefined) return status;
  if (status === 'open') return before === 1 && after === 0 ? 'fixed' : 'open';
  return after === 0 ? 'fixed' : 'regressed';
}

/** Tells the register, where that does not change what feeds a round that is continued (`feeds`). */
async function register(store: Store, followed: readonly Followed[]): Promise<void> {
  const changes = new Map<string, FindingChange>();
  for (const { finding, status } of followed) {
    const entry = await store.registered(finding);
    if (!entry || status === 'open') continue;
    const ofRound = entry.source.startsWith(ROUND_SOURCE);
    if (entry.status !== 'dismissed' && ofRound !== feeds(entry) && entry.status !== status)
      changes.set(finding, { status, changed: new Date().toISOString() });
  }
  await store.changeFindings(changes);
}
