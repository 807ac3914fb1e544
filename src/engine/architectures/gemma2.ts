/** Gemma 2 (Riviere et al. 2024): norms on both sides, soft caps, every other layer behind a window. */
import type { Architecture, BlockLayout } from '../architecture.ts';
import type { Settings } from '../settings.ts';

export const GEMMA_LAYOUT: BlockLayout = {
  norms: 'both',
  queryKeyNorm: 'none',
  fused: false,
  activation: 'gelu',
  normOffset: 1,
};

export const GEMMA_DEFAULTS = {
  rms_norm_eps: 1e-6,
  num_key_value_heads: 4,
  head_dim: 256,
  query_pre_attn_scalar: 256,
  sliding_window: 4096,
  tie_word_embeddings: true,
};

/** What both generations derive: scores by a number of their own, embeddings times sqrt(D). */
export const gemmaConfig = (settings: Settings) => ({
  attentionScale: settings.number('query_pre_attn_scalar') ** -0.5,
  embeddingScale: Math.sqrt(settings.whole('hidden_size')),
});

/** GGUF does not say the scale of the scores: it is D / heads in the largest model, the head size in the others. */
export const ggufScoreScale = (settings: Settings, layersOfLargest: number) => ({
  query_pre_attn_scalar:
    settings.whole('num_hidden_layers') === layersOfLargest
      ? settings.whole('hidden_size') / settings.whole('num_attention_heads')
      : settings.number('head_dim'),
});

export const gemma2: Architecture = {
  id: 'gemma2',
  modelTypes: ['gemma2'],
  className: 'Gemma2ForCausalLM',
  gguf: { name: 'gemma2', pairedRows: false },
  layout: GEMMA_LAYOUT,
  defaults: {
    ...GEMMA_DEFAULTS,
    max_position_embeddings: 8192,
    attn_logit_softcapping: 50,
    final_logit_softcapping: 30,
  },
  ggufDefaults: (settings) => ggufScoreScale(settings, 46),
  windowed: (_settings, layer) => layer % 2 === 0,
  configure: gemmaConfig,
};
