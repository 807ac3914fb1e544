/** A random Llama of a few thousand parameters as a GGUF file: whole runs in seconds, answers that mean nothing. */
import { writeFileSync } from 'node:fs';
import { rng } from '../src/core/rng.ts';

type Entry = readonly [
  key: string,
  type: 'u32' | 'f32' | 'string' | 'strings' | 'i32s',
  value: number | string | readonly string[] | readonly number[],
];

const string = (text: string): Buffer => {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
};
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const f32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};

function encode([key, type, value]: Entry): Buffer {
  const head = string(key);
  if (type === 'u32') return Buffer.concat([head, u32(4), u32(value as number)]);
  if (type === 'f32') return Buffer.concat([head, u32(6), f32(value as number)]);
  if (type === 'string') return Buffer.concat([head, u32(8), string(value as string)]);
  const list = value as readonly (string | number)[];
  const items = list.map((item) => (typeof item === 'string' ? string(item) : u32(item)));
  return Buffer.concat([head, u32(9), u32(type === 'strings' ? 8 : 5), u64(list.length), ...items]);
}

/** The characters that stand for the 256 bytes in byte-level BPE. */
function byteCharacters(): string[] {
  const printable = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : next++));
}

export function tinyGguf(path: string): string {
  const [D, F, layers, heads, kvHeads] = [32, 48, 2, 4, 2];
  const tokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', ...byteCharacters(), 'th'];
  const metadata: Entry[] = [
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
  const infos: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const [name, shape] of shapes) {
    const size = shape.reduce((a, b) => a * b, 1);
    infos.push(
      Buffer.concat([string(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(0), u64(offset)]),
    );
    const random = rng(name);
    const values = Float32Array.from({ length: size }, () =>
      name.includes('norm') ? 1 : random.normal() * 0.3,
    );
    const padded = Buffer.alloc(Math.ceil((size * 4) / 32) * 32);
    Buffer.from(values.buffer).copy(padded);
    data.push(padded);
    offset += padded.length;
  }
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(shapes.length),
    u64(metadata.length),
    ...metadata.map(encode),
    ...infos,
  ]);
  const padding = Buffer.alloc((32 - (head.length % 32)) % 32);
  writeFileSync(path, Buffer.concat([head, padding, ...data]));
  return path;
}
