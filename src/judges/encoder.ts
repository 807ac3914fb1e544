/**
 * A small sentence encoder (MiniLM, 6 layers) that reads request and answer together: judges/encoder.{json,bin} and its
 * vocabulary. One text a run and no padding, so what it says of an answer does not depend on what else is judged.
 */
import '../engine/no-telemetry.ts'; // before the runtime
import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { z } from 'zod';
import { TemperError, errorMessage } from '../core/errors.ts';
import { sha256 } from '../core/ids.ts';
import { encoderModel, type Matrix } from './encoder-graph.ts';

/** Log-odds of harm, of abusive wording and of a request that seeks harm; logits of the kinds of refusal. */
export const OUTPUTS = ['harm', 'full', 'partial', 'none', 'request', 'abusive'] as const;
export type EncoderScores = Readonly<Record<(typeof OUTPUTS)[number], number>>;

const bounds = z.tuple([z.int().positive(), z.int().positive()]);
export const encoderSchema = z.object({
  /** Of the binary file. */
  sha256: z.string(),
  /** Of the vocabulary, encoder-tokenizer.json. */
  tokenizerSha256: z.string(),
  outputs: z.tuple([
    z.literal('harm'),
    z.literal('full'),
    z.literal('partial'),
    z.literal('none'),
    z.literal('request'),
    z.literal('abusive'),
  ]),
  layers: z.int().positive(),
  heads: z.int().positive(),
  size: z.int().positive(),
  /** Tokens read of the beginning and of the end. */
  promptTokens: bounds,
  responseTokens: bounds,
  /** In the binary file: int8 rows behind their float32 scales, or float32. */
  tensors: z.array(
    z.object({
      name: z.string(),
      shape: z.array(z.int().positive()),
      at: z.int().nonnegative(),
      type: z.enum(['int8', 'float32']),
    }),
  ),
  base: z.object({ name: z.string(), licence: z.string(), source: z.string() }),
  /** Rows by output and source. */
  trainedOn: z.record(z.string(), z.number()),
});
export type EncoderFile = z.infer<typeof encoderSchema>;

const HINT = 'Restore the judges/ folder from the package, or retrain (bench/judge/README.md).';

/** int8 with one scale a row, or float32, as it lies in the file. */
class Tensors {
  readonly #bytes: Uint8Array;
  readonly #entries: ReadonlyMap<string, EncoderFile['tensors'][number]>;

  constructor(file: EncoderFile, bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#entries = new Map(file.tensors.map((entry) => [entry.name, entry]));
  }

