/** Mistral (Jiang et al. 2023): Llama's blocks, every layer behind a sliding window (none since v0.2). */
import type { Architecture } from '../architecture.ts';
import { LLAMA_LAYOUT } from './llama.ts';

export const mistral: Architecture = {
  id: 'mistral',
  modelTypes: ['mistral'],
  className: 'MistralForCausalLM',
  gguf: null, // GGUF calls it llama
  layout: LLAMA_LAYOUT,
  defaults: {
    rms_norm_eps: 1e-6,
    max_position_embeddings: 131072,
    num_key_value_heads: 8,
    sliding_window: 4096,
    tie_word_embeddings: false,
  },
  windowed: () => true,
};
