/** Qwen2 and Qwen2.5 (Yang et al. 2024): Llama's blocks with biases on q, k and v. */
import type { Architecture } from '../architecture.ts';
import type { Settings } from '../settings.ts';
import { LLAMA_LAYOUT } from './llama.ts';

/** Qwen's upper layers are windowed where `use_sliding_window` says so. */
export const upperLayersWindowed = (settings: Settings, layer: number): boolean =>
  layer >= settings.whole('max_window_layers', 28);

export const QWEN_DEFAULTS = {
  rms_norm_eps: 1e-6,
  max_position_embeddings: 32768,
  sliding_window: 4096,
  use_sliding_window: false,
  tie_word_embeddings: false,
};

export const qwen2: Architecture = {
  id: 'qwen2',
  modelTypes: ['qwen2'],
  className: 'Qwen2ForCausalLM',
  gguf: { name: 'qwen2', pairedRows: false },
  layout: LLAMA_LAYOUT,
  defaults: QWEN_DEFAULTS,
  windowed: upperLayersWindowed,
  configure: () => ({ biases: ['q_proj', 'k_proj', 'v_proj'] }),
};
