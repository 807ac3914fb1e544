/** The configuration of a model from the keys of config.json (a GGUF file's are translated to them first). */
import type { Architecture, ModelConfig } from './architecture.ts';
import { readRope } from './rope-settings.ts';
import { isText, type Settings } from './settings.ts';

/** Beyond these a file is damaged, not large. */
const MOST_LAYERS = 1000;
const MOST_SIZE = 1 << 20;
const MOST_TOKENS = 1 << 24;

const ACTIVATIONS = {
  silu: ['silu', 'swish'],
  gelu: ['gelu_pytorch_tanh', 'gelu_new', 'gelu_tanh'],
} as const;

/** Which layers see only the window. */
function windowedLayers(architecture: Architecture, settings: Settings, layers: number): boolean[] {
  const listed = settings.list('layer_types', isText);
  if (listed && listed.length < layers)
    throw settings.fail(`'layer_types' lists ${listed.length} of ${layers} layers`);
  return Array.from({ length: layers }, (_, layer) => {
    if (!listed) return architecture.windowed(settings, layer);
    const kind = listed[layer];
    if (kind === 'sliding_attention' || kind === 'full_attention') return kind === 'sliding_attention';
    throw settings.fail(`layer ${layer} has the type '${String(kind)}', which is not known`);
  });
}

/** The projections with a bias: listed (by the GGUF reader), or as flags say. */
function biases(settings: Settings): readonly string[] {
  const listed = settings.list('biases', isText);
  if (listed) return listed;
  return [
    ...(settings.flag('attention_bias') ? ['q_proj', 'k_proj', 'v_proj', 'o_proj'] : []),
    ...(settings.flag('mlp_bias') ? ['gate_proj', 'up_proj', 'down_proj'] : []),
  ];
}

function checkActivation(architecture: Architecture, settings: Settings): void {
  const named = settings.text('hidden_activation') ?? settings.text('hidden_act');
  const known: readonly string[] = ACTIVATIONS[architecture.layout.activation];
  if (named !== null && !known.includes(named))
    throw settings.fail(`the activation '${named}' is not the one of ${architecture.id} (${known[0]})`);
}

/** Errors: `model`, naming the key that is missing or does not fit. */
export function readConfig(architecture: Architecture, raw: Settings): ModelConfig {
  const settings = raw.withDefaults(architecture.defaults);
  checkActivation(architecture, settings);
  if (settings.flag('use_bidirectional_attention'))
    throw settings.fail('a model that attends in both directions cannot generate');
  const hiddenSize = settings.whole('hidden_size', undefined, MOST_SIZE);
  const layers = settings.whole('num_hidden_layers', undefined, MOST_LAYERS);
  const heads = settings.whole('num_attention_heads', undefined, MOST_SIZE);
  const kvHeads = settings.whole('num_key_value_heads', heads, MOST_SIZE);
  const headSize = settings.whole('head_dim', hiddenSize / heads, MOST_SIZE);
  if (heads % kvHeads !== 0 || headSize % 2 !== 0)
    throw settings.fail(
      `${heads} heads of ${headSize} with ${kvHeads} for keys and values do not fit together`,
    );
  const contextLength = settings.whole('max_position_embeddings', undefined, MOST_TOKENS);
  const size = settings.get('use_sliding_window') === false ? null : settings.optional('sliding_window');
  const window = size !== null && size < contextLength ? settings.whole('sliding_window') : null;
  const windowed = windowedLayers(architecture, settings, layers);
  const own = architecture.configure?.(settings) ?? {};
  return {
    architecture: architecture.id,
    vocabularySize: settings.whole('vocab_size', undefined, MOST_TOKENS),
    hiddenSize,
    layers,
    intermediateSize: settings.whole('intermediate_size', undefined, MOST_SIZE),
    heads,
    kvHeads,
    headSize,
    normEpsilon: settings.number('rms_norm_eps'),
    contextLength,
    tied: settings.flag('tie_word_embeddings'),
    ropes: own.ropes ?? [readRope(settings.record('rope_parameters') ?? settings, headSize, settings)],
    attention: windowed.map((isWindowed, layer) => ({
      windowed: window !== null && isWindowed,
      rope: architecture.rope ? architecture.rope(settings, layer, isWindowed) : 0,
    })),
    window: windowed.includes(true) ? window : null,
    attentionScale: 1 / Math.sqrt(headSize),
    attentionSoftcap: settings.optional('attn_logit_softcapping'),
    logitSoftcap: settings.optional('final_logit_softcapping'),
    embeddingScale: 1,
    residualScale: 1,
    logitScale: 1,
    biases: biases(settings),
    ...own,
  };
}
