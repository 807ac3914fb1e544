/**
 * One round: break the target on dev, curate what broke, train SFT then DPO, choose on held-out dev, verify on sealed.
 * Each stage stores its result under a name; a run that is started again passes over what is there.
 */
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { type Emit, silent } from '../core/events.ts';
import { contentHash } from '../core/ids.ts';
import type { PreferenceExample, Scenario } from '../core/records.ts';
import type { CuratedDataset, CurationOptions, ResponseWriter } from '../curation/curate.ts';
import { curate } from '../curation/curate.ts';
import { type Adapter, freshAdapter, loadAdapter, saveAdapter } from '../engine/adapter.ts';
import type { Simulator } from '../dialogue/simulator.ts';
import { findingOf } from '../findings/findings.ts';
import type { Judge } from '../judges/judge.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { GateOptions } from '../metrics/gate.ts';
import { type About, buildScorecard, type Scorecard } from '../metrics/scorecard.ts';
import type { Target } from '../models/target.ts';
import type { Store } from '../store/store.ts';
import { MetricsLog } from '../training/metrics.ts';
import { type SftRecipe, trainingId } from '../training/recipe.ts';
import { FileTrainingState } from '../training/state.ts';
import { between, type Checkpoint, elsewhere, trainerOf, type TrainingPlace } from './trainer.ts';
import { countsText } from './counts.ts';
import { type MeasureOptions, measureTwice } from './measure.ts';
import { pairsFor, type RoundDpo } from './pairs.ts';
import { type Phase, phaseTeller, type TellPhase } from './phases.ts';
import {
  chooseCandidate,
  frontierFigures,
  type FrontierPoint,
  frontierPoint,
  type Selection,
  tellFrontier,
} from './select.ts';
import { requireWeights } from './remote-targets.ts';
import { decided, type People, peopleText } from './people.ts';
import type { RoundScenarios } from './scenarios.ts';
import { scorecardOf } from './scorecard.ts';
import { type EmbeddedTargets, mannerOf, type NamedAdapter, type Targets } from './targets.ts';

