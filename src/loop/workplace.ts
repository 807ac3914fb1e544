/** What every command over a store and a target needs: scenarios, judge, model, store, opened and closed together. */
import { join } from 'node:path';
import { type Config, configSchema, recipeVariants } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { type Emit, silent } from '../core/events.ts';
import { resultHash } from '../core/ids.ts';
import type { Scenario } from '../core/records.ts';
import { importHash } from '../curation/import.ts';
import { reviserId } from '../curation/reviser.ts';
import { createWriter } from '../curation/writers.ts';
import type { Simulator } from '../dialogue/simulator.ts';
import type { Proposer } from '../dialogue/strategies/proposer.ts';
import type { Judge } from '../judges/judge.ts';
import { type Judged } from '../metrics/conversation.ts';
import { looksOf } from '../metrics/gate.ts';
import { type About } from '../metrics/scorecard.ts';
import type { Budget } from '../models/budget.ts';
import { requireConnection } from '../models/problems.ts';
import type { OpenedRole } from '../models/role.ts';
import type { Target } from '../models/target.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { suiteHash } from '../scenarios/suite.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';
import { lockStore } from '../store/lock.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { RunRecord, Store } from '../store/store.ts';
import { type Chain, linkOf, roundSeed } from './chain.ts';
import { type EventLog, openEventLog } from './event-log.ts';
import { importedExamples } from './imports.ts';
import { measure } from './measure.ts';
import type { Embedder } from './embedder.ts';
import { guardedBenchmarks } from './guards.ts';
import { loadPeople, type People } from './people.ts';
import { readBy } from './probing.ts';
import { NO_REGISTER, type RegisterData, registerData } from './register-data.ts';
import { type RoundDependencies, type RoundOptions } from './round.ts';
import { loadSplits, type RoundScenarios, roundScenarios, type SplitSuites } from './scenarios.ts';
import { Callers } from './callers.ts';
import { openTargets } from './remote-targets.ts';
import {
  openAttacker,
  openEmbedder,
  openJudge,
  openReviser,
  openSimulator,
  openTranslator,
  requireRoles,
} from './roles.ts';
import { mannerOf, type Targets } from './targets.ts';
import { elsewhere } from './trainer.ts';

/**
 * The configuration of a stored run, at the place where its store is now; what temper did not have yet when it ran is at
 * its default. Errors: `absent` for one that this version cannot read.
 */
