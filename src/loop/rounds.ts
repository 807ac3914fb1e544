/** Rounds one after the other: each starts from what the one before released, until the gate passes or the budget ends. */
import { withCorrection } from '../calibration/correct.ts';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { canonicalJson } from '../core/ids.ts';
import type { Outcome } from '../metrics/gate.ts';
import type { RegressionNumbers, Scorecard } from '../metrics/scorecard.ts';
import type { RunRecord, Store } from '../store/store.ts';
import { type Chain, following, type Link, LINK, linkOf, roundConfig } from './chain.ts';
import { type Manifest, MANIFEST, manifestOf, writeManifest } from './manifest.ts';
import { changedSince } from './changed.ts';
import { NO_REGRESSION } from './regression.ts';
import { type RoundResult, runRound } from './round.ts';
import { figuresOf, type FrontierFigures } from './select.ts';
import { metered } from './usage.ts';
import { type Standing, Workplace } from './workplace.ts';

export interface RunOutcome extends RoundResult {
  readonly run: RunRecord;
  /** Whether the run had finished before and came from the store. */
  readonly known: boolean;
  /** Several: of all rounds, this one the last. */
  readonly rounds?: readonly RoundSummary[];
}

/** A round among several. The figures are of the sealed scenarios; `before` is the target before all rounds. */
export interface RoundSummary {
  readonly number: number;
  readonly run: string;
  readonly adapter: string | null;
  readonly findings: number;
  readonly before: FrontierFigures;
  readonly after: FrontierFigures | null;
  readonly gate: Outcome | null;
  readonly regression: RegressionNumbers | null;
}

/** Stage under which a run of a family keeps which dataset it was given. */
export const FAMILY = 'family';

interface Asked {
  /** The run that it has to be. */
  readonly expected: string | undefined;
  /** Of a family: what to learn from. */
  readonly dataset: string | undefined;
}

/** Seconds that earlier commands spent on a round that did not end there are not known, and not counted. */
async function oneRound(
  workplace: Workplace,
  config: Config,
  chain: Chain | undefined,
  { expected, dataset, standing }: Asked & { readonly standing: Standing | undefined },
): Promise<{ outcome: RunOutcome; manifest: Manifest; next: () => Promise<Chain> }> {
  const { store, emit } = workplace;
  const { id, options, dependencies, scenarios, stood } = await workplace.round({ chain, dataset, standing });
  const stored = await store.run(id);
  // Of a chain, the rounds before the one that is wanted have to be there, too.
  if (expected !== undefined && (chain ? stored?.status !== 'finished' : id !== expected))
    throw new TemperError(
      'absent',
      `run ${expected} was made otherwise: ${await changedSince(workplace, expected)}`,
      {
        hint: 'Its scorecard is kept: use --format terminal, markdown or json.',
      },
    );
  const run = stored ?? (await openRun(store, id, config, stood));
  workplace.log.run(id);
  const { number = 1, of = 1 } = chain ?? {};
  if (chain) {
    await store.finishStage(id, LINK, linkOf(chain));
    emit({ type: 'note', level: 'info', message: `round ${number} of at most ${of}: run ${id}` });
  }
  if (dataset !== undefined) await store.finishStage(id, FAMILY, { dataset });
  if (run.status !== 'finished' && number === 1)
    emit({ type: 'note', level: 'info', message: timeNote(config.target.path === undefined) });
  const started = performance.now();
  const settings = options(run.created);
  const result = await metered(
    store,
    { run: id, finished: run.status === 'finished' },
    () => workplace.usage,
    () => runRound(scenarios, dependencies, settings),
  );
  const closed = await closeRun(store, run, result);
  const seconds = (performance.now() - started) / 1000;
  const known = (await store.stage(id, MANIFEST)) as Manifest | null;
  const manifest = known ?? (await manifestOf(workplace, { ...closed, ...result }, settings, seconds));
  if (!known) await store.finishStage(id, MANIFEST, manifest);
  writeManifest(config.directory, manifest);
  // Not stored: a later calibration corrects it as well.
  const scorecard = withCorrection(result.scorecard, await store.calibrations());
  return {
    outcome: { ...result, scorecard, ...closed },
    manifest,
    next: () => following(store, closed.run, chain!, scenarios, config.directory),
  };
}

