/** Llama (Touvron et al. 2023) and what shares its blocks: SmolLM2, Mistral without its window, TinyLlama. */
import type { Architecture, LinearLayer, ModelConfig } from '../architecture.ts';

const layer = (index: number) => `model.layers.${index}`;

function linears(config: ModelConfig, index: number) {
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize } = config;
  const of = (name: string, inputs: number, outputs: number): LinearLayer => ({
    name: `${layer(index)}.${name}`,
    inputs,
    outputs,
  });
  return {
    query: of('self_attn.q_proj', hiddenSize, heads * headSize),
    key: of('self_attn.k_proj', hiddenSize, kvHeads * headSize),
    value: of('self_attn.v_proj', hiddenSize, kvHeads * headSize),
    output: of('self_attn.o_proj', heads * headSize, hiddenSize),
    gate: of('mlp.gate_proj', hiddenSize, intermediateSize),
    up: of('mlp.up_proj', hiddenSize, intermediateSize),
    down: of('mlp.down_proj', intermediateSize, hiddenSize),
  };
}

export const llama: Architecture = {
  id: 'llama',

  linearLayers: (config) =>
    Array.from({ length: config.layers }, (_, index) => Object.values(linears(config, index))).flat(),

  forward({ graph, linear, attention }, config, embedded) {
    const norm = (x: typeof embedded, name: string) =>
      graph.rmsNorm(x, graph.weight(`${name}.weight`, [config.hiddenSize]), config.normEpsilon)[0];
    let x = embedded; // (N, D)
    for (let index = 0; index < config.layers; index++) {
      const { query, key, value, output, gate, up, down } = linears(config, index);
      const before = norm(x, `${layer(index)}.input_layernorm`);
      const attended = attention(index, linear(before, query), linear(before, key), linear(before, value));
      x = graph.add(x, linear(attended, output));
      const after = norm(x, `${layer(index)}.post_attention_layernorm`);
      const hidden = graph.mul(graph.silu(linear(after, gate)), linear(after, up)); // (N, F)
      x = graph.add(x, linear(hidden, down));
    }
    return norm(x, 'model.norm');
  },
};
