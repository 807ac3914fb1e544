/** Log-probabilities of given completions under a model, with or without an adapter. */
import type { Adapter } from './adapter.ts';
import { scoringGraph } from './build.ts';
import { adapterFeeds, sequenceFeeds, strengthFeed, type TokenSequence } from './feeds.ts';
import type { LoadedModel } from './model.ts';
import { Session } from './session.ts';

export interface ScoreOptions {
  readonly adapter?: Adapter;
  /** Multiplies the adapter; 1 by default. */
  readonly strength?: number;
  /** Most tokens (with padding) of one batch. */
  readonly batchTokens?: number;
}

/** Token log-probabilities of each completion, in the order given. */
export async function scoreCompletions(
  model: LoadedModel,
  sequences: readonly TokenSequence[],
  options: ScoreOptions = {},
): Promise<Float32Array[]> {
  const { adapter, strength = 1, batchTokens = 2048 } = options;
  const graph = scoringGraph(model.config, adapter?.shape ?? null);
  await using session = await Session.create(graph, model.weights, { placement: 'fed' });
  const fixed = adapter ? { ...adapterFeeds(adapter), lora_scale: strengthFeed(adapter, strength) } : {};
  const results = new Array<Float32Array>(sequences.length);
  const length = (i: number): number => sequences[i]!.prompt.length + sequences[i]!.completion.length;
  // Sequences of like length share a batch, so that little is padding.
  const order = sequences.map((_, i) => i).sort((a, b) => length(a) - length(b));
  while (order.length > 0) {
    const widest = length(order.at(-1) as number);
    const batch = order.splice(-Math.max(1, Math.floor(batchTokens / widest)));
    const members = batch.map((i) => sequences[i] as TokenSequence);
    const { logp } = await session.run({ ...sequenceFeeds(model, members), ...fixed }, { logp: null });
    const values = logp!.data as Float32Array;
    let at = 0;
    for (const i of batch) {
      const n = sequences[i]!.completion.length;
      results[i] = values.slice(at, at + n);
      at += n;
    }
  }
  return results;
}