export function settingsOf(run: RunRecord, { directory, models, calls }: Config): Config {
  const { directory: _directory, models: _models, calls: _calls, ...own } = run.config as Partial<Config>;
  const result = configSchema.safeParse(own);
  if (result.success) return { ...result.data, directory, models, calls };
  const problems = result.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`);
  throw new TemperError(
    'absent',
    `the configuration of run ${run.id} is of another version of temper:\n${problems.join('\n')}`,
    { hint: `Its scorecard is kept: temper report ${run.id}` },
  );
}

const OWN_JUDGE = 'The judge is the model under test: models grade their own answers kindly.';

export const storePath = (config: Config): string => join(config.directory, 'store.sqlite');

/** What outside of the configuration a round depends on, by hash; null: nothing. */
export interface Standing {
  /** What people decided. */
  readonly people: string | null;
  /** What the register fed. */
  readonly register: string | null;
}

export interface RoundPlace {
  readonly chain?: Chain | undefined;
  readonly dataset?: string | undefined;
  readonly standing?: Standing | undefined;
}

export interface RunOptions {
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
  /** Of a command that opens several workplaces; default: one of the workplace's own. */
  readonly budget?: Budget;
}

/** What every command over the store and a target needs, opened together and closed together. */
export class Workplace implements AsyncDisposable {
  readonly #resources: AsyncDisposableStack;
  readonly #callers: Callers;
  readonly config: Config;
  readonly store: Store;
  readonly judge: Judge;
  readonly simulator: Simulator;
  readonly scenarios: RoundScenarios;
  readonly suites: SplitSuites;
  readonly targets: Targets;
  readonly tools: RunOptions;
  readonly log: EventLog;
  #reviser: Promise<OpenedRole | null> | null = null;
  #embedder: Promise<Embedder | null> | null = null;

  private constructor(
    parts: Pick<
      Workplace,
      'config' | 'store' | 'judge' | 'simulator' | 'scenarios' | 'suites' | 'targets' | 'tools' | 'log'
    >,
    resources: AsyncDisposableStack,
    callers: Callers,
  ) {
    this.#callers = callers;
    this.config = parts.config;
    this.store = parts.store;
    this.judge = parts.judge;
    this.simulator = parts.simulator;
    this.scenarios = parts.scenarios;
    this.suites = parts.suites;
    this.targets = parts.targets;
    this.tools = parts.tools;
    this.log = parts.log;
    this.#resources = resources;
  }

  static async open(config: Config, options: RunOptions): Promise<Workplace> {
    // Everything that can be wrong without the model or the store is found first.
    requireConnection(config.target);
    requireRoles(config);
    const suites = loadSplits(config);
    const scenarios = roundScenarios(config, suites);
    await using resources = new AsyncDisposableStack();
    resources.use(lockStore(join(config.directory, 'lock')));
    const store = resources.use(openSqlite(storePath(config)));
    const log = openEventLog(config.directory, options.emit ?? silent);
    const tools = { ...options, emit: log.emit };
    const callers = resources.use(new Callers(config, tools));
    const targets = resources.use(await openTargets(config, callers));
    const judge = await openJudge(config, callers, resources);
    const simulator = await openSimulator(config, callers, resources);
    return new Workplace(
      { config, store, judge, simulator, scenarios, suites, targets, tools, log },
      resources.move(),
      callers,
    );
  }

  /** The model or the texts that word attacks; opened by those that need it. Errors: `config`, `model`, `store`. */
  openAttacker(): Promise<Proposer> {
    return openAttacker(this.config, this.#callers, this.#resources);
  }

  /** Errors: as above, and `config` where none is named. */
  openTranslator(): Promise<OpenedRole> {
    return openTranslator(this.config, this.#callers, this.#resources);
  }

  /** The model that rewrites chosen answers, opened once; null: none is named. */
  #openReviser(): Promise<OpenedRole | null> {
    this.#reviser ??= openReviser(this.config, this.#callers, this.#resources);
    return this.#reviser;
  }

  /** Opened once; null: none is named. */
  #openEmbedder(): Promise<Embedder | null> {
    this.#embedder ??= openEmbedder(this.config, this.#callers, this.#resources);
    return this.#embedder;
  }

  get emit(): Emit {
    return this.tools.emit ?? silent;
  }

  /** What the models of this command were asked so far, by role. */
  get usage(): Callers['usage'] {
    return this.#callers.usage;
  }

  /** Of what was measured; `split`: with the suites of it. */
  about(created: string, split?: 'dev' | 'sealed'): About {
    const { target } = this.config;
    const ownJudge = this.judge.models?.includes(this.targets.name) === true;
    return {
      ...(ownJudge ? { notes: [OWN_JUDGE] } : {}),
      target: `${this.targets.name}${target.adapter === undefined ? '' : ` + ${target.adapter}`}`,
      simulator: this.simulator.description,
      judge: `${this.judge.id}: ${this.judge.description}`,
      suite: (split === undefined ? [] : this.suites[split])
        .map((suite) => `${suite.id}@${suite.version}`)
        .join(', '),
      ...(split === undefined ? {} : { split }),
      seed: this.config.seed,
      created,
    };
  }

  measure(stage: string, scenarios: readonly Scenario[], target: Target, samples = 1): Promise<Judged[]> {
    const { seed, target: settings } = this.config;
    const { maxTokens, system } = settings;
    const options = { stage, seed, maxTokens, samples, system, signal: this.tools.signal };
    return measure(scenarios, target, this, { ...options, ...mannerOf(this.targets) });
  }

  /**
   * The round of this configuration, under its id. `chain`: of a round among several; `dataset`: of a family; `standing`: how things stood
   * when it was made; default: as they stand now.
   */
  async round({ chain, dataset, standing }: RoundPlace = {}): Promise<{
    id: string;
    stood: Standing;
    scenarios: RoundScenarios;
    options: (created: string) => RoundOptions;
    dependencies: RoundDependencies;
  }> {
    const { config } = this;
    const { directory: _directory, models: _models, calls: _calls, targets: _targets, ...named } = config;
    // How many rounds follow each other is of the chain.
    const { rounds: _rounds, ...own } = named;
    // Runs of before there was a choice keep their ids.
    const {
      simulator: _simulator,
      attacker: _attacker,
      translator: _translator,
      embeddings: _embeddings, // by the embedder's id, where it decides
      engine: _engine, // in the target's id
      training,
      suites,
      ...rest
    } = own;
    // A round measures no benchmark and translates nothing.
    const { benchmarks: _benchmarks, ...splits } = suites;
    const settings = { ...rest, suites: splits };
    const { lora, sft, dpo } = training;
    const variants = recipeVariants(training);
    const simulator = config.simulator === 'scripted' ? {} : { simulator: this.simulator.id };
    const people = await loadPeople(this.store);
    const seed = roundSeed(config.seed, chain?.number ?? 1);
    const scenarios = this.#scenariosOf(seed);
    const register = await this.#register(scenarios, people, chain);
    // What is measured elsewhere is not learnt here.
    const reviser = await this.#openReviser();
    const embedder = await this.#openEmbedder();
    const benchmarks = await guardedBenchmarks(suites.benchmarks, this.emit);
    const stood: Standing = standing ?? { people: people.id, register: register.id };
    const id = resultHash({
      settings: { ...settings, training: { lora, sft, dpo, ...(variants.length > 0 ? { variants } : {}) } },
      ...elsewhere(training),
      model: this.targets.id,
      judge: this.judge.id,
      ...simulator,
      suites: [...this.suites.dev, ...this.suites.sealed].map(suiteHash),
      // What the settings name by path, by content.
      imports: await Promise.all(config.curation.imports.map(({ path }) => importHash(path))),
      // Imports of before it was looked for kept it.
      ...(config.curation.imports.length > 0
        ? { personalData: config.curation.personalData ?? 'imports' }
        : {}),
      start: this.targets.weights?.start?.id,
      ...(reviser === null ? {} : { reviser: reviserId(reviser) }),
      ...(embedder === null || config.curation.imports.length === 0 ? {} : { embedder: embedder.id }),
      ...(benchmarks.hash === null ? {} : { benchmarks: benchmarks.hash }),
      ...(stood.people === null ? {} : { people: stood.people }),
      ...(stood.register === null ? {} : { register: stood.register }),
      ...(chain ? { round: linkOf(chain) } : {}),
      ...(dataset === undefined ? {} : { dataset }),
    });
    const guarded = [...scenarios.guarded, ...benchmarks.texts];
    const { judge, emit } = this;
    const imported = await importedExamples(config, {
      judge,
      embedder,
      guarded,
      emit,
      signal: this.tools.signal,
    });
    const { signal } = this.tools;
    const asked = [...scenarios.train, ...scenarios.unrun.map(({ scenario }) => scenario)];
    const readable = config.curation.probe ? await readBy(this, asked) : undefined;
    return {
      id,
      stood,
      scenarios: { ...scenarios, guarded },
      dependencies: {
        store: this.store,
        judge: this.judge,
        simulator: this.simulator,
        targets: this.targets,
        writer: createWriter({ phrases: config.curation.declinePhrases }),
        reviser,
        emit: this.emit,
        ...(signal ? { signal } : {}),
      },
      options: (created) => ({
        run: id,
        directory: config.directory,
        seed: config.seed,
        target: config.target,
        curation: { ...config.curation, seed, ...(readable ? { readable } : {}) },
        imported,
        register,
        ...(chain ? { chain } : {}),
        ...(dataset === undefined ? {} : { dataset }),
        training: { ...training, variants },
        people,
        selection: config.selection,
        gate: looksOf(config.gate),
        about: this.about(created, 'sealed'),
      }),
    };
  }

  /** Other dev scenarios for another seed; those to choose by and the sealed ones stay, so that rounds compare. */
  #scenariosOf(seed: number): RoundScenarios {
    if (seed === this.config.seed) return this.scenarios;
    const { train, unrun } = roundScenarios({ ...this.config, seed }, this.suites);
    return { ...this.scenarios, train, unrun };
  }

  /** A later round has what the register fed in its former data. */
  async #register(
    { train }: RoundScenarios,
    { byHand }: People,
    chain: Chain | undefined,
  ): Promise<RegisterData> {
    if (chain && chain.number > 1) return NO_REGISTER;
    const leaves = leavesById(loadTaxonomy(BUILT_IN.taxonomy));
    const taken = {
      scenarios: new Set(train.map(({ id }) => id)),
      findings: new Set(byHand.map(({ finding }) => finding.id)),
    };
    return registerData(this.store, taken, (category) => leaves.has(category));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
