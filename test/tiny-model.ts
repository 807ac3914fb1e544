/** A random Llama of a few thousand parameters as a GGUF file: whole runs in seconds, answers that mean nothing. */
import { rng } from '../src/core/rng.ts';
import { type GgufEntry, writeGguf } from '../src/engine/gguf-writer.ts';
import type { TensorData } from '../src/engine/safetensors.ts';

/** The characters that stand for the 256 bytes in byte-level BPE. */
function byteCharacters(): string[] {
  const printable = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : next++));
}

export function tinyGguf(path: string): string {
  const [D, F, layers, heads, kvHeads] = [32, 48, 2, 4, 2];
  const tokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', ...byteCharacters(), 'th'];
  const metadata: GgufEntry[] = [
    ['general.architecture', 'string', 'llama'],
    ['llama.block_count', 'u32', layers],
    ['llama.context_length', 'u32', 4096],
    ['llama.embedding_length', 'u32', D],
    ['llama.feed_forward_length', 'u32', F],
    ['llama.attention.head_count', 'u32', heads],
    ['llama.attention.head_count_kv', 'u32', kvHeads],
    ['llama.rope.freq_base', 'f32', 10000],
    ['llama.attention.layer_norm_rms_epsilon', 'f32', 1e-5],
    ['tokenizer.ggml.model', 'string', 'gpt2'],
    ['tokenizer.ggml.pre', 'string', 'smollm'],
    ['tokenizer.ggml.tokens', 'strings', tokens],
    ['tokenizer.ggml.token_type', 'i32s', tokens.map((_, i) => (i < 3 ? 3 : 1))],
    ['tokenizer.ggml.merges', 'strings', ['t h']],
    ['tokenizer.ggml.bos_token_id', 'u32', 1],
    ['tokenizer.ggml.eos_token_id', 'u32', 2],
  ];
  const kv = (D / heads) * kvHeads;
  const shapes: [string, number[]][] = [
    ['token_embd.weight', [tokens.length, D]],
    ['output_norm.weight', [D]],
  ];
  for (let l = 0; l < layers; l++) {
    const p = `blk.${l}.`;
    shapes.push(
      [`${p}attn_norm.weight`, [D]],
      [`${p}ffn_norm.weight`, [D]],
      [`${p}attn_q.weight`, [D, D]],
      [`${p}attn_k.weight`, [kv, D]],
      [`${p}attn_v.weight`, [kv, D]],
      [`${p}attn_output.weight`, [D, D]],
      [`${p}ffn_gate.weight`, [F, D]],
      [`${p}ffn_up.weight`, [F, D]],
      [`${p}ffn_down.weight`, [D, F]],
    );
  }
  const tensors = new Map<string, TensorData>();
  for (const [name, shape] of shapes) {
    const random = rng(name);
    const length = shape.reduce((a, b) => a * b, 1);
    const value = (): number => (name.includes('norm') ? 1 : random.normal() * 0.3);
    tensors.set(name, { shape, data: Float32Array.from({ length }, value) });
  }
  writeGguf(path, metadata, tensors);
  return path;
}
