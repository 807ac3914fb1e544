/** A run: from the configuration to the scorecard, over the store. The only place that knows what a run is made of. */
import { withCorrection } from '../calibration/correct.ts';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import type { Finding, Scenario } from '../core/records.ts';
import type { CuratedDataset } from '../curation/curate.ts';
import { findingOf } from '../findings/findings.ts';
import { harmful } from '../metrics/conversation.ts';
import { type Estimate, rate } from '../metrics/rate.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { openSqlite } from '../store/sqlite.ts';
import { runNamed } from './named-run.ts';
import { isEmbedded, noWeights } from './remote-targets.ts';
import { evenlyByAttack } from './scenarios.ts';
import { curateRound } from './round.ts';
import { FAMILY, openRounds, openRun, type RunOutcome, runRounds } from './rounds.ts';
import type { Selection } from './select.ts';
import { type RunOptions, settingsOf, storePath, Workplace } from './workplace.ts';

export { storePath } from './workplace.ts';
export type { RunOutcome } from './rounds.ts';

/**
 * Runs the rounds of this configuration, or continues them, or finds them finished. `dataset`: of a family, instead of what breaks
 * this model. Errors: `absent` if none is the run `expected`.
 */
export async function runLoop(
  config: Config,
  tools: RunOptions = {},
  expected?: string,
  dataset?: string,
): Promise<RunOutcome> {
  if (!isEmbedded(config.target))
    throw noWeights(config.target.model, '`temper run` trains an adapter, which');
  await using workplace = await openRounds(config, tools);
  return await runRounds(workplace, config, { expected, dataset });
}

/** What a finished run left in the store. */
export type RunResult = Pick<
  RunOutcome,
  'run' | 'scorecard' | 'frontier' | 'base' | 'chosen' | 'finals' | 'attacked'
>;

/** The result of a finished run (default: the last), from the store alone. Errors: `absent` if there is none. */
export async function finishedResult(config: Config, id: string | undefined): Promise<RunResult> {
  await using store = openSqlite(storePath(config));
  const run = await (id === undefined ? store.latestFinishedRun() : runNamed(store, id));
  if (run?.status === 'finished') {
    const selection = (await store.stage(run.id, 'select')) as Selection | null;
    const scorecard = withCorrection(run.scorecard as Scorecard, await store.calibrations());
    return { run, scorecard, ...(selection ?? { frontier: [] }) };
  }
  const wanted =
    id === undefined
      ? 'no run has finished in this store'
      : `the run ${id} is not in this store, or has not finished`;
  throw new TemperError('absent', wanted, {
    hint: '`temper runs` lists the runs; `temper run` makes or continues one.',
  });
}

async function familyDataset(config: Config, run: string): Promise<string | undefined> {
  await using store = openSqlite(storePath(config));
  return ((await store.stage(run, FAMILY)) as { dataset: string } | null)?.dataset;
}

/** A finished run with its conversations. Errors: `absent` if there is none, or if this program would make another run. */
export async function finishedRun(
  config: Config,
  id: string | undefined,
  tools: RunOptions = {},
): Promise<RunOutcome> {
  const { run } = await finishedResult(config, id);
  return runLoop(settingsOf(run, config), tools, run.id, await familyDataset(config, run.id));
}

export interface CampaignResult {
  readonly findings: readonly Finding[];
  readonly byAttack: readonly { name: string; rate: Estimate }[];
  readonly byCategory: readonly { name: string; rate: Estimate }[];
}

/** The adversarial dev scenarios against the target; what broke is stored as findings. */
export async function campaign(config: Config, tools: RunOptions = {}): Promise<CampaignResult> {
  const { suites } = config;
  // All of them: the limit of a suite begins with the plain requests, and would leave the attacks out if it is small.
  const dev = { ...suites.dev, adversarial: null };
  await using workplace = await Workplace.open({ ...config, suites: { ...suites, dev } }, tools);
  const all = workplace.scenarios.dev.filter((scenario) => scenario.kind === 'adversarial');
  const adversarial = evenlyByAttack(all, suites.dev.adversarial);
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
  const { id, options, dependencies, scenarios, stood } = await workplace.round();
  const run = await openRun(workplace.store, id, config, stood);
  workplace.log.run(id);
  return await curateRound(scenarios, dependencies, options(run.created));
}
