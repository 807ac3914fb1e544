/** A run: from the configuration to the scorecard, over the store. The only place that knows what a run is made of. */
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { type Emit, silent } from '../core/events.ts';
import { contentHash } from '../core/ids.ts';
import type { Finding, Scenario, Split } from '../core/records.ts';
import type { CuratedDataset } from '../curation/curate.ts';
import { importPreferences } from '../curation/import.ts';
import { createWriter } from '../curation/writers.ts';
import { adapterHash, loadAdapter } from '../engine/adapter.ts';
import { findingOf } from '../findings/findings.ts';
import type { Judge } from '../judges/judge.ts';
import { createJudge } from '../judges/registry.ts';
import { harmful, type Judged } from '../metrics/conversation.ts';
import { type Estimate, rate } from '../metrics/rate.ts';
import { type About, buildScorecard, type Scorecard } from '../metrics/scorecard.ts';
import type { Target } from '../models/target.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { expandSuite } from '../scenarios/expand.ts';
import { loadPromptList, loadSuites, type Suite, suiteHash } from '../scenarios/suite.ts';
import { lockStore } from '../store/lock.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { RunRecord, Store } from '../store/store.ts';
import { measure } from './measure.ts';
import {
  curateRound,
  type RoundDependencies,
  type RoundOptions,
  runRound,
  type RoundResult,
  type RoundScenarios,
} from './round.ts';
import type { FrontierPoint } from './select.ts';
import { EmbeddedTargets, locateModel, type ModelFile } from './targets.ts';

/** Part of every run's id: a change of the program that changes results gets a new number. */
const PROGRAM = 'temper/1';

export const storePath = (config: Config): string => join(config.directory, 'store.sqlite');

/** Everyday prompts as scenarios: no category, no check, only an answer worth keeping. */
function everydayScenarios(count: number): Scenario[] {
  const list = loadPromptList(BUILT_IN.everyday);
  return list.prompts.slice(0, count).map((prompt, index) => {
    const parts = {
      suite: `${list.id}@${list.version}`,
      split: 'dev' as const,
      category: 'everyday',
      kind: 'general' as const,
      metric: 'refusal' as const,
      persona: 'ordinary-person',
      objective: prompt,
      turns: 1,
    };
    return { id: contentHash(parts), key: `everyday-${index}`, ...parts };
  });
}

function suitesOf(config: Config, split: Split): Suite[] {
  const suites = loadSuites(config.suites.directory ?? BUILT_IN.suites).filter(
    (suite) => suite.split === split,
  );
  if (suites.length > 0) return suites;
  throw new TemperError('data', `there is no suite with the split '${split}'`, {
    hint: 'Name a folder that has one with --set suites.directory=...',
  });
}

/** Dev scenarios in two parts that share no objective, and the sealed ones. */
export function roundScenarios(config: Config): RoundScenarios {
  const limits = (split: 'dev' | 'sealed') =>
    Object.fromEntries(Object.entries(config.suites[split]).filter(([, value]) => value !== undefined));
  const dev = suitesOf(config, 'dev').flatMap((suite) =>
    expandSuite(suite, { limit: limits('dev'), seed: config.seed }),
  );
  const sealed = suitesOf(config, 'sealed').flatMap((suite) =>
    expandSuite(suite, { limit: limits('sealed'), seed: config.seed }),
  );
  const share = (scenario: Scenario): number =>
    Number.parseInt(contentHash({ holdout: scenario.objective }).slice(0, 8), 16) / 2 ** 32;
  const held = (scenario: Scenario): boolean => share(scenario) < config.selection.holdout;
  return {
    train: [...dev.filter((scenario) => !held(scenario)), ...everydayScenarios(config.suites.everyday)],
    holdout: dev.filter(held),
    sealed,
  };
}

export interface RunOutcome {
  readonly run: RunRecord;
  readonly scorecard: Scorecard;
  readonly frontier: readonly FrontierPoint[];
  readonly chosen: FrontierPoint;
  readonly before: readonly Judged[];
  readonly after: readonly Judged[];
  /** Whether the run had finished before and came from the store. */
  readonly known: boolean;
}

export interface RunOptions {
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
}

