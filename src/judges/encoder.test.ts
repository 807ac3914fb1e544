import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { sha256 } from '../core/ids.ts';
import { rng } from '../core/rng.ts';
import { Encoder, OUTPUTS, type EncoderFile } from './encoder.ts';

const SIZE = 8;
const HEADS = 2;
const LAYERS = 2;
const WORDS = [
  '[UNK]',
  '[CLS]',
  '[SEP]',
  'how',
  'do',
  'i',
  'rob',
  'bake',
  'a',
  'bank',
  'cake',
  'first',
  'take',
  'it',
  'no',
];
const folder = mkdtempSync(join(tmpdir(), 'temper-encoder-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A random BERT, float32 as it is after quantisation. */
function make(name: string): { base: URL; tensors: Map<string, number[][]> } {
  const random = rng('encoder', name);
  const matrix = (rows: number, columns: number, around = 0) =>
    Array.from({ length: rows }, () =>
      Array.from({ length: columns }, () => Math.fround(around + random.next() - 0.5)),
    );
  const tensors = new Map<string, number[][]>();
  const dense = (at: string, out: number, into: number) => {
    tensors.set(`${at}.weight`, matrix(out, into));
    tensors.set(`${at}.bias`, matrix(1, out));
  };
  const norm = (at: string) => {
    tensors.set(`${at}.weight`, matrix(1, SIZE, 1));
    tensors.set(`${at}.bias`, matrix(1, SIZE));
  };
  tensors.set('embeddings.word_embeddings.weight', matrix(WORDS.length, SIZE));
  tensors.set('embeddings.token_type_embeddings.weight', matrix(2, SIZE));
  tensors.set('embeddings.position_embeddings.weight', matrix(16, SIZE));
  norm('embeddings.LayerNorm');
  for (let i = 0; i < LAYERS; i++) {
    const at = `encoder.layer.${i}`;
    for (const kind of ['query', 'key', 'value']) dense(`${at}.attention.self.${kind}`, SIZE, SIZE);
    dense(`${at}.attention.output.dense`, SIZE, SIZE);
    norm(`${at}.attention.output.LayerNorm`);
    dense(`${at}.intermediate.dense`, 4 * SIZE, SIZE);
    dense(`${at}.output.dense`, SIZE, 4 * SIZE);
    norm(`${at}.output.LayerNorm`);
  }
  dense('head', OUTPUTS.length, SIZE);

  const parts: Uint8Array[] = [];
  const entries: EncoderFile['tensors'] = [];
  let at = 0;
  const put = (array: Float32Array | Int8Array) => {
    const bytes = new Uint8Array(array.buffer);
    parts.push(bytes);
    at += bytes.length;
  };
  for (const [key, rows] of tensors) {
    const bias = rows.length === 1 && !key.startsWith('embeddings.token');
    const shape = bias ? [rows[0]!.length] : [rows.length, rows[0]!.length];
    const type = bias || key.startsWith('head.') ? 'float32' : 'int8';
    entries.push({ name: key, shape, at, type });
    if (type === 'float32') put(Float32Array.from(rows.flat()));
    else {
      const scales = Float32Array.from(rows, (row) => Math.max(...row.map(Math.abs)) / 127);
      const codes = rows.map((row, i) => row.map((one) => Math.round(one / scales[i]!)));
      put(scales);
      put(Int8Array.from(codes.flat()));
      put(new Int8Array((4 - (at % 4)) % 4));
      tensors.set(
        key,
        codes.map((row, i) => row.map((code) => code * scales[i]!)),
      );
    }
  }
  const bytes = Buffer.concat(parts);
  const vocabulary = JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])),
    },
  });
  const file: EncoderFile = {
    sha256: sha256(bytes),
    tokenizerSha256: sha256(new TextEncoder().encode(vocabulary)),
    outputs: [...OUTPUTS] as EncoderFile['outputs'],
    layers: LAYERS,
    heads: HEADS,
    size: SIZE,
    promptTokens: [3, 2],
    responseTokens: [3, 2],
    tensors: entries,
    base: { name: 'test', licence: 'none', source: 'random' },
    trainedOn: {},
  };
  const base = join(folder, name);
  writeFileSync(`${base}.bin`, bytes);
  writeFileSync(`${base}.json`, JSON.stringify(file));
  writeFileSync(`${base}-tokenizer.json`, vocabulary);
  return { base: pathToFileURL(base), tensors };
}

