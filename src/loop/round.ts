/**
 * One round: break the target on dev, curate what broke, train SFT then DPO, choose on held-out dev, verify on sealed.
 * Each stage stores its result under a name; a run that is started again passes over what is there.
 */
import type { Emit } from '../core/events.ts';
import type { PreferenceExample, Scenario } from '../core/records.ts';
import type { CuratedDataset, CurationOptions, ResponseWriter } from '../curation/curate.ts';
import { curate } from '../curation/curate.ts';
import { Firewall } from '../curation/firewall.ts';
import type { ReviserTools } from '../curation/reviser.ts';
import type { Simulator } from '../dialogue/simulator.ts';
import { findingOf } from '../findings/findings.ts';
import type { Judge } from '../judges/judge.ts';
import type { Judged } from '../metrics/conversation.ts';
import { type GateOptions, scenariosWanted } from '../metrics/gate.ts';
import type { About, Scorecard } from '../metrics/scorecard.ts';
import type { OpenedRole } from '../models/role.ts';
import type { Target } from '../models/target.ts';
import type { Store } from '../store/store.ts';
import type { Checkpoint } from './trainer.ts';
import { countsText } from './counts.ts';
import { type Frontier, limitsOf, selectCandidate, strengthsOf } from './frontier.ts';
import type { Phase } from './phases.ts';
import { type Chain, checkpointOf, startOf } from './chain.ts';
import { type RegisterData, registerText, ROUND_SOURCE } from './register-data.ts';
import { answersBegun, answersDue, withRevisedDeclines } from './revision.ts';
import { attackShortList, shortListText } from './short-list.ts';
import { Stages } from './stages.ts';
import { REGRESSION, regress, type Regression } from './regression.ts';
import {
  release,
  type RoundTraining,
  startingAdapter,
  type TrainingDependencies,
  trainingPhases,
  trainRound,
} from './training.ts';
import { finalsText, type FrontierPoint, type Selection, tellFrontier } from './select.ts';
import { decided, type People, peopleText } from './people.ts';
import { requireWeights } from './remote-targets.ts';
import type { RoundScenarios } from './scenarios.ts';
import { scorecardOf } from './scorecard.ts';
import type { EmbeddedTargets, NamedAdapter, Targets } from './targets.ts';

export interface RoundDependencies {
  readonly store: Store;
  readonly judge: Judge;
  /** Default: the scripted personas. */
  readonly simulator?: Simulator;
  readonly targets: Targets;
  readonly writer: ResponseWriter;
  /** A model that criticises and rewrites chosen answers; null: what the writer says stands. */
  readonly reviser?: OpenedRole | null;
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
}

export interface RoundOptions {
  readonly run: string;
  readonly directory: string;
  readonly seed: number;
  readonly target: {
    readonly maxTokens: number;
    readonly system?: string | undefined;
  };
  readonly curation: CurationOptions & {
    readonly harmSeverity: number;
    readonly maxTokens: number;
    readonly beginAnswers?: boolean;
  };
  readonly imported: readonly PreferenceExample[];
  readonly register: RegisterData;
  readonly people: People;
  /** Of a round among several. */
  readonly chain?: Chain;
  /** Of a family: what to learn from, instead of what breaks the target. */
  readonly dataset?: string;
  readonly training: RoundTraining;
  readonly selection: {
    readonly strengths: readonly number[];
    readonly between: readonly number[];
    readonly maxOverRefusal: number;
    readonly maxTokens: number;
    /** Checkpoints without a better one that end a training; undefined: none do. */
    readonly patience?: number | undefined;
    /** So many of the best meet more held-out scenarios, and these choose; null: none does. */
    readonly final?: { readonly candidates: number } | null;
    /** The best candidates are attacked, too, each with a budget of messages; undefined: none is. */
    readonly attack?: { readonly candidates: number; readonly budget: number } | undefined;
  };
  readonly gate: GateOptions;
  readonly about: About;
}

