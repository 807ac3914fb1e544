/**
 * Generation with continuous batching: requests wait in a queue, a free place in the batch is filled as soon as a
 * sequence ends, and all sequences advance by one token a step. What a request gets does not depend on which
 * others run beside it (generator.test.ts).
 */
import { TemperError } from '../core/errors.ts';
import { type Rng, rng } from '../core/rng.ts';
import type { Adapter } from './adapter.ts';
import { decodingGraph, promptGraph } from './build.ts';
import { KeyValueCache } from './cache.ts';
import { cacheBytes, requireMemory, weightBytes } from './memory.ts';
import type { LoadedModel } from './model.ts';
import { type Sampling, sample } from './sampling.ts';
import { adapterFeeds, cacheMaskFeeds, ropeFeeds, strengthFeed } from './feeds.ts';
import { forward, OutputMemory, PromptRunner } from './prompts.ts';
import { firstRow } from './rope.ts';
import { Session, type Tensor } from './session.ts';

export interface GenerationRequest extends Partial<Sampling> {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  /** Names the random stream of a sampled answer. */
  readonly seed?: string | number;
  readonly signal?: AbortSignal;
  /** Told all tokens so far whenever there is one more. */
  readonly onTokens?: (tokens: readonly number[]) => void;
}

export interface GenerationResult {
  /** Without the stop token. */
  readonly tokens: number[];
  readonly finish: 'stop' | 'length';
}

export interface GeneratorOptions {
  /** Reserve the places of this adapter's matrices; `setAdapter` exchanges them. */
  readonly adapter?: Adapter;
  readonly strength?: number;
  /** Most sequences at once. */
  readonly batch?: number;
  /** Most tokens in the cache, over all sequences. */
  readonly cacheTokens?: number;
  readonly threads?: number;
  /** Tokens that go through the model once for all prompts that begin with them; by default the chat template's. */
  readonly beginning?: readonly number[];
}

interface Sequence {
  readonly request: GenerationRequest;
  readonly sampling: Sampling;
  readonly random: Rng;
  readonly tokens: number[];
  /** Row of the rope tables for its first token. */
  readonly firstRow: number;
  /** Tokens in the cache. */
  length: number;
  next: number;
  resolve(result: GenerationResult): void;
  reject(error: unknown): void;
}

/** The cache grows by this many tokens: what it holds is read at every step, so it is kept as short as it can be. */
const CAPACITY_STEP = 16;
const PREFILL_TOKENS = 1024;
const CACHE_TOKENS = 16384;

const batchOf = ({ batch = 32 }: GeneratorOptions): number => Math.max(1, batch);

/** Tokens of the cache with what its rows are rounded up by. */
const reservedTokens = (options: GeneratorOptions): number =>
  (options.cacheTokens ?? CACHE_TOKENS) + CAPACITY_STEP * (batchOf(options) + 2);

export class Generator implements AsyncDisposable {
  readonly model: LoadedModel;
  readonly #prompts: PromptRunner;
  /** Opened for the first second token: the first one comes from the prompts' graph and need not wait. */
  readonly #openDecoding: () => Promise<Session>;
  #decoding: Promise<Session> | null = null;
  readonly #batch: number;
  readonly #cacheTokens: number;
  /** Most tokens of one sequence. */
  readonly #longest: number;
  readonly #cache: KeyValueCache;
  readonly #outputs = new OutputMemory();
  readonly #queue: Sequence[] = [];
  readonly #active: Sequence[] = [];
  #fixed: Record<string, Tensor>;
  #running: Promise<void> | null = null;
  /** Tokens generated so far. */
  generated = 0;

