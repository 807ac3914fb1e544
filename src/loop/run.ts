/** A run: from the configuration to the scorecard, over the store. The only place that knows what a run is made of. */
import { withCorrection } from '../calibration/correct.ts';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { canonicalJson } from '../core/ids.ts';
import type { Finding, Scenario } from '../core/records.ts';
import type { CuratedDataset } from '../curation/curate.ts';
import { findingOf } from '../findings/findings.ts';
import { harmful } from '../metrics/conversation.ts';
import { type Estimate, rate } from '../metrics/rate.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { RunRecord, Store } from '../store/store.ts';
import { runNamed } from './named-run.ts';
import { isEmbedded, noWeights } from './remote-targets.ts';
import { evenlyByAttack } from './scenarios.ts';
import { curateRound, type RoundResult, runRound } from './round.ts';
import type { Selection } from './select.ts';
import { type RunOptions, settingsOf, storePath, Workplace } from './workplace.ts';

export { storePath } from './workplace.ts';

export interface RunOutcome extends RoundResult {
  readonly run: RunRecord;
  /** Whether the run had finished before and came from the store. */
  readonly known: boolean;
}

/** Runs a round under this configuration, or continues it, or finds it finished. Errors: `absent` if it is not the run `expected`. */
export async function runLoop(
  config: Config,
  tools: RunOptions = {},
  expected?: string,
): Promise<RunOutcome> {
  if (!isEmbedded(config.target))
    throw noWeights(config.target.model, '`temper run` trains an adapter, which');
  await using workplace = await Workplace.open(config, tools);
  // A run is found by what people had decided when it was made, whatever they decided since.
  const then = expected === undefined ? undefined : await peopleStage(workplace.store, expected);
  const { id, options, dependencies, peopleId } = await workplace.round(then);
  if (expected !== undefined && id !== expected)
    throw new TemperError(
      'absent',
      `the conversations of run ${expected} belong to another program, judge, model or suite`,
      {
        hint: 'Its scorecard is kept: use --format terminal, markdown or json.',
      },
    );
  const run = await openRun(workplace.store, id, config, peopleId);
  workplace.log.run(id);
  if (run.status !== 'finished')
    workplace.emit({ type: 'note', level: 'info', message: timeNote(config.target.path === undefined) });
  const result = await runRound(workplace.scenarios, dependencies, options(run.created));
  const closed = await closeRun(workplace.store, run, result);
  // Not stored: a later calibration corrects it as well.
  const scorecard = withCorrection(result.scorecard, await workplace.store.calibrations());
  return { ...result, scorecard, ...closed };
}

/** Measured with the default configuration. */
const timeNote = (defaultModel: boolean): string =>
  `${defaultModel ? '15 to 25 min in all on two cores.' : '15 to 25 min for the default model on two cores, more for larger ones.'} Ctrl-C is safe: run it again.`;

const peopleStage = async (store: Store, run: string): Promise<string | null> =>
  (await store.stage(run, 'people')) as string | null;

async function openRun(
  store: Store,
  id: string,
  config: Config,
  peopleId: string | null,
): Promise<RunRecord> {
  const known = await store.run(id);
  if (known) return known;
  const run: RunRecord = { id, created: new Date().toISOString(), status: 'running', config };
  await store.saveRun(run);
  if (peopleId !== null) await store.finishStage(id, 'people', peopleId);
  return run;
}

async function closeRun(
  store: Store,
  run: RunRecord,
  { scorecard, adapter }: RoundResult,
): Promise<{ run: RunRecord; known: boolean }> {
  if (run.status === 'finished') {
    // Calls that had failed may have been made since.
    if (canonicalJson(run.scorecard) === canonicalJson(scorecard)) return { run, known: true };
    const mended: RunRecord = { ...run, scorecard };
    await store.saveRun(mended);
    return { run: mended, known: true };
  }
  const finished: RunRecord = {
    ...run,
    status: 'finished',
    scorecard,
    ...(adapter === undefined ? {} : { adapter }),
    finished: new Date().toISOString(),
  };
  await store.saveRun(finished);
  return { run: finished, known: false };
}

/** What a finished run left in the store. */
export type RunResult = Pick<RunOutcome, 'run' | 'scorecard' | 'frontier' | 'base' | 'chosen'>;

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

/** A finished run with its conversations. Errors: `absent` if there is none, or if this program would make another run. */
export async function finishedRun(
  config: Config,
  id: string | undefined,
  tools: RunOptions = {},
): Promise<RunOutcome> {
  const { run } = await finishedResult(config, id);
  return runLoop(settingsOf(run, config), tools, run.id);
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
  const { id, options, dependencies, peopleId } = await workplace.round();
  const run = await openRun(workplace.store, id, config, peopleId);
  workplace.log.run(id);
  return await curateRound(workplace.scenarios, dependencies, options(run.created));
}
