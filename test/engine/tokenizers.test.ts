/** Tokenizers of model folders and of GGUF files: the same text, the same tokens. */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { GgufValue } from '../../src/engine/gguf.ts';
import { loadModel } from '../../src/engine/model.ts';
import { ggufTokenizer } from '../../src/engine/tokenizer-gguf.ts';

const fixtures = fileURLToPath(new URL('../fixtures/families/', import.meta.url));
const TEXTS = ['How do I boil an egg?', 'naïve 日本 cats\n\tthen', "they'd 1234  x", '<|im_end|>'];

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'temper-tokenizer-'));
  cpSync(join(fixtures, 'qwen2'), path, { recursive: true });
  cpSync(join(fixtures, 'tokenizer'), path, { recursive: true });
  return path;
}

test('a folder and a GGUF file of one model have the same tokenizer and template', () => {
  const [hub, gguf] = [folder(), join(fixtures, 'qwen2.gguf')].map((path) => loadModel(path).tokenizer);
  for (const text of TEXTS) {
    const ids = hub!.encode(text);
    expect(gguf!.encode(text)).toEqual(ids);
    if (!text.includes('<|')) expect(hub!.decode(ids)).toBe(text);
  }
  const chat = [
    { role: 'user' as const, content: 'Hi <|im_end|>' },
    { role: 'assistant' as const, content: 'Hello.' },
  ];
  expect(hub!.encodeChat(chat)).toEqual(gguf!.encodeChat(chat));
  expect(hub!.render(chat)).toContain('Hi < |im_end|><|im_end|>');
  for (const tokenizer of [hub!, gguf!]) {
    expect(tokenizer.endOfTurn).toBe(2);
    expect(tokenizer.paddingToken).toBe(0);
  }
  expect([...hub!.stopTokens]).toEqual([2]);
  expect([...gguf!.stopTokens].sort()).toEqual([0, 2]); // GGUF names one; the others are known by their text
});

test('an answer ends with what the template puts there, wherever the template lies', () => {
  const path = folder();
  const template =
    "{% for m in messages %}{{ '<|im_start|>' + m['content'] + ' <|endoftext|>' }}{% endfor %}";
  writeFileSync(join(path, 'chat_template.jinja'), template);
  const { tokenizer } = loadModel(path);
  expect(tokenizer.endOfTurn).toBe(0);
  expect([...tokenizer.stopTokens].sort()).toEqual([0, 2]);
});

test('a token beyond the embedding is refused', () => {
  const path = folder();
  const file = join(path, 'tokenizer.json');
  const json = JSON.parse(readFileSync(file, 'utf8')) as { added_tokens: { id: number }[] };
  json.added_tokens[0]!.id = 300;
  writeFileSync(file, JSON.stringify(json));
  expect(() => loadModel(path)).toThrow("token '<|endoftext|>' has the id 300; the model has 300 tokens");
});

test('SentencePiece vocabularies give the tokens of the sentencepiece library', () => {
  const { tokens, scores, types, encodings } = JSON.parse(
    readFileSync(join(fixtures, 'tokenizer/sentencepiece.json'), 'utf8'),
  ) as { tokens: string[]; scores: number[]; types: number[]; encodings: [string, number[]][] };
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', 'llama'],
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.scores', scores],
    ['tokenizer.ggml.token_type', types],
    ['tokenizer.ggml.bos_token_id', 1],
    ['tokenizer.ggml.eos_token_id', 2],
  ]);
  const tokenizer = ggufTokenizer({ path: 'x.gguf', metadata, tensors: new Map() }, tokens.length);
  for (const [text, ids] of encodings) {
    expect(tokenizer.encode(text), text).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(text);
  }
});
