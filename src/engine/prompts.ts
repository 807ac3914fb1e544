/**
 * Running a model over prompts, the first part of generation. What the chat template puts before every conversation goes
 * through the model once; prompts that begin with it follow its keys and values.
 */
import type { ModelConfig } from './architecture.ts';
import { maskNames, maskReaches } from './attention.ts';
import type { KeyValueCache } from './cache.ts';
import { float32, int64 } from './feeds.ts';
import type { LoadedModel } from './model.ts';
import { causalMask, pastMask } from './sequences.ts';
import type { Session, Tensor } from './session.ts';

/** New positions of one sequence. */
export interface NewTokens {
  readonly tokens: readonly number[];
  /** Positions before them. */
  readonly start: number;
  /** Row of the rope tables for position 0. */
  readonly firstRow: number;
}

/** What a graph gave for some sequences. */
export interface Forwarded {
  /** Next-token logits of a sequence. */
  logits(sequence: number): Float32Array;
  /** Puts the keys and values of a sequence's first `count` new positions into a row of the cache. */
  store(cache: KeyValueCache, sequence: number, row: number, position: number, count: number): void;
  keys(layer: number): Float32Array;
  values(layer: number): Float32Array;
}

/** Memory for the outputs of a graph, used again by its next run: fresh arrays at each step would wait for the collector. */
export class OutputMemory {
  readonly #arrays = new Map<string, Float32Array>();

  tensor(name: string, shape: readonly number[]): Tensor {
    const size = shape.reduce((a, b) => a * b, 1);
    let array = this.#arrays.get(name);
    if (!array || array.length < size) this.#arrays.set(name, (array = new Float32Array(size)));
    return float32(array.subarray(0, size), shape);
  }
}

/** Runs a graph of generation over new tokens, padded on the right. With `memory`, results last until its next use. */
export async function forward(
  session: Session,
  { config, tokenizer }: LoadedModel,
  sequences: readonly NewTokens[],
  feeds: Readonly<Record<string, Tensor>>,
  memory = new OutputMemory(),
): Promise<Forwarded> {
  const rows = sequences.length;
  const width = Math.max(...sequences.map(({ tokens }) => tokens.length));
  const ids = sequences.flatMap(({ tokens }) => [
    ...tokens,
    ...new Array<number>(width - tokens.length).fill(tokenizer.paddingToken),
  ]);
  const positions = sequences.flatMap(({ tokens, start, firstRow }) =>
    // Padding is not seen by anything; it only needs a row that exists.
    Array.from({ length: width }, (_, i) => firstRow + start + Math.min(i, tokens.length - 1)),
  );
  const last = sequences.map(({ tokens }, row) => row * width + tokens.length - 1);
  const { vocabularySize, layers, kvHeads, headSize } = config;
  const shapeOf = (name: string): number[] =>
    name === 'logits' ? [rows, vocabularySize] : [rows, width, kvHeads * headSize];
  const outputs = Object.fromEntries(
    session.outputNames.map((name) => [name, memory.tensor(name, shapeOf(name))]),
  );
  await session.run(
    {
      ...feeds,
      ids: int64(ids, [rows, width]),
      positions: int64(positions, [rows, width]),
      last: int64(last, [rows]),
    },
    outputs,
  );
  const data = (name: string): Float32Array => outputs[name]!.data as Float32Array;
  const logits = data('logits');
  const keys = (layer: number): Float32Array => data(`new_keys.${layer}`);
  const values = (layer: number): Float32Array => data(`new_values.${layer}`);
  return {
    keys,
    values,
    logits: (row) => logits.subarray(row * vocabularySize, (row + 1) * vocabularySize),
    store: (cache, source, row, position, count) => {
      for (let layer = 0; layer < layers; layer++) {
        const fresh = { keys: keys(layer), values: values(layer), source, width };
        cache.write(layer, row, position, count, fresh);
      }
    },
  };
}

interface Beginning {
  /** Number of its tokens. */
  readonly length: number;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly forwarded: Forwarded | null;
}

export class PromptRunner implements AsyncDisposable {
  readonly #model: LoadedModel;
  readonly #session: Session;
  readonly #shared: readonly number[];
  readonly #none: Beginning;
  readonly #memory = new OutputMemory();
  #beginning: Beginning | null = null;