/** BERT by its definition, in doubles. */
function reference(tensors: Map<string, number[][]>, first: number[], second: number[]): number[] {
  const get = (name: string) => tensors.get(name)!;
  const dense = (rows: number[][], at: string) =>
    rows.map((row) =>
      get(`${at}.weight`).map((w, i) =>
        w.reduce((sum, one, j) => sum + one * row[j]!, get(`${at}.bias`)[0]![i]!),
      ),
    );
  const norm = (rows: number[][], at: string) =>
    rows.map((row) => {
      const mean = row.reduce((a, b) => a + b, 0) / row.length;
      const variance = row.reduce((sum, one) => sum + (one - mean) ** 2, 0) / row.length;
      return row.map(
        (one, i) =>
          ((one - mean) / Math.sqrt(variance + 1e-12)) * get(`${at}.weight`)[0]![i]! +
          get(`${at}.bias`)[0]![i]!,
      );
    });
  const add = (a: number[][], b: number[][]) => a.map((row, i) => row.map((one, j) => one + b[i]![j]!));
  const gelu = (rows: number[][]) => rows.map((row) => row.map((x) => (x / 2) * (1 + erf(x / Math.SQRT2))));
  let x = [...first, ...second].map((id, at) =>
    get('embeddings.word_embeddings.weight')[id]!.map(
      (one, j) =>
        one +
        get('embeddings.token_type_embeddings.weight')[at < first.length ? 0 : 1]![j]! +
        get('embeddings.position_embeddings.weight')[at]![j]!,
    ),
  );
  x = norm(x, 'embeddings.LayerNorm');
  for (let i = 0; i < LAYERS; i++) {
    const at = `encoder.layer.${i}`;
    const [q, k, v] = ['query', 'key', 'value'].map((kind) => dense(x, `${at}.attention.self.${kind}`)) as [
      number[][],
      number[][],
      number[][],
    ];
    const d = SIZE / HEADS;
    const mixed = x.map((_, t) =>
      Array.from({ length: HEADS }, (_unused, h) => {
        const part = (row: number[]) => row.slice(h * d, (h + 1) * d);
        const logits = k.map(
          (key) => part(key).reduce((sum, one, j) => sum + one * part(q[t]!)[j]!, 0) / Math.sqrt(d),
        );
        const powers = logits.map(Math.exp);
        const total = powers.reduce((a, b) => a + b, 0);
        return Array.from({ length: d }, (_none, j) =>
          powers.reduce((sum, power, s) => sum + (power / total) * part(v[s]!)[j]!, 0),
        );
      }).flat(),
    );
    x = norm(add(x, dense(mixed, `${at}.attention.output.dense`)), `${at}.attention.output.LayerNorm`);
    const inner = dense(gelu(dense(x, `${at}.intermediate.dense`)), `${at}.output.dense`);
    x = norm(add(x, inner), `${at}.output.LayerNorm`);
  }
  const mean = Array.from({ length: SIZE }, (_, j) => x.reduce((sum, row) => sum + row[j]!, 0) / x.length);
  return dense([mean], 'head')[0]!;
}

/** By its series: exact enough for |x| < 4. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const id = (word: string) => WORDS.indexOf(word);
const marked = (words: string[]) => [...words.map(id), id('[SEP]')];

describe('the encoder computes what its tensors say', () => {
  const { base, tensors } = make('one');
  test.each([
    ['how do i bake', 'first take it', ['how', 'do', 'i', 'bake'], ['first', 'take', 'it']],
    // Three words of the beginning and two of the end are read.
    [
      'how do i rob a big bank',
      'no no no i do it',
      ['how', 'do', 'i', '[UNK]', 'bank'],
      ['no', 'no', 'no', 'do', 'it'],
    ],
    ['how', '', ['how'], []],
    ['', 'take it', [], ['take', 'it']],
  ])('%s | %s', async (prompt, response, asked, said) => {
    await using encoder = await Encoder.open(base);
    const first = asked.length > 0 ? [id('[CLS]'), ...marked(asked)] : [id('[CLS]')];
    const expected = reference(tensors, first, said.length > 0 ? marked(said) : []);
    const scores = await encoder.score(prompt, response);
    OUTPUTS.forEach((name, i) => expect(scores[name]).toBeCloseTo(expected[i]!, 4));
  });

  test('an answer is read the same whatever is read beside it', async () => {
    await using encoder = await Encoder.open(base);
    const alone = await encoder.score('how do i rob', 'take it');
    const beside = await Promise.all(
      ['no', 'first take it', 'it']
        .map((response) => encoder.score('a cake', response))
        .concat(encoder.score('how do i rob', 'take it')),
    );
    expect(beside.at(-1)).toEqual(alone);
  });
});

test('files that do not belong together are refused', async () => {
  const { base } = make('two');
  writeFileSync(`${join(folder, 'two')}.bin`, new Uint8Array(8));
  await expect(Encoder.open(base)).rejects.toMatchObject({ code: 'model' });
  await expect(Encoder.open(new URL('absent', base))).rejects.toMatchObject({ code: 'model' });
});
