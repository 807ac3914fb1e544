/**
 * Gemma 3, text only (Kamath et al. 2025): Gemma 2's blocks with normalised queries and keys instead of soft caps; five
 * windowed layers with a rotary base of their own to each full one.
 */
import type { Architecture } from '../architecture.ts';
import { plainRope } from '../rope.ts';
import { readRope } from '../rope-settings.ts';
import { GEMMA_DEFAULTS, GEMMA_LAYOUT, gemmaConfig, ggufScoreScale } from './gemma2.ts';

const GLOBAL_BASE = 1_000_000;
const LOCAL_BASE = 10_000;

export const gemma3: Architecture = {
  id: 'gemma3',
  modelTypes: ['gemma3_text'],
  className: 'Gemma3ForCausalLM',
  gguf: { name: 'gemma3', pairedRows: false },
  layout: { ...GEMMA_LAYOUT, queryKeyNorm: 'head' },
  defaults: { ...GEMMA_DEFAULTS, max_position_embeddings: 131072, rope_theta: GLOBAL_BASE },
  ggufDefaults: (settings) => ggufScoreScale(settings, 62),
  windowed: (settings, layer) => (layer + 1) % settings.whole('sliding_window_pattern', 6) !== 0,
  rope: (_settings, _layer, windowed) => (windowed ? 1 : 0),

  configure(settings) {
    const size = settings.whole('head_dim');
    const nested = settings.record('rope_parameters');
    const global = nested?.record('full_attention');
    const local = nested?.record('sliding_attention');
    const ropes = [
      global ? readRope(global, size, settings) : readRope(settings, size, settings),
      local
        ? readRope(local, size, settings)
        : plainRope(size, settings.number('rope_local_base_freq', LOCAL_BASE)),
    ];
    return { ...gemmaConfig(settings), ropes };
  },
};