/** What every command over the store and a target needs, opened together and closed together. */
class Workplace implements AsyncDisposable {
  readonly #resources = new AsyncDisposableStack();
  readonly config: Config;
  readonly store: Store;
  readonly judge: Judge;
  readonly scenarios: RoundScenarios;
  readonly suites: readonly Suite[];
  readonly file: ModelFile;
  readonly targets: EmbeddedTargets;
  readonly tools: RunOptions;

  private constructor(config: Config, file: ModelFile, tools: RunOptions, store: Store, lock: Disposable) {
    this.config = config;
    this.tools = tools;
    this.file = file;
    this.#resources.use(lock);
    this.store = this.#resources.use(store);
    this.judge = createJudge(config.judge);
    this.scenarios = roundScenarios(config);
    this.suites = [...suitesOf(config, 'dev'), ...suitesOf(config, 'sealed')];
    this.targets = this.#resources.use(new EmbeddedTargets(file, config.target));
  }

  static async open(config: Config, tools: RunOptions): Promise<Workplace> {
    // Everything that can be wrong without the model or the store is found first.
    createJudge(config.judge);
    roundScenarios(config);
    const lock = lockStore(join(config.directory, 'lock'));
    try {
      const store = openSqlite(storePath(config));
      const file = await locateModel(config.target, config.models, tools.emit);
      return new Workplace(config, file, tools, store, lock);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  get emit(): Emit {
    return this.tools.emit ?? silent;
  }

  about(created: string, split: 'dev' | 'sealed'): About {
    const { target } = this.config;
    return {
      target: `${this.file.name}${target.adapter === undefined ? '' : ` + ${target.adapter}`}`,
      simulator: 'scripted personas',
      judge: `${this.judge.id}: ${this.judge.description}`,
      suite: this.suites
        .filter((suite) => suite.split === split)
        .map((suite) => `${suite.id}@${suite.version}`)
        .join(', '),
      split,
      seed: this.config.seed,
      created,
    };
  }

  measure(stage: string, scenarios: readonly Scenario[], target: Target): Promise<Judged[]> {
    const { seed, target: settings } = this.config;
    const options = {
      stage,
      seed,
      maxTokens: settings.maxTokens,
      system: settings.system,
      concurrency: settings.batch + 8,
      signal: this.tools.signal,
    };
    return measure(scenarios, target, { store: this.store, judge: this.judge, emit: this.emit }, options);
  }

  /** The round of this configuration, under its id. */
  async round(): Promise<{
    id: string;
    options: (created: string) => RoundOptions;
    dependencies: RoundDependencies;
  }> {
    const { config } = this;
    const { directory: _directory, models: _models, ...settings } = config;
    const id = contentHash({
      program: PROGRAM,
      settings,
      model: this.file.id,
      judge: this.judge.id,
      suites: this.suites.map(suiteHash),
    });
    const imported = (
      await Promise.all(config.curation.imports.map((source) => importPreferences(source, config.seed)))
    ).flat();
    const { signal } = this.tools;
    return {
      id,
      dependencies: {
        store: this.store,
        judge: this.judge,
        targets: this.targets,
        writer: createWriter(),
        emit: this.emit,
        ...(signal ? { signal } : {}),
      },
      options: (created) => ({
        run: id,
        directory: config.directory,
        seed: config.seed,
        target: config.target,
        curation: { ...config.curation, seed: config.seed },
        imported,
        training: config.training,
        selection: config.selection,
        gate: config.gate,
        about: this.about(created, 'sealed'),
      }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** Runs a round under this configuration, or continues it, or finds it finished. */
export async function runLoop(config: Config, tools: RunOptions = {}): Promise<RunOutcome> {
  await using workplace = await Workplace.open(config, tools);
  const { id, options, dependencies } = await workplace.round();
  const run = await openRun(workplace.store, id, config);
  const result = await runRound(workplace.scenarios, dependencies, options(run.created));
  return { ...result, ...(await closeRun(workplace.store, run, result)) };
}

async function openRun(store: Store, id: string, config: Config): Promise<RunRecord> {
  const known = await store.run(id);
  if (known) return known;
  const run: RunRecord = { id, created: new Date().toISOString(), status: 'running', config };
  await store.saveRun(run);
  return run;
}

async function closeRun(
  store: Store,
  run: RunRecord,
  { scorecard, adapter }: RoundResult,
): Promise<{ run: RunRecord; known: boolean }> {
  if (run.status === 'finished') return { run, known: true };
  const finished: RunRecord = {
    ...run,
    status: 'finished',
    scorecard,
    adapter,
    finished: new Date().toISOString(),
  };
  await store.saveRun(finished);
  return { run: finished, known: false };
}

/** A finished run again, with its conversations, from the store alone. Errors: `data` if there is none. */
export async function finishedRun(config: Config, id: string | undefined): Promise<RunOutcome> {
  const run = await (async () => {
    await using store = openSqlite(storePath(config));
    return id === undefined ? store.latestFinishedRun() : store.run(id);
  })();
  if (!run || run.status !== 'finished') {
    throw new TemperError(
      'data',
      id === undefined
        ? 'no run has finished in this store'
        : `the run ${id} is not in this store, or has not finished`,
      {
        hint: '`temper runs` lists the runs; `temper run` makes or continues one.',
      },
    );
  }
  const settings = { ...(run.config as Config), directory: config.directory, models: config.models };
  return runLoop(settings);
}

/** Measures the target alone on a split: a scorecard with one arm. */
export async function evaluate(
  config: Config,
  split: 'dev' | 'sealed',
  tools: RunOptions = {},
): Promise<{ scorecard: Scorecard; judged: Judged[] }> {
  await using workplace = await Workplace.open(config, tools);
  const { train, holdout, sealed } = workplace.scenarios;
  const chosen =
    split === 'sealed'
      ? sealed
      : [...train, ...holdout].filter((scenario) => scenario.category !== 'everyday');
  const judged = await workplace.measure('eval', chosen, await workplace.targets.base());
  return {
    scorecard: buildScorecard({ about: workplace.about(new Date().toISOString(), split), before: judged }),
    judged,
  };
}

export interface CampaignResult {
  readonly findings: readonly Finding[];
  readonly byAttack: readonly { name: string; rate: Estimate }[];
  readonly byCategory: readonly { name: string; rate: Estimate }[];
}

/** The adversarial dev scenarios against the target; what broke is stored as findings. */
export async function campaign(config: Config, tools: RunOptions = {}): Promise<CampaignResult> {
  await using workplace = await Workplace.open(config, tools);
  const { train, holdout } = workplace.scenarios;
  const adversarial = [...train, ...holdout].filter((scenario) => scenario.kind === 'adversarial');
  const judged = await workplace.measure('attack', adversarial, await workplace.targets.base());
  const { harmSeverity } = config.curation;
  const findings = judged.map((one) => findingOf(one, harmSeverity)).filter((finding) => finding !== null);
  await workplace.store.saveFindings(findings);
  const rates = (by: (scenario: Scenario) => string) =>
    [...Map.groupBy(judged, ({ scenario }) => by(scenario))]
      .map(([name, group]) => ({
        name,
        rate: rate(group.map((one) => ({ cluster: one.scenario.id, value: harmful(one, harmSeverity) }))),
      }))
      .sort((a, b) => (b.rate.value ?? -1) - (a.rate.value ?? -1) || (a.name < b.name ? -1 : 1));
  return {
    findings,
    byAttack: rates((scenario) => scenario.attack ?? 'plain'),
    byCategory: rates((scenario) => scenario.category),
  };
}

/** The dataset that a run of this configuration would train on. */
export async function curateDev(config: Config, tools: RunOptions = {}): Promise<CuratedDataset> {
  await using workplace = await Workplace.open(config, tools);
  const { id, options, dependencies } = await workplace.round();
  const run = await openRun(workplace.store, id, config);
  return curateRound(workplace.scenarios, dependencies, options(run.created));
}

/** Two adapters (or `base`) on the sealed scenarios, as the arms of one scorecard. */
export async function compareAdapters(
  config: Config,
  a: string,
  b: string,
  tools: RunOptions = {},
): Promise<Scorecard> {
  await using workplace = await Workplace.open(config, tools);
  const { targets, scenarios } = workplace;
  const arm = async (name: string): Promise<Judged[]> => {
    if (name === 'base') return workplace.measure('base', scenarios.sealed, await targets.base());
    const adapter = loadAdapter(name, targets.model.config);
    return workplace.measure(
      name,
      scenarios.sealed,
      await targets.adapted({ id: adapterHash(adapter), adapter }, 1),
    );
  };
  const before = await arm(a);
  const after = await arm(b);
  return buildScorecard({
    about: { ...workplace.about(new Date().toISOString(), 'sealed'), adapter: `${a} against ${b}` },
    before,
    after,
    gate: config.gate,
  });
}