/** Without `chosen`, `adapter` and `after` where nothing broke: there was nothing to fix. */
export interface RoundResult extends Omit<Selection, 'chosen'>, Partial<Pick<Selection, 'chosen'>> {
  readonly scorecard: Scorecard;
  readonly adapter?: string;
  readonly before: readonly Judged[];
  readonly after?: readonly Judged[];
}

const NOTHING_TO_FIX =
  'Nothing to fix: no dev scenario broke the target, so no adapter was trained. Below: the target as it is.';

/** The result of the stage `curate`. Absent `findings`: from a store of before they were counted, and so there are some. */
interface Curated {
  readonly dataset: string;
  readonly findings?: number;
}

class Round extends Stages {
  readonly #dependencies: RoundDependencies;
  readonly #options: RoundOptions;

  constructor(dependencies: RoundDependencies, options: RoundOptions, phases: readonly Phase[]) {
    super(dependencies, options, phases);
    this.#dependencies = dependencies;
    this.#options = options;
  }

  get #weights(): EmbeddedTargets {
    return requireWeights(this.#dependencies.targets, 'training');
  }

  get #training(): TrainingDependencies {
    const { store, signal } = this.#dependencies;
    return { store, stages: this, weights: this.#weights, signal };
  }

  /** The target as the round finds it: as configured, or as the round before left it. */
  async asFound(options: { maxTokens?: number } = {}): Promise<Target> {
    const { targets } = this.#dependencies;
    const before = this.#options.chain?.start;
    if (before === undefined) return targets.base(options);
    return this.#weights.adapted(startOf(this.#weights, before)!, 1, options);
  }

  /** Runs the dev scenarios and curates the dataset from what broke. */
  async curate(scenarios: RoundScenarios): Promise<{ dataset: CuratedDataset; findings: number }> {
    const { store, writer } = this.#dependencies;
    const { curation, imported, register, people, chain, run } = this.#options;
    const { maxTokens, seed } = curation;
    const found = await this.asFound({ maxTokens });
    const judged = await this.measure('break', scenarios.train, found, { maxTokens, seed });
    const findings = judged
      .map((one) => findingOf(one, curation.harmSeverity))
      .filter((finding) => finding !== null);
    await store.saveFindings(findings, chain && `${ROUND_SOURCE}${run}`);
    this.phase('curate');
    for (const told of [registerText(register), peopleText(people)])
      if (told !== null) this.emit({ type: 'note', level: 'info', message: told });
    const { unrun, guarded } = scenarios;
    const seen = decided(people, judged, findings);
    const known = {
      register: register.findings,
      former:
        chain?.former.filter(({ example }) => !people.dismissed.has(example.lineage.finding ?? '')) ?? [],
      dismissed: new Set(
        findings.flatMap(({ id, conversation }) => (people.dismissed.has(id) ? [conversation] : [])),
      ),
    };
    const tools = this.#reviser(guarded);
    const { judge, signal } = this.#dependencies;
    const answered =
      tools !== null
        ? await answersDue(judged, tools, this.emit)
        : curation.beginAnswers
          ? await answersBegun(judged, { target: found, judge, seed, maxTokens, signal }, this.emit)
          : [];
    const drafted = curate({ ...seen, ...known, unrun, imported, answered, guarded, writer }, curation);
    const dataset =
      tools === null
        ? drafted
        : await withRevisedDeclines(drafted, curation, people.reviews, tools, this.emit);
    const { counts, removed, examples, left } = dataset;
    await store.saveDataset(dataset.id, examples, { counts, removed, left });
    const message = `${seen.findings.length} findings; ${countsText(dataset)}`;
    this.emit({ type: 'note', level: 'info', message });
    return { dataset, findings: seen.findings.length + register.findings.length };
  }