  private constructor(
    model: LoadedModel,
    sessions: { prompts: Session; decoding: () => Promise<Session> },
    options: GeneratorOptions,
  ) {
    this.model = model;
    this.#prompts = new PromptRunner(
      model,
      sessions.prompts,
      options.beginning ?? model.tokenizer.chatBeginning(),
    );
    this.#openDecoding = sessions.decoding;
    this.#batch = batchOf(options);
    this.#cacheTokens = options.cacheTokens ?? CACHE_TOKENS;
    this.#longest = Math.min(model.config.contextLength, this.#cacheTokens);
    this.#fixed = ropeFeeds(model.config, this.#longest);
    this.#cache = new KeyValueCache(model.config);
    // At once: to grow means to hold the old and the new memory together. What is not used takes none.
    this.#cache.reserve(reservedTokens(options));
  }

  static async create(model: LoadedModel, options: GeneratorOptions = {}): Promise<Generator> {
    const lora = options.adapter?.shape ?? null;
    const { provider } = model;
    const settings = { provider, ...(options.threads ? { threads: options.threads } : {}) };
    const reserved = reservedTokens(options);
    requireMemory(
      'generation',
      {
        'packed weights': weightBytes([...model.weights.values()].map(({ length }) => [length])),
        [`cache of ${reserved} tokens`]: cacheBytes(model.config, reserved),
      },
      'Close other programs or take a smaller model.',
    );
    // Decoding multiplies few rows and gains from weights that are packed once; prompts share the model's own copy.
    const prompts = await Session.create(promptGraph(model.config, lora), model.weights, {
      placement: 'fed',
      ...settings,
    });
    const decoding = (): Promise<Session> =>
      Session.create(decodingGraph(model.config, lora), model.weights, { placement: 'stored', ...settings });
    const generator = new Generator(model, { prompts, decoding }, options);
    if (options.adapter) generator.setAdapter(options.adapter, options.strength);
    return generator;
  }

  /** Exchanges the adapter (of the shape given at creation) or its strength, between two batches of requests. */
  setAdapter(adapter: Adapter, strength = 1): void {
    if (this.#running)
      throw new TemperError('internal', 'the adapter cannot change while sequences are generated');
    this.#fixed = { ...this.#fixed, ...adapterFeeds(adapter), lora_scale: strengthFeed(adapter, strength) };
    this.#prompts.reset();
  }

  /** Generates one answer. Errors: `data` if the prompt does not fit into the model's context. */
  generate(request: GenerationRequest): Promise<GenerationResult> {
    const longest = this.#longest;
    if (request.prompt.length === 0 || request.prompt.length >= longest) {
      const problem = `the prompt has ${request.prompt.length} tokens; this model takes 1 to ${longest - 1}`;
      return Promise.reject(
        new TemperError('data', problem, { hint: 'Shorten the conversation or the document.' }),
      );
    }
    if (request.maxTokens < 1) return Promise.resolve({ tokens: [], finish: 'length' });
    return new Promise((resolve, reject) => {
      const sampling = { temperature: request.temperature ?? 0, topP: request.topP ?? 1 };
      const random = rng('sampling', request.seed ?? 0);
      // Its rotary variant is chosen by the longest it may become, since the cache holds turned keys.
      const first = firstRow(this.model.config.ropes, this.#most(request) - 1, this.#longest);
      this.#queue.push({
        request,
        sampling,
        random,
        tokens: [],
        firstRow: first,
        length: 0,
        next: 0,
        resolve,
        reject,
      });
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    // Let everything that is asked for in this tick join the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (this.#queue.length > 0 || this.#active.length > 0) {
        this.#drop();
        await this.#admit();
        if (this.#active.length > 0) await this.#step();
      }
    } catch (error) {
      for (const sequence of [...this.#queue.splice(0), ...this.#active.splice(0)]) sequence.reject(error);
    } finally {
      this.#running = null;
    }
  }

  /** Removes sequences whose caller gave up. */
  #drop(): void {
    const aborted = (sequence: Sequence): boolean => sequence.request.signal?.aborted ?? false;
    for (let i = this.#active.length - 1; i >= 0; i--) {
      const sequence = this.#active[i] as Sequence;
      if (!aborted(sequence)) continue;
      this.#free(i);
      sequence.reject(sequence.request.signal!.reason);
    }
    for (const sequence of this.#queue.filter(aborted)) {
      this.#queue.splice(this.#queue.indexOf(sequence), 1);
      sequence.reject(sequence.request.signal!.reason);
    }
  }

  /** Tokens that a sequence may come to. */
  #most({ prompt, maxTokens }: GenerationRequest): number {
    return Math.min(prompt.length + maxTokens, this.#longest);
  }

  /** Fills free places from the queue, as far as the cache's budget goes. */
  async #admit(): Promise<void> {
    const admitted: Sequence[] = [];
    let longest = Math.max(0, ...this.#active.map(({ request }) => this.#most(request)));
    while (this.#queue.length > 0) {
      const count = this.#active.length + admitted.length;
      const wider = Math.max(longest, this.#most(this.#queue[0]!.request));
      if (count >= this.#batch || (count > 0 && wider * (count + 1) > this.#cacheTokens)) break;
      longest = wider;
      admitted.push(this.#queue.shift() as Sequence);
    }
    if (admitted.length === 0) return;
    try {
      await this.#start(admitted, longest);
    } catch (error) {
      for (const sequence of admitted) sequence.reject(error);
      throw error;
    }
  }

  /** Runs the prompts of sequences that come to `longest` tokens at most. */
  async #start(admitted: readonly Sequence[], longest: number): Promise<void> {
    // Two rows at least: a batch of one would run other kernels, which round differently.
    const rows = Math.max(2, this.#active.length + admitted.length);
    const most = Math.max(rows, Math.min(this.#batch, Math.floor(this.#cacheTokens / longest)));
    this.#fit(
      rows > this.#cache.rows ? most : this.#cache.rows,
      admitted.map(({ request }) => request.prompt.length),
    );
    const shared = (sequence: Sequence): number =>
      this.#prompts.shared(sequence.request.prompt, sequence.firstRow);
    for (const group of Map.groupBy(admitted, shared)) await this.#prefill(...group);
  }

  /** Makes the cache long enough for the sequences in flight and for prompts of these lengths, and not much longer. */
  #fit(rows: number, prompts: readonly number[] = []): void {
    const longest = Math.max(...this.#active.map(({ length }) => length), ...prompts) + 1;
    const wanted = Math.ceil(longest / CAPACITY_STEP) * CAPACITY_STEP;
    const { capacity } = this.#cache;
    const fits = wanted <= capacity && 4 * wanted > 3 * capacity;
    if (!fits || rows !== this.#cache.rows)
      this.#cache.resize(rows, fits ? capacity : wanted, this.#active.length);
  }

  /** Runs prompts, of which `shared` tokens need not be run, and moves their keys and values into the cache. */
  async #prefill(shared: number, sequences: readonly Sequence[]): Promise<void> {
    const length = ({ request }: Sequence): number => request.prompt.length - shared;
    const waiting = sequences.toSorted((a, b) => length(a) - length(b)); // alike ones together: little padding
    while (waiting.length > 0) {
      const longest = length(waiting.at(-1)!);
      const batch = waiting.splice(-Math.max(1, Math.floor(PREFILL_TOKENS / longest)));
      const prompts = batch.map(({ request, firstRow: first }) => ({
        tokens: request.prompt,
        firstRow: first,
      }));
      const rows = batch.map((_, i) => this.#active.length + i);
      const logits = await this.#prompts.run(prompts, shared, this.#fixed, this.#cache, rows);
      batch.forEach((sequence, i) => {
        this.#active.push(sequence);
        sequence.length = sequence.request.prompt.length;
        this.#choose(sequence, logits[i] as Float32Array);
      });
      this.#finish();
    }
  }

  async #step(): Promise<void> {
    this.#fit(this.#cache.rows);
    const { capacity } = this.#cache;
    const news = this.#active.map(({ next, length, firstRow: first }) => ({
      tokens: [next],
      start: length,
      firstRow: first,
    }));
    if (news.length === 1) news.push({ tokens: [this.model.tokenizer.paddingToken], start: 0, firstRow: 0 });
    const lengths = news.map(({ start }) => start + 1);
    const feeds = {
      ...this.#fixed,
      ...this.#cache.tensors(news.length),
      ...cacheMaskFeeds(this.model.config, lengths, capacity),
    };
    const decoding = await (this.#decoding ??= this.#openDecoding());
    const forwarded = await forward(decoding, this.model, news, feeds, this.#outputs);
    this.#active.forEach((sequence, row) => {
      forwarded.store(this.#cache, row, row, sequence.length, 1);
      sequence.length++;
      this.#choose(sequence, forwarded.logits(row));
    });
    this.#finish();
  }

  #choose(sequence: Sequence, logits: Float32Array): void {
    sequence.next = sample(logits, sequence.sampling, sequence.random);
    this.generated++;
    if (this.model.tokenizer.stopTokens.has(sequence.next)) return;
    sequence.tokens.push(sequence.next);
    sequence.request.onTokens?.(sequence.tokens);
  }

  /** Gives back what has ended. */
  #finish(): void {
    for (let i = this.#active.length - 1; i >= 0; i--) {
      const { next, tokens, request, resolve, length } = this.#active[i] as Sequence;
      const stopped = this.model.tokenizer.stopTokens.has(next);
      const full = tokens.length >= request.maxTokens || length + 1 >= this.#longest;
      if (!stopped && !full) continue;
      this.#free(i);
      resolve({ tokens, finish: stopped ? 'stop' : 'length' });
    }
  }

  /** Frees a row; the last one takes its place. */
  #free(row: number): void {
    const last = this.#active.length - 1;
    const moved = this.#active[last] as Sequence;
    if (row !== last) {
      this.#cache.move(last, row, moved.length);
      this.#active[row] = moved;
    }
    this.#active.pop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running;
    await this.#prompts[Symbol.asyncDispose]();
    // One that could not be opened has been told to those who asked.
    await (await this.#decoding?.catch(() => null))?.[Symbol.asyncDispose]();
    this.#cache[Symbol.dispose]();
  }
}
