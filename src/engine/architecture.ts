/**
 * What an architecture is: a function from token ids to final hidden states, written on the operations of
 * `Graph` and on two hooks. `linear` adds LoRA where there is an adapter; `attention` is explicit (scoring and
 * training) or cached (generation). So one definition serves all three graphs.
 */
import type { Graph, Value } from './graph.ts';

export interface ModelConfig {
  readonly architecture: string;
  readonly vocabularySize: number;
  /** D */
  readonly hiddenSize: number;
  readonly layers: number;
  readonly intermediateSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly ropeBase: number;
  readonly normEpsilon: number;
  /** Longest sequence the model was trained for, tokens. */
  readonly contextLength: number;
  /** Whether the output projection is the embedding. */
  readonly tied: boolean;
}

/** A linear layer, by its Hugging Face name without `.weight`: the adapter attaches to it. */
export interface LinearLayer {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
}

export interface ForwardHooks {
  readonly graph: Graph;
  /** (N, inputs) -> (N, outputs) */
  linear(x: Value, layer: LinearLayer): Value;
  /** queries (N, heads * size), keys and values (N, kvHeads * size) -> (N, heads * size) */
  attention(layer: number, query: Value, key: Value, value: Value): Value;
}

export interface Architecture {
  readonly id: string;
  /** All linear layers of the blocks, in forward order. */
  linearLayers(config: ModelConfig): readonly LinearLayer[];
  /** Embedded tokens (N, D) -> final normalised hidden states (N, D). */
  forward(hooks: ForwardHooks, config: ModelConfig, embedded: Value): Value;
}

export const EMBEDDING = 'model.embed_tokens.weight';
export const OUTPUT = 'lm_head.weight';