  #reviser(guarded: RoundScenarios['guarded']): ReviserTools | null {
    const { reviser: role, judge, signal } = this.#dependencies;
    if (!role) return null;
    return { role, judge, firewall: new Firewall(guarded), seed: this.#options.seed, signal };
  }

  breakAndCurate(scenarios: RoundScenarios): Promise<Curated> {
    const { dataset: given } = this.#options;
    return this.stage('curate', ['break', 'curate'], async () => {
      if (given !== undefined) {
        const { examples } = (await this.#dependencies.store.dataset(given))!;
        this.phase('curate');
        return { dataset: given, findings: examples.length };
      }
      const { dataset, findings } = await this.curate(scenarios);
      return { dataset: dataset.id, findings };
    });
  }

  /** What training starts from. Errors: those of a fresh adapter that fits nothing of the model. */
  start(): NamedAdapter {
    return startingAdapter(this.#weights, this.#options);
  }

  train(dataset: string, start: NamedAdapter, scenarios: RoundScenarios): Promise<Checkpoint[]> {
    const dependencies = { ...this.#training, frontier: this.#frontier(scenarios) };
    return trainRound(dataset, start, dependencies, this.#options);
  }

  #frontier({ holdout, finals }: RoundScenarios): Frontier {
    return { weights: this.#weights, stages: this, holdout, finals, options: this.#options };
  }

  /** Measures every checkpoint at every strength on the held-out scenarios, attacks the best ones if that is wanted, and chooses. */
  select(checkpoints: readonly Checkpoint[], scenarios: RoundScenarios): Promise<Selection> {
    const { chain, selection } = this.#options;
    const place = this.#frontier(scenarios);
    // What a round starts from must be among the choices as it is.
    const found = checkpointOf(chain);
    const strengths = strengthsOf(this.#options);
    const candidates = [
      ...(found ? [{ checkpoint: found, strengths: [1] }] : []),
      ...checkpoints.map((checkpoint) => ({ checkpoint, strengths })),
    ];
    const { attack } = selection;
    return this.stage('select', attack ? ['choose', 'attack'] : ['choose'], async () => {
      const ranked = await selectCandidate(place, candidates);
      tellFrontier(ranked, limitsOf(this.#options), this.emit);
      if (!attack) return ranked;
      this.phase('attack');
      const attacked = { ...place, options: this.#options, dependencies: this.#dependencies };
      return attackShortList(
        attacked,
        ranked,
        candidates.map(({ checkpoint }) => checkpoint),
        attack,
      );
    });
  }

  release(checkpoints: readonly Checkpoint[], chosen: FrontierPoint): string {
    const found = checkpointOf(this.#options.chain);
    if (found?.id === chosen.adapter) return found.directory;
    return release(this.#weights, checkpoints, chosen, this.#options);
  }

  /** The sealed scenarios with the target as it was before all rounds. */
  async before(sealed: readonly Scenario[]): Promise<Judged[]> {
    this.phase('verify');
    return this.measure('verify: before', sealed, await this.#dependencies.targets.base());
  }

  released(directory: string): Promise<Target> {
    return this.#weights.adapted(startOf(this.#weights, directory)!, 1);
  }

  /** The sealed scenarios without and with an adapter; an inconclusive gate may look a second time, at more of them. */
  async verify(
    { sealed, moreSealed }: RoundScenarios,
    directory: string,
    about: About,
  ): Promise<{ before: Judged[]; after: Judged[]; card: Scorecard }> {
    const { gate } = this.#options;
    const look = async (at: readonly Scenario[], notes: readonly string[]) => {
      const before = await this.before(at);
      const after = await this.measure('verify: after', at, await this.released(directory));
      const told = { ...about, notes: [...(about.notes ?? []), ...notes] };
      return { before, after, card: scorecardOf({ about: told, before, after, gate }) };
    };
    const first = await look(sealed, []);
    const { card } = first;
    const wanted = scenariosWanted(card.gate, card, card.harm.curve[gate.harmSeverity - 1]!);
    if (Object.keys(wanted).length === 0) return first;
    const more = moreSealed(wanted);
    const note = secondLook(card, sealed, more);
    this.emit({ type: 'note', level: 'info', message: note });
    return more.length > sealed.length ? look(more, [note]) : first;
  }

  /** What became of the findings; only among several rounds. */
  async regress(dataset: string, directory: string): Promise<Regression | undefined> {
    const { chain, curation } = this.#options;
    if (!chain) return undefined;
    return this.stage(REGRESSION, ['replay'], async () => {
      const { examples } = (await this.#dependencies.store.dataset(dataset))!;
      return regress(
        { ...this.#dependencies, stages: this },
        { asFound: () => this.asFound(), released: () => this.released(directory) },
        { ...this.#options, chain, examples, harmSeverity: curation.harmSeverity },
      );
    });
  }
}

/** What was collected, and of what kind. */
function secondLook({ gate }: Scorecard, first: readonly Scenario[], all: readonly Scenario[]): string {
  const open = gate!.criteria.filter(({ outcome }) => outcome === 'inconclusive').map(({ name }) => name);
  const why = `the gate was inconclusive on ${open.join(', ')} after ${first.length} sealed scenarios`;
  if (all.length === first.length) return `${why}; the suites have no more of those that would decide`;
  const seen = new Set(first.map(({ id }) => id));
  const added = Map.groupBy(
    all.filter(({ id }) => !seen.has(id)),
    ({ kind }) => kind,
  );
  const counts = [...added].map(([kind, of]) => `${of.length} ${kind}`).join(', ');
  return `A second look: ${why}, so more were measured (${counts}); each look is at level ${gate!.options.alpha}.`;
}

/** The first half of a round alone: break, and curate what broke. */
export async function curateRound(
  scenarios: RoundScenarios,
  dependencies: RoundDependencies,
  options: RoundOptions,
): Promise<CuratedDataset> {
  const round = new Round(dependencies, options, ['break', 'curate']);
  round.phase('break');
  return (await round.curate(scenarios)).dataset;
}

/** Runs a round to its scorecard, or finds it finished in the store. */
export async function runRound(
  scenarios: RoundScenarios,
  dependencies: RoundDependencies,
  options: RoundOptions,
): Promise<RoundResult> {
  const training = trainingPhases(options.training);
  const more = options.chain ? (['replay'] as const) : [];
  const attack = options.selection.attack ? (['attack'] as const) : [];
  const phases = ['break', 'curate', ...training, 'choose', ...attack, 'verify', ...more] as const;
  const round = new Round(dependencies, options, phases);
  // Before the work, so that an adapter that cannot be trained costs none of it.
  const start = round.start();
  const { sealed } = scenarios;
  const { dataset, findings } = await round.breakAndCurate(scenarios);
  if (findings === 0) {
    const before = await round.before(sealed);
    const about = { ...options.about, notes: [...(options.about.notes ?? []), NOTHING_TO_FIX] };
    return { scorecard: scorecardOf({ about, before }), frontier: [], before };
  }
  const checkpoints = await round.train(dataset, start, scenarios);
  const selection = await round.select(checkpoints, scenarios);
  const { chosen } = selection;
  const adapter = round.release(checkpoints, chosen);
  const told = [finalsText(selection, options.gate), shortListText(selection)].filter(
    (text) => text !== null,
  );
  const about = {
    ...options.about,
    adapter: `${chosen.checkpoint}, strength ${chosen.strength}`,
    ...(told.length === 0 ? {} : { notes: [...(options.about.notes ?? []), ...told] }),
  };
  const { before, after, card } = await round.verify(scenarios, adapter, about);
  const regression = await round.regress(dataset, adapter);
  const scorecard = regression ? { ...card, regression: regression.numbers } : card;
  return { scorecard, ...selection, adapter, before, after };
}
