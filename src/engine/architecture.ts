/**
 * What an architecture is: a layout of blocks, and how the keys of a configuration file are read. From the layout
 * comes a function from token ids to final hidden states (`blocks.ts`), written on the operations of `Graph` and on
 * two hooks. `linear` adds LoRA where there is an adapter; `attention` is explicit (scoring and training) or cached
 * (generation). So one definition serves all graphs.
 */
import type { Graph, Value } from './graph.ts';
import type { Rope } from './rope.ts';
import type { Settings } from './settings.ts';

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
  readonly normEpsilon: number;
  /** Longest sequence the model was trained for, tokens. */
  readonly contextLength: number;
  /** Whether the output projection is the embedding. */
  readonly tied: boolean;
  /** The rotary embeddings in use; most families have one. */
  readonly ropes: readonly Rope[];
  /** How each layer attends. */
  readonly attention: readonly LayerAttention[];
  /** Tokens that a position of a windowed layer sees, itself included; null where no layer is windowed. */
  readonly window: number | null;
  /** Multiplies the attention scores. */
  readonly attentionScale: number;
  /** Attention scores s become c tanh(s / c). */
  readonly attentionSoftcap: number | null;
  /** Logits, likewise. */
  readonly logitSoftcap: number | null;
  /** Multiplies the embeddings. */
  readonly embeddingScale: number;
  /** Multiplies what attention and feed-forward add to the residual stream. */
  readonly residualScale: number;
  /** Multiplies the logits. */
  readonly logitScale: number;
  /** The projections that have a bias, such as `q_proj`. */
  readonly biases: readonly string[];
}

export interface LayerAttention {
  /** Whether it sees only the last `window` positions. */
  readonly windowed: boolean;
  /** Index into `ropes`; null: the layer knows no positions. */
  readonly rope: number | null;
}

/** A linear layer, by its Hugging Face name without `.weight`: the adapter attaches to it. */
export interface LinearLayer {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly bias: boolean;
  /** The projections that this layer computes in one, by the names that separate ones have. */
  readonly fuses: readonly string[];
}

export interface ForwardHooks {
  readonly graph: Graph;
  /** (N, inputs) -> (N, outputs) */
  linear(x: Value, layer: LinearLayer): Value;
  /** queries (N, heads * size), keys and values (N, kvHeads * size) -> (N, heads * size) */
  attention(layer: number, query: Value, key: Value, value: Value): Value;
}

/** How the blocks of a family are put together. */
export interface BlockLayout {
  /** Norms on the way into attention and feed-forward, on the way out, or both. */
  readonly norms: 'before' | 'after' | 'both';
  /** Queries and keys are normalised: each head by itself, all heads as one, or not. */
  readonly queryKeyNorm: 'head' | 'all' | 'none';
  /** Whether q, k and v are one projection, and gate and up another. */
  readonly fused: boolean;
  readonly activation: 'silu' | 'gelu';
  /** Added to the norm weights of a Hugging Face checkpoint; GGUF has them added. */
  readonly normOffset: 0 | 1;
}

export interface Architecture {
  readonly id: string;
  /** The values of `model_type` in config.json that mean it. */
  readonly modelTypes: readonly string[];
  /** What transformers calls its language model. */
  readonly className: string;
  /** Its `general.architecture` in GGUF, and whether rows of q and k are stored as neighbouring rotary pairs there. */
  readonly gguf: { readonly name: string; readonly pairedRows: boolean } | null;
  readonly layout: BlockLayout;
  /** What a config.json of this family means by a key that it leaves out. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** What a GGUF file of this family does not say because llama.cpp knows it; keys of config.json. */
  ggufDefaults?(settings: Settings): Readonly<Record<string, unknown>>;
  /** Whether a layer sees only the window, where the configuration has no list of `layer_types`. */
  windowed(settings: Settings, layer: number): boolean;
  /** Which of the ropes a layer uses, null for none; the first where this is absent. */
  rope?(settings: Settings, layer: number, windowed: boolean): number | null;
  /** Further fields that this family derives in its own way. */
  configure?(settings: Settings): Partial<ModelConfig>;
}

export const EMBEDDING = 'model.embed_tokens.weight';
export const OUTPUT = 'lm_head.weight';
export const FINAL_NORM = 'model.norm.weight';