export interface RoundDependencies {
  readonly store: Store;
  readonly judge: Judge;
  /** Default: the scripted personas. */
  readonly simulator?: Simulator;
  readonly targets: Targets;
  readonly writer: ResponseWriter;
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
  readonly curation: CurationOptions & { readonly harmSeverity: number; readonly maxTokens: number };
  readonly imported: readonly PreferenceExample[];
  readonly training: TrainingPlace & { readonly sft: SftRecipe; readonly dpo: RoundDpo | null };
  readonly people: People;
  readonly selection: {
    readonly strengths: readonly number[];
    readonly between: readonly number[];
    readonly maxOverRefusal: number;
    readonly maxTokens: number;
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

class Round {
  readonly #dependencies: RoundDependencies;
  readonly #options: RoundOptions;
  readonly #emit: Emit;
  readonly phase: TellPhase;

  constructor(dependencies: RoundDependencies, options: RoundOptions, phases: readonly Phase[]) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#emit = dependencies.emit ?? silent;
    this.phase = phaseTeller(phases, this.#emit);
  }

  get #weights(): EmbeddedTargets {
    return requireWeights(this.#dependencies.targets, 'training');
  }

  /** The stored result of a stage, or what `work` gives, stored. `phases`: what it is told as; `work` tells all but the first. */
  async #stage<T>(name: string, phases: readonly Phase[], work: () => Promise<T>): Promise<T> {
    const { store } = this.#dependencies;
    const known = (await store.stage(this.#options.run, name)) as T | null;
    if (known !== null) {
      for (const phase of phases) this.phase(phase, 'skipped');
      return known;
    }
    this.phase(phases[0] as Phase);
    const result = await work();
    await store.finishStage(this.#options.run, name, result);
    return result;
  }

  async #measure(
    stage: string,
    scenarios: readonly Scenario[],
    target: Target,
    maxTokens = this.#options.target.maxTokens,
  ): Promise<Judged[]> {
    const { system } = this.#options.target;
    const options: MeasureOptions = {
      stage,
      seed: this.#options.seed,
      maxTokens,
      system,
      ...mannerOf(this.#dependencies.targets),
      signal: this.#dependencies.signal,
    };
    const judged = await measureTwice(scenarios, target, this.#dependencies, options);
    const ids = judged.map(({ conversation }) => conversation.id);
    await this.#dependencies.store.saveArm(this.#options.run, stage, ids);
    return judged;
  }

  /** Runs the dev scenarios and curates the dataset from what broke. */
  async curate(scenarios: RoundScenarios): Promise<{ dataset: CuratedDataset; findings: number }> {
    const { store, targets, writer } = this.#dependencies;
    const { curation, imported, people } = this.#options;
    const { maxTokens } = curation;
    const judged = await this.#measure(
      'break',
      scenarios.train,
      await targets.base({ maxTokens }),
      maxTokens,
    );
    const findings = judged
      .map((one) => findingOf(one, curation.harmSeverity))
      .filter((finding) => finding !== null);
    await store.saveFindings(findings);
    this.phase('curate');
    const { unrun, guarded } = scenarios;
    const seen = decided(people, judged, findings);
    const dataset = curate({ ...seen, unrun, imported, guarded, writer }, curation);
    const told = peopleText(people);
    if (told !== null) this.#emit({ type: 'note', level: 'info', message: told });
    const { counts, removed, examples } = dataset;
    await store.saveDataset(dataset.id, examples, { counts, removed });
    const message = `${seen.findings.length} findings; ${countsText(dataset)}`;
    this.#emit({ type: 'note', level: 'info', message });
    return { dataset, findings: seen.findings.length };
  }

  breakAndCurate(scenarios: RoundScenarios): Promise<Curated> {
    return this.#stage('curate', ['break', 'curate'], async () => {
      const { dataset, findings } = await this.curate(scenarios);
      return { dataset: dataset.id, findings };
    });
  }

  /** Trains one recipe; every checkpoint is an adapter on disk, the last one the result. */
  async #train(recipe: SftRecipe | RoundDpo, dataset: string, start: NamedAdapter): Promise<Checkpoint[]> {
    const { store, signal } = this.#dependencies;
    const targets = this.#weights;
    const { training, directory } = this.#options;
    const { file } = targets;
    const id = trainingId({ recipe, data: dataset, model: file.id, start: start.id, ...elsewhere(training) });
    const train = trainerOf(training, { id, path: file.path, folder: join(directory, 'training', id) });
    const state = new FileTrainingState(join(directory, 'training', `${id}.safetensors`));
    const result = await this.#stage(`train-${recipe.kind}`, [`train ${recipe.kind}`], async () => {
      await targets.close(); // training needs the memory
      const { examples } = (await store.dataset(dataset))!;
      const used = recipe.kind === 'dpo' ? pairsFor(recipe, examples) : examples;
      const checkpoints: Checkpoint[] = [];
      if (recipe.kind === 'dpo' && used.length === 0) {
        const message = 'no example has two answers that mean something: SFT alone';
        this.#emit({ type: 'note', level: 'info', message });
        return checkpoints;
      }
      const plannedAt = (step: number): Checkpoint => ({
        id: `${id}-${step}`,
        directory: join(directory, 'adapters', `${id}-${step}`),
        name: `${recipe.kind} step ${step}`,
      });
      await train(targets.model, start.adapter, used, recipe, {
        emit: this.#emit,
        state,
        metrics: new MetricsLog(join(directory, 'adapters', `${id}.metrics.jsonl`)),
        ...(signal ? { signal } : {}),
        onCheckpoint: (adapter, step) => {
          const checkpoint = plannedAt(step);
          saveAdapter(checkpoint.directory, adapter, { base: file.name });
        },
        // Steps are known from the plan, so a continued run lists the checkpoints of its first part too.
        onPlan: (steps) => {
          checkpoints.push(...steps.map(plannedAt));
          return !checkpoints.every(({ directory }) => existsSync(directory));
        },
      });
      return checkpoints;
    });
    state.clear();
    return result;
  }

  /** What training starts from. Errors: those of a fresh adapter that fits nothing of the model. */
  start(): NamedAdapter {
    const { lora, sft } = this.#options.training;
    const targets = this.#weights;
    if (targets.start) return targets.start;
    const adapter = freshAdapter(targets.model.config, { ...lora, seed: sft.seed });
    return { id: contentHash({ fresh: lora, seed: sft.seed }), adapter };
  }

  async train(dataset: string, start: NamedAdapter): Promise<Checkpoint[]> {
    const { sft, dpo } = this.#options.training;
    const tuned = await this.#train(sft, dataset, start);
    if (!dpo) return tuned;
    const last = tuned.at(-1) as Checkpoint;
    const preferred = await this.#train(dpo, dataset, { id: last.id, adapter: this.#load(last) });
    const end = preferred.at(-1);
    if (!end) return tuned;
    const { model, file } = this.#weights;
    const place = { config: model.config, base: file.name };
    return [...tuned, ...between([last, end], this.#options.selection.between, place), ...preferred];
  }

  #load({ directory }: Checkpoint): Adapter {
    return loadAdapter(directory, this.#weights.model.config);
  }

  /** Measures every checkpoint at every strength on the held-out scenarios and chooses. */
  select(checkpoints: readonly Checkpoint[], holdout: readonly Scenario[]): Promise<Selection> {
    const targets = this.#weights;
    const { selection, gate } = this.#options;
    const { helpfulnessMargin: maxHelpfulnessLoss, harmSeverity } = gate;
    const limits = { maxOverRefusal: selection.maxOverRefusal, maxHelpfulnessLoss, harmSeverity };
    return this.#stage('select', ['choose'], async () => {
      const { maxTokens } = selection;
      const before = await this.#measure(
        'choose: base',
        holdout,
        await targets.base({ maxTokens }),
        maxTokens,
      );
      const frontier: FrontierPoint[] = [];
      for (const checkpoint of checkpoints) {
        const named = { id: checkpoint.id, adapter: this.#load(checkpoint) };
        for (const strength of selection.strengths) {
          const target = await targets.adapted(named, strength, { maxTokens });
          const after = await this.#measure(
            `choose: ${checkpoint.name} x ${strength}`,
            holdout,
            target,
            maxTokens,
          );
          const card = buildScorecard({ about: this.#options.about, before, after });
          frontier.push(
            frontierPoint({ adapter: checkpoint.id, checkpoint: checkpoint.name, strength }, card, limits),
          );
        }
      }
      const alone = buildScorecard({ about: this.#options.about, before });
      const base = frontierFigures(alone, 'before', limits.harmSeverity);
      const chosen = chooseCandidate(frontier);
      tellFrontier(frontier, chosen, limits, this.#emit);
      return { frontier, base, chosen };
    });
  }

  /** The chosen candidate as an adapter of its own, its strength folded in. */
  release(checkpoints: readonly Checkpoint[], chosen: FrontierPoint): string {
    const directory = join(this.#options.directory, 'adapters', `${chosen.adapter}-x${chosen.strength}`);
    if (existsSync(directory)) return directory;
    const checkpoint = checkpoints.find(({ id }) => id === chosen.adapter) as Checkpoint;
    saveAdapter(directory, this.#load(checkpoint), {
      base: this.#weights.name,
      strength: chosen.strength,
    });
    return directory;
  }

  /** The sealed scenarios with the target as it is. */
  async before(sealed: readonly Scenario[]): Promise<Judged[]> {
    this.phase('verify');
    return this.#measure('verify: before', sealed, await this.#dependencies.targets.base());
  }

  /** The sealed scenarios with an adapter. */
  async after(sealed: readonly Scenario[], directory: string, id: string): Promise<Judged[]> {
    const targets = this.#weights;
    const adapter = loadAdapter(directory, targets.model.config);
    return this.#measure('verify: after', sealed, await targets.adapted({ id, adapter }, 1));
  }
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
  const dpo = options.training.dpo ? (['train dpo'] as const) : [];
  const phases = ['break', 'curate', 'train sft', ...dpo, 'choose', 'verify'] as const;
  const round = new Round(dependencies, options, phases);
  // Before the work, so that an adapter that cannot be trained costs none of it.
  const start = round.start();
  const { sealed, holdout } = scenarios;
  const { dataset, findings } = await round.breakAndCurate(scenarios);
  if (findings === 0) {
    const before = await round.before(sealed);
    const about = { ...options.about, notes: [...(options.about.notes ?? []), NOTHING_TO_FIX] };
    return { scorecard: scorecardOf({ about, before }), frontier: [], before };
  }
  const checkpoints = await round.train(dataset, start);
  const selection = await round.select(checkpoints, holdout);
  const { chosen } = selection;
  const adapter = round.release(checkpoints, chosen);
  const before = await round.before(sealed);
  const after = await round.after(sealed, adapter, `${chosen.adapter}-x${chosen.strength}`);
  const about = { ...options.about, adapter: `${chosen.checkpoint}, strength ${chosen.strength}` };
  const scorecard = scorecardOf({ about, before, after, gate: options.gate });
  return { scorecard, ...selection, adapter, before, after };
}
