/** Qwen3 (Yang et al. 2025): Llama's blocks, queries and keys normalised head by head. */
import type { Architecture } from '../architecture.ts';
import { LLAMA_LAYOUT } from './llama.ts';
import { QWEN_DEFAULTS, upperLayersWindowed } from './qwen2.ts';

export const qwen3: Architecture = {
  id: 'qwen3',
  modelTypes: ['qwen3'],
  className: 'Qwen3ForCausalLM',
  gguf: { name: 'qwen3', pairedRows: false },
  layout: { ...LLAMA_LAYOUT, queryKeyNorm: 'head' },
  defaults: { ...QWEN_DEFAULTS, head_dim: 128 },
  windowed: upperLayersWindowed,
};
