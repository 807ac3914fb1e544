/** Log-probabilities of given completions under a model, with or without an adapter. */
import type { Adapter } from './adapter.ts';
import { scoringGraph } from './build.ts';
import { adapterFeeds, strengthFeed } from './feeds.ts';
import type { LoadedModel } from './model.ts';
import { sequenceFeeds, type TokenSequence } from './sequences.ts';
import { Session } from './session.ts';

export interface ScoreOptions {
  readonly adapter?: Adapter;
  /** Multiplies the adapter; 1 by default. */
  readonly strength?: number;
  /** Most tokens (with padding) of one batch; 1024 by default. */
  readonly batchTokens?: number;
  /** This many sequences after one another have the same prompt, which is then run once; 1 by default. */
  readonly together?: number;
}

/** Token log-probabilities of each completion, in the order given. */
export async function scoreCompletions(
  model: LoadedModel,
  sequences: readonly TokenSequence[],
  options: ScoreOptions = {},
): Promise<Float32Array[]> {
  const { adapter, strength = 1, batchTokens = 1024, together = 1 } = options;
  const graph = scoringGraph(model.config, adapter?.shape ?? null);
  await using session = await Session.create(graph, model.weights, { placement: 'fed' });
  const fixed = adapter ? { ...adapterFeeds(adapter), lora_scale: strengthFeed(adapter, strength) } : {};
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