  /** Disposes of `session`, too. `beginning`: tokens that many prompts begin with. */
  constructor(model: LoadedModel, session: Session, beginning: readonly number[]) {
    this.#model = model;
    this.#session = session;
    this.#shared = beginning;
    // A position that nothing may look at: the graph has one form.
    this.#none = { length: 0, feeds: pastFeeds(model.config, 1, null), forwarded: null };
  }

  /** Forgets what was computed, for another adapter. */
  reset(): void {
    this.#beginning = null;
  }

  /** Tokens of a prompt that need not be run. This follows from the prompt alone, so that its answer does, too. */
  shared(prompt: readonly number[], firstRow: number): number {
    const { length } = this.#shared;
    const alike =
      firstRow === 0 && prompt.length > length && this.#shared.every((token, i) => token === prompt[i]);
    return alike ? length : 0;
  }

  /** Runs prompts of which `shared` says the same. `rows` are theirs in the cache. Returns the logits of each. */
  async run(
    prompts: readonly { readonly tokens: readonly number[]; readonly firstRow: number }[],
    shared: number,
    fixed: Readonly<Record<string, Tensor>>,
    cache: KeyValueCache,
    rows: readonly number[],
  ): Promise<readonly Float32Array[]> {
    if (shared > 0 && !this.#beginning) {
      const forwarded = await this.#forward(
        [{ tokens: this.#shared, start: 0, firstRow: 0 }],
        this.#none,
        fixed,
        new OutputMemory(),
      );
      const feeds = pastFeeds(this.#model.config, shared, forwarded);
      this.#beginning = { length: shared, feeds, forwarded };
    }
    const beginning = shared > 0 ? this.#beginning! : this.#none;
    const news = prompts.map(({ tokens, firstRow }) => ({
      tokens: tokens.slice(shared),
      start: shared,
      firstRow,
    }));
    const forwarded = await this.#forward(news, beginning, fixed, this.#memory);
    return news.map(({ tokens }, i) => {
      beginning.forwarded?.store(cache, 0, rows[i] as number, 0, shared);
      forwarded.store(cache, i, rows[i] as number, shared, tokens.length);
      return forwarded.logits(i);
    });
  }

  #forward(
    sequences: readonly NewTokens[],
    { length, feeds }: Beginning,
    fixed: Readonly<Record<string, Tensor>>,
    memory: OutputMemory,
  ): Promise<Forwarded> {
    const width = Math.max(...sequences.map(({ tokens }) => tokens.length));
    // One row of a matrix would run other kernels, which round differently.
    const all = sequences.length * width === 1 ? [...sequences, ...sequences] : sequences;
    const masks = maskFeeds(this.#model.config.window, width, length);
    return forward(this.#session, this.#model, all, { ...fixed, ...feeds, ...masks }, memory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

/** Keys and values of a beginning, (1, C, kvHeads * size), as (kvHeads, C, size); zeros where there is none. */
function pastFeeds(
  { layers, kvHeads, headSize }: ModelConfig,
  length: number,
  forwarded: Forwarded | null,
): Record<string, Tensor> {
  const byHead = (data: Float32Array): Tensor => {
    const heads = new Float32Array(kvHeads * length * headSize);
    for (let head = 0; head < kvHeads; head++) {
      for (let t = 0; t < length; t++) {
        const start = (t * kvHeads + head) * headSize;
        heads.set(data.subarray(start, start + headSize), (head * length + t) * headSize);
      }
    }
    return float32(heads, [kvHeads, length, headSize]);
  };
  const nothing = new Float32Array(kvHeads * length * headSize);
  const feeds: Record<string, Tensor> = {};
  for (let layer = 0; layer < layers; layer++) {
    feeds[`keys.${layer}`] = byHead(forwarded?.keys(layer) ?? nothing);
    feeds[`values.${layer}`] = byHead(forwarded?.values(layer) ?? nothing);
  }
  return feeds;
}

/** `width` positions that follow `start` others: what they see of themselves, and of those. */
function maskFeeds(window: number | null, width: number, start: number): Record<string, Tensor> {
  const columns = Math.max(1, start);
  const feeds: Record<string, Tensor> = {};
  for (const [which, reach] of maskReaches(window)) {
    feeds[maskNames('own')[which]] = float32(causalMask(width, reach), [width, width]);
    feeds[maskNames('shared')[which]] = float32(pastMask(width, columns, start, reach), [width, columns]);
  }
  return feeds;
}
