/** SmolLM3 (Bakouch et al. 2025): Llama's blocks, every fourth layer without positions. */
import type { Architecture } from '../architecture.ts';
import { isNumber, type Settings } from '../settings.ts';
import { LLAMA_LAYOUT } from './llama.ts';

/** Whether a layer turns queries and keys; a zero in `no_rope_layers` means that it does not. */
function turns(settings: Settings, layer: number): boolean {
  const listed = settings.list('no_rope_layers', isNumber);
  if (listed) return listed[layer] !== 0;
  return (layer + 1) % settings.whole('no_rope_layer_interval', 4) !== 0;
}

export const smollm3: Architecture = {
  id: 'smollm3',
  modelTypes: ['smollm3'],
  className: 'SmolLM3ForCausalLM',
  gguf: { name: 'smollm3', pairedRows: true },
  layout: LLAMA_LAYOUT,
  defaults: {
    rms_norm_eps: 1e-6,
    max_position_embeddings: 32768,
    num_key_value_heads: 4,
    rope_theta: 2_000_000,
    use_sliding_window: false,
    tie_word_embeddings: true,
  },
  windowed: (settings, layer) => !turns(settings, layer),
  rope: (settings, layer) => (turns(settings, layer) ? 0 : null),
};
