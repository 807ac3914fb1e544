/** Log-probabilities of given completions under a model, with or without an adapter. */
import type { Adapter } from './adapter.ts';
import { scoringGraph } from './build.ts';
import { adapterFeeds, strengthFeed } from './feeds.ts';
import type { LoadedModel } from './model.ts';
import { sequenceFeeds, type TokenSequence } from './sequences.ts';
import { Session, type Tensor } from './session.ts';

export interface ScoreOptions {
  readonly adapter?: Adapter;
  /** Multiplies the adapter; 1 by default. */
  readonly strength?: number;
  /** Most tokens (with padding) of one batch; 1024 by default. */
  readonly batchTokens?: number;
  /** This many sequences after one another have the same prompt, which is then run once; 1 by default. */
  readonly together?: number;
}

/** A model with its scoring graph, for completions that come one after the other. */
export class Scorer implements AsyncDisposable {
  readonly #model: LoadedModel;
  readonly #session: Session;
  readonly #fixed: Record<string, Tensor>;

  private constructor(model: LoadedModel, session: Session, fixed: Record<string, Tensor>) {
    this.#model = model;
    this.#session = session;
    this.#fixed = fixed;
  }

  static async create(
    model: LoadedModel,
    { adapter, strength = 1 }: Pick<ScoreOptions, 'adapter' | 'strength'> = {},
  ): Promise<Scorer> {
    const graph = scoringGraph(model.config, adapter?.shape ?? null);
    const { provider } = model;
    const session = await Session.create(graph, model.weights, { placement: 'fed', provider });
    const fixed = adapter ? { ...adapterFeeds(adapter), lora_scale: strengthFeed(adapter, strength) } : {};
    return new Scorer(model, session, fixed);
  }

  /** Token log-probabilities of each completion, in the order given. */
  score(sequences: readonly TokenSequence[], options: ScoreOptions = {}): Promise<Float32Array[]> {
    return scored(this.#model, this.#session, this.#fixed, sequences, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

/** Token log-probabilities of each completion, in the order given. */
export async function scoreCompletions(
  model: LoadedModel,
  sequences: readonly TokenSequence[],
  options: ScoreOptions = {},
): Promise<Float32Array[]> {
  await using scorer = await Scorer.create(model, options);
  return await scorer.score(sequences, options);
}

async function scored(
  model: LoadedModel,
  session: Session,
  fixed: Record<string, Tensor>,
  sequences: readonly TokenSequence[],
  { batchTokens = 1024, together = 1 }: ScoreOptions,
): Promise<Float32Array[]> {
  const results = new Array<Float32Array>(sequences.length);
  /** Indices of what runs together. */
  const units = Array.from({ length: sequences.length / together }, (_, unit) =>
    Array.from({ length: together }, (_, k) => unit * together + k),
  );
  const length = (unit: readonly number[]): number =>
    together * Math.max(...unit.map((i) => sequences[i]!.prompt.length + sequences[i]!.completion.length));
  // Sequences of like length share a batch, so that little is padding.
  units.sort((a, b) => length(a) - length(b) || a[0]! - b[0]!);
  while (units.length > 0) {
    const widest = length(units.at(-1)!);
    const batch = units.splice(-Math.max(1, Math.floor(batchTokens / widest)));
    const order = Array.from({ length: together }, (_, k) => batch.map((unit) => unit[k] as number)).flat();
    const members = order.map((i) => sequences[i] as TokenSequence);
    const feeds = sequenceFeeds(model, members, together === 1 ? 1 : batch.length);
    const { logp } = await session.run({ ...feeds, ...fixed }, { logp: null });
    const values = logp!.data as Float32Array;
    let at = 0;
    for (const i of order) {
      const n = sequences[i]!.completion.length;
      results[i] = values.slice(at, at + n);
      at += n;
    }
  }
  return results;
}
