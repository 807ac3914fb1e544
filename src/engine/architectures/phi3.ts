/** Phi-3, Phi-3.5 mini, Phi-4 and Phi-4 mini (Abdin et al. 2024): fused projections, LongRoPE, a sliding window. */
import type { Architecture } from '../architecture.ts';
import { LLAMA_LAYOUT } from './llama.ts';

export const phi3: Architecture = {
  id: 'phi3',
  modelTypes: ['phi3'],
  className: 'Phi3ForCausalLM',
  gguf: { name: 'phi3', pairedRows: false },
  layout: { ...LLAMA_LAYOUT, fused: true },
  defaults: {
    rms_norm_eps: 1e-5,
    max_position_embeddings: 4096,
    original_max_position_embeddings: 4096,
    tie_word_embeddings: false,
  },
  windowed: () => true,
};
