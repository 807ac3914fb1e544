/** Llama (Touvron et al. 2023) and what shares its blocks: Llama 3, SmolLM2, TinyLlama; Mistral in GGUF. */
import type { Architecture, BlockLayout } from '../architecture.ts';

export const LLAMA_LAYOUT: BlockLayout = {
  norms: 'before',
  queryKeyNorm: 'none',
  fused: false,
  activation: 'silu',
  normOffset: 0,
};

export const llama: Architecture = {
  id: 'llama',
  modelTypes: ['llama'],
  className: 'LlamaForCausalLM',
  gguf: { name: 'llama', pairedRows: true },
  layout: LLAMA_LAYOUT,
  defaults: { rms_norm_eps: 1e-6, max_position_embeddings: 2048, tie_word_embeddings: false },
  windowed: () => false,
};
