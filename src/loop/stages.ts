/** The stages of a run: each stores its result under a name, and is passed over where that is there. */
import { type Emit, silent } from '../core/events.ts';
import type { Scenario } from '../core/records.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { Target } from '../models/target.ts';
import { measureTwice } from './measure.ts';
import { type Phase, phaseTeller, type TellPhase } from './phases.ts';
import type { RoundDependencies, RoundOptions } from './round.ts';
import { mannerOf } from './targets.ts';

export class Stages {
  readonly #dependencies: RoundDependencies;
  readonly #options: Pick<RoundOptions, 'run' | 'seed' | 'target'>;
  readonly emit: Emit;
  readonly phase: TellPhase;

  constructor(
    dependencies: RoundDependencies,
    options: Pick<RoundOptions, 'run' | 'seed' | 'target'>,
    phases: readonly Phase[],
  ) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.emit = dependencies.emit ?? silent;
    this.phase = phaseTeller(phases, this.emit);
  }

  /** The stored result of a stage, or what `work` gives, stored. `phases`: what it is told as; `work` tells all but the first. */
  async stage<T>(name: string, phases: readonly Phase[], work: () => Promise<T>): Promise<T> {
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

  async measure(
    stage: string,
    scenarios: readonly Scenario[],
    target: Target,
    {
      maxTokens = this.#options.target.maxTokens,
      seed = this.#options.seed,
    }: { readonly maxTokens?: number; readonly seed?: number } = {},
  ): Promise<Judged[]> {
    const { targets, store, signal } = this.#dependencies;
    const { system } = this.#options.target;
    const options = { stage, seed, maxTokens, system, ...mannerOf(targets), signal };
    const judged = await measureTwice(scenarios, target, this.#dependencies, options);
    const ids = judged.map(({ conversation }) => conversation.id);
    await store.saveArm(this.#options.run, stage, ids);
    return judged;
  }
}
