/** OLMo 2 (Walsh et al. 2025): norms on the way out only; queries and keys normalised over all heads at once. */
import type { Architecture } from '../architecture.ts';
import { LLAMA_LAYOUT } from './llama.ts';

export const olmo2: Architecture = {
  id: 'olmo2',
  modelTypes: ['olmo2'],
  className: 'Olmo2ForCausalLM',
  gguf: { name: 'olmo2', pairedRows: false },
  layout: { ...LLAMA_LAYOUT, norms: 'after', queryKeyNorm: 'all' },
  defaults: { rms_norm_eps: 1e-5, max_position_embeddings: 2048, tie_word_embeddings: false },
  windowed: () => false,
};