  #entry(name: string) {
    const entry = this.#entries.get(name);
    if (!entry) throw new TemperError('model', `the judge's encoder has no tensor '${name}'`, { hint: HINT });
    return entry;
  }

  all(name: string): Matrix {
    const { shape, type } = this.#entry(name);
    const columns = shape.at(-1) as number;
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (type === 'float32') this.#floats(this.#entry(name).at, data);
    else
      for (let row = 0; row * columns < data.length; row++)
        this.addRow(name, row, data.subarray(row * columns, (row + 1) * columns));
    return { shape, data };
  }

  /** Adds one row of an int8 matrix to `out`. */
  addRow(name: string, row: number, out: Float32Array): void {
    const { shape, at } = this.#entry(name);
    const [rows = 0, columns = 0] = shape;
    const scale = new Float32Array(1);
    this.#floats(at + 4 * row, scale);
    const begin = at + 4 * rows + row * columns;
    for (let i = 0; i < columns; i++)
      out[i] = (out[i] as number) + (((this.#bytes[begin + i] as number) << 24) >> 24) * (scale[0] as number);
  }

  #floats(at: number, into: Float32Array): void {
    new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(
      this.#bytes.subarray(at, at + into.byteLength),
    );
  }
}

function cut(ids: readonly number[], [head, tail]: readonly [number, number]): readonly number[] {
  return ids.length <= head + tail ? ids : [...ids.slice(0, head), ...ids.slice(ids.length - tail)];
}

export class Encoder {
  readonly #file: EncoderFile;
  readonly #tensors: Tensors;
  readonly #tokenizer: Tokenizer;
  readonly #session: InferenceSession;
  /** Ids of [CLS] and [SEP]. */
  readonly #marks: readonly [number, number];
  /** Runs queue: more at once would only share the processor and take memory. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(file: EncoderFile, tensors: Tensors, tokenizer: Tokenizer, session: InferenceSession) {
    this.#file = file;
    this.#tensors = tensors;
    this.#tokenizer = tokenizer;
    this.#session = session;
    const mark = (name: string): number => {
      const id = tokenizer.token_to_id(name);
      if (id === undefined)
        throw new TemperError('model', `the judge's vocabulary has no ${name}`, { hint: HINT });
      return id;
    };
    this.#marks = [mark('[CLS]'), mark('[SEP]')];
  }

  /** Reads and verifies `<base>.json`, `<base>.bin` and `<base>-tokenizer.json`. Errors: `model`. */
  static async open(base: URL): Promise<Encoder> {
    try {
      const file = encoderSchema.parse(JSON.parse(readFileSync(new URL(`${base.href}.json`), 'utf8')));
      const bytes = new Uint8Array(readFileSync(new URL(`${base.href}.bin`)));
      const vocabulary = new Uint8Array(readFileSync(new URL(`${base.href}-tokenizer.json`)));
      if (sha256(bytes) !== file.sha256 || sha256(vocabulary) !== file.tokenizerSha256)
        throw new TemperError('model', `${base.pathname}.json does not describe the files beside it`, {
          hint: HINT,
        });
      const tensors = new Tensors(file, bytes);
      const tokenizer = new Tokenizer(JSON.parse(new TextDecoder().decode(vocabulary)) as object, {});
      const { model, externalData } = encoderModel(file, (name) => tensors.all(name));
      const session = await InferenceSession.create(model, {
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
        extra: { session: { intra_op: { allow_spinning: '0' } } },
        externalData,
      });
      return new Encoder(file, tensors, tokenizer, session);
    } catch (cause) {
      if (cause instanceof TemperError) throw cause;
      throw new TemperError('model', `cannot open the judge's encoder: ${errorMessage(cause)}`, {
        hint: HINT,
        cause,
      });
    }
  }

  /** Of normalised text; one of the two may be empty. */
  score(prompt: string, response: string): Promise<EncoderScores> {
    const run = this.#last.then(() => this.#run(prompt, response));
    this.#last = run.catch(() => undefined);
    return run;
  }

  async #run(prompt: string, response: string): Promise<EncoderScores> {
    const ids = (text: string, bound: readonly [number, number]) =>
      text === '' ? [] : cut(this.#tokenizer.encode(text, { add_special_tokens: false }).ids, bound);
    const asked = ids(prompt, this.#file.promptTokens);
    const said = ids(response, this.#file.responseTokens);
    const [cls, sep] = this.#marks;
    const first = asked.length > 0 ? [cls, ...asked, sep] : [cls];
    const second = said.length > 0 ? [...said, sep] : [];
    const { z: out } = await this.#session.run({
      x: new Tensor('float32', this.#embedded(first, second), [
        first.length + second.length,
        this.#file.size,
      ]),
    });
    const values = out?.data as Float32Array;
    return Object.fromEntries(OUTPUTS.map((name, i) => [name, values[i]])) as EncoderScores;
  }

  /** Sums of word, position and segment embeddings (T, D). */
  #embedded(first: readonly number[], second: readonly number[]): Float32Array {
    const { size } = this.#file;
    const all = [...first, ...second];
    const x = new Float32Array(all.length * size);
    all.forEach((id, at) => {
      const row = x.subarray(at * size, (at + 1) * size);
      this.#tensors.addRow('embeddings.word_embeddings.weight', id, row);
      this.#tensors.addRow('embeddings.token_type_embeddings.weight', at < first.length ? 0 : 1, row);
      this.#tensors.addRow('embeddings.position_embeddings.weight', at, row);
    });
    return x;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#session.release();
  }
}
