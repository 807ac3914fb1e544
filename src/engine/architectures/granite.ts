/** Granite 3 (IBM 2024): Llama's blocks; embeddings, scores, residuals and logits each times a number of their own. */
import type { Architecture } from '../architecture.ts';
import { LLAMA_LAYOUT } from './llama.ts';

export const granite: Architecture = {
  id: 'granite',
  modelTypes: ['granite'],
  className: 'GraniteForCausalLM',
  gguf: { name: 'granite', pairedRows: true },
  layout: LLAMA_LAYOUT,
  defaults: { rms_norm_eps: 1e-6, max_position_embeddings: 2048, tie_word_embeddings: false },
  windowed: () => false,
  configure: (settings) => ({
    embeddingScale: settings.number('embedding_multiplier', 1),
    attentionScale: settings.number('attention_multiplier', 1),
    residualScale: settings.number('residual_multiplier', 1),
    logitScale: 1 / settings.number('logits_scaling', 1),
  }),
};
