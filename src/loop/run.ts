/** A run: from the configuration to the scorecard, over the store. The only place that knows what a run is made of. */
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { type Emit, silent } from '../core/events.ts';
import { contentHash } from '../core/ids.ts';
import { TemperError } from '../core/errors.ts';
import type { Scenario, Split } from '../core/records.ts';
import { importPreferences } from '../curation/import.ts';
import type { ResponseWriter } from '../curation/curate.ts';
import { DECLINE_WRITER, OVER_REFUSAL_WRITER, writeDecline, writeOverRefusal } from '../curation/writers.ts';
import { createJudge } from '../judges/registry.ts';
import type { Judged } from '../metrics/conversation.ts';
import { type About, buildScorecard, type Scorecard } from '../metrics/scorecard.ts';
import { expandSuite } from '../scenarios/expand.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';
import { loadPromptList, loadSuites, type Suite, suiteHash } from '../scenarios/suite.ts';
import { lockStore } from '../store/lock.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { RunRecord, Store } from '../store/store.ts';
import type { FrontierPoint } from './select.ts';
import { runRound, type RoundResult, type RoundScenarios } from './round.ts';
import { EmbeddedTargets, locateModel } from './targets.ts';

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

/** The built-in writers, by the built-in taxonomy. */
function builtInWriter(): ResponseWriter {
  const leaves = leavesById(loadTaxonomy(BUILT_IN.taxonomy));
  return {
    declineId: DECLINE_WRITER,
    overRefusalId: OVER_REFUSAL_WRITER,
    decline(category, random) {
      const leaf = leaves.get(category);
      if (!leaf) throw new TemperError('data', `a suite uses the category '${category}', which the taxonomy does not have`);
      return writeDecline(leaf, random);
    },
    overRefusal: writeOverRefusal,
  };
}

function suitesOf(config: Config, split: Split): Suite[] {
  const suites = loadSuites(config.suites.directory ?? BUILT_IN.suites).filter((suite) => suite.split === split);
  if (suites.length > 0) return suites;
  throw new TemperError('data', `there is no suite with the split '${split}'`, {
    hint: 'Name a folder that has one with --set suites.directory=...',
  });
}

/** Dev scenarios in two parts that share no objective, and the sealed ones. */
export function roundScenarios(config: Config): RoundScenarios {
  const limits = (split: 'dev' | 'sealed') =>
    Object.fromEntries(Object.entries(config.suites[split]).filter(([, value]) => value !== undefined));
  const dev = suitesOf(config, 'dev').flatMap((suite) => expandSuite(suite, { limit: limits('dev'), seed: config.seed }));
  const sealed = suitesOf(config, 'sealed').flatMap((suite) => expandSuite(suite, { limit: limits('sealed'), seed: config.seed }));
  const share = (scenario: Scenario): number => Number.parseInt(contentHash({ holdout: scenario.objective }).slice(0, 8), 16) / 2 ** 32;
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

/** Runs a round under this configuration, or continues it, or finds it finished. */
export async function runLoop(config: Config, { emit = silent, signal }: RunOptions = {}): Promise<RunOutcome> {
  using _lock = lockStore(join(config.directory, 'lock'));
  await using store = openSqlite(storePath(config));
  const scenarios = roundScenarios(config);
  const judge = createJudge(config.judge);
  const file = await locateModel(config.target, config.models, emit);
  const { directory: _directory, models: _models, ...settings } = config;
  const suites = [...suitesOf(config, 'dev'), ...suitesOf(config, 'sealed')];
  const id = contentHash({ program: PROGRAM, settings, model: file.id, judge: judge.id, suites: suites.map(suiteHash) });
  const run = await openRun(store, id, settings);
  const about: About = {
    target: `${file.name}${config.target.adapter === undefined ? '' : ` + ${config.target.adapter}`}`,
    simulator: 'scripted personas',
    judge: `${judge.id}: ${judge.description}`,
    suite: suites.map((suite) => `${suite.id}@${suite.version}`).join(', '),
    split: 'sealed',
    seed: config.seed,
    created: run.created,
  };
  const imported = (await Promise.all(config.curation.imports.map((source) => importPreferences(source, config.seed)))).flat();
  await using targets = new EmbeddedTargets(file, config.target);
  const result = await runRound(
    scenarios,
    { store, judge, targets, writer: builtInWriter(), emit, ...(signal ? { signal } : {}) },
    {
      run: id,
      directory: config.directory,
      seed: config.seed,
      target: config.target,
      curation: { ...config.curation, seed: config.seed },
      imported,
      training: config.training,
      selection: config.selection,
      gate: config.gate,
      about,
    },
  );
  return { ...result, ...(await closeRun(store, run, result)) };
}

async function openRun(store: Store, id: string, settings: unknown): Promise<RunRecord> {
  const known = await store.run(id);
  if (known) return known;
  const run: RunRecord = { id, created: new Date().toISOString(), status: 'running', config: settings };
  await store.saveRun(run);
  return run;
}

async function closeRun(store: Store, run: RunRecord, { scorecard, adapter }: RoundResult): Promise<{ run: RunRecord; known: boolean }> {
  if (run.status === 'finished') return { run, known: true };
  const finished: RunRecord = { ...run, status: 'finished', scorecard, adapter, finished: new Date().toISOString() };
  await store.saveRun(finished);
  return { run: finished, known: false };
}

/** Measures the target alone on a split: a scorecard with one arm. */
export async function evaluate(config: Config, split: 'dev' | 'sealed', { emit = silent, signal }: RunOptions = {}): Promise<{ scorecard: Scorecard; judged: Judged[] }> {
  using _lock = lockStore(join(config.directory, 'lock'));
  await using store = openSqlite(storePath(config));
  const { measure } = await import('./measure.ts');
  const scenarios = roundScenarios(config);
  const chosen = split === 'sealed' ? scenarios.sealed : [...scenarios.train, ...scenarios.holdout].filter((scenario) => scenario.category !== 'everyday');
  const judge = createJudge(config.judge);
  const file = await locateModel(config.target, config.models, emit);
  await using targets = new EmbeddedTargets(file, config.target);
  const target = await targets.base();
  const judged = await measure(chosen, target, { store, judge, emit }, {
    stage: 'eval',
    seed: config.seed,
    maxTokens: config.target.maxTokens,
    system: config.target.system,
    concurrency: config.target.batch + 8,
    signal,
  });
  const about: About = {
    target: file.name,
    simulator: 'scripted personas',
    judge: `${judge.id}: ${judge.description}`,
    suite: config.suites.directory ?? 'built-in',
    split,
    seed: config.seed,
    created: new Date().toISOString(),
  };
  return { scorecard: buildScorecard({ about, before: judged }), judged };
}