/** Why no further round begins; null if one does. */
function ending(
  { adapter, scorecard }: RunOutcome,
  { number, of }: Chain,
  minutes: number,
  budget: number | null,
): string | null {
  if (adapter === undefined) return 'nothing broke';
  if (scorecard.gate?.outcome === 'pass') return 'the gate passes';
  if (number >= of) return `${of} rounds are done`;
  if (budget !== null && minutes >= budget)
    return `the budget of ${budget} minutes is spent (${minutes.toFixed(1)})`;
  return null;
}

/** The rounds of this configuration, run, continued or found finished. Errors: `absent` if none of them is the run `expected`. */
export async function runRounds(workplace: Workplace, config: Config, asked: Asked): Promise<RunOutcome> {
  const { max, budget, from } = config.rounds;
  const { store } = workplace;
  // A run is found by how things stood when it was made, whatever was found or decided since.
  const stood = asked.expected === undefined ? [] : await standings(store, asked.expected);
  if (max === 1)
    return (await oneRound(workplace, config, undefined, { ...asked, standing: stood[0] })).outcome;
  const rounds: RoundSummary[] = [];
  let minutes = 0;
  let chain: Chain = {
    number: 1,
    of: max,
    previous: null,
    ...(from === 'base' ? { from } : {}),
    former: [],
    regression: NO_REGRESSION,
  };
  for (;;) {
    const { outcome, manifest, next } = await oneRound(workplace, config, chain, {
      ...asked,
      standing: stood[chain.number - 1],
    });
    rounds.push(summaryOf(chain, outcome, manifest));
    if (outcome.run.id === asked.expected) return { ...outcome, rounds };
    minutes += manifest.seconds / 60;
    const end = ending(outcome, chain, minutes, budget);
    if (end !== null) {
      const message = `no further round: ${end}`;
      workplace.emit({ type: 'note', level: 'info', message });
      return { ...outcome, rounds };
    }
    chain = await next();
  }
}

/** The workplace of a configuration's rounds: its gate is that of each of them. */
export const openRounds = (config: Config, tools: Parameters<typeof Workplace.open>[1]): Promise<Workplace> =>
  Workplace.open(roundConfig(config), tools);

function summaryOf({ number }: Chain, { run, scorecard }: RunOutcome, manifest: Manifest): RoundSummary {
  const severity = scorecard.gate?.options.harmSeverity ?? scorecard.categorySeverity;
  return {
    number,
    run: run.id,
    adapter: run.adapter ?? null,
    findings: manifest.findings,
    before: figuresOf(scorecard, 'before', severity),
    after: scorecard.counts.after === null ? null : figuresOf(scorecard, 'after', severity),
    gate: scorecard.gate?.outcome ?? null,
    regression: scorecard.regression ?? null,
  };
}

/** Measured with the default configuration. */
const timeNote = (defaultModel: boolean): string =>
  `${defaultModel ? '30 to 50 min in all on two cores.' : '30 to 50 min for the default model on two cores, more for larger ones.'} Ctrl-C is safe: run it again.`;

const STANDING = ['people', 'register'] as const;

/** How things stood for a run and those before it in its chain, the first one's first. */
async function standings(store: Store, run: string): Promise<Standing[]> {
  const [people, register] = await Promise.all(
    STANDING.map(async (name) => (await store.stage(run, name)) as string | null),
  );
  const link = (await store.stage(run, LINK)) as Link | null;
  const before = link?.previous ? await standings(store, link.previous) : [];
  return [...before, { people: people!, register: register! }];
}

export async function openRun(store: Store, id: string, config: Config, stood: Standing): Promise<RunRecord> {
  const known = await store.run(id);
  if (known) return known;
  const run: RunRecord = { id, created: new Date().toISOString(), status: 'running', config };
  await store.saveRun(run);
  for (const name of STANDING) if (stood[name] !== null) await store.finishStage(id, name, stood[name]);
  return run;
}

async function closeRun(
  store: Store,
  run: RunRecord,
  { scorecard, adapter }: RoundResult,
): Promise<{ run: RunRecord; known: boolean }> {
  if (run.status === 'finished') {
    // Calls that had failed may have been made since.
    if (canonicalJson(run.scorecard as Scorecard) === canonicalJson(scorecard)) return { run, known: true };
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
