/**
 * Greedy coordinate gradient (Zou et al. 2023, arXiv 2307.15043, algorithm 1): a suffix of a prompt that makes a given
 * beginning of the answer likely. The gradient by the tokens of the suffix proposes replacements, the model itself decides.
 */
import type { Rng } from '../core/rng.ts';
import type { Adapter } from './adapter.ts';
import { SHIFT, tokenGradientGraph } from './build.ts';
import { adapterFeeds, float32, int64, strengthFeed } from './feeds.ts';
import type { LoadedModel } from './model.ts';
import { Scorer } from './scorer.ts';
import { sequenceFeeds, type TokenSequence } from './sequences.ts';
import { Session } from './session.ts';

export interface SuffixOptions {
  readonly random: Rng;
  readonly steps: number;
  /** Candidates of a step that the model scores. */
  readonly candidates: number;
  /** Tokens of the vocabulary that are considered for a place. */
  readonly top: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Suffix {
  /** Steps done. */
  readonly step: number;
  readonly text: string;
  /** Minus the log-probability of the wanted beginning, summed over its tokens. */
  readonly loss: number;
}

/** A prompt as tokens, with a text in place of the suffix. */
export type Prompted = (suffix: string) => readonly number[];

/** A prompt whose suffix stands at `at`, `length` tokens long. */
interface Placed {
  readonly text: string;
  readonly prompt: readonly number[];
  readonly at: number;
  readonly length: number;
}

/** Where the prompt differs from the one without a suffix; null where nothing of the suffix is left. */
function placed(text: string, prompted: Prompted, bare: readonly number[]): Placed | null {
  const prompt = prompted(text);
  let at = 0;
  while (at < bare.length && prompt[at] === bare[at]) at++;
  let after = 0;
  while (after < bare.length - at && prompt.at(-1 - after) === bare.at(-1 - after)) after++;
  const length = prompt.length - at - after;
  // The last token of the prompt predicts the answer's first: the suffix stands before it.
  return length > 0 && after > 0 ? { text, prompt, at, length } : null;
}

export class SuffixSearch implements AsyncDisposable {
  readonly #model: LoadedModel;
  readonly #session: Session;
  readonly #scorer: Scorer;
  readonly #adapter: { readonly adapter: Adapter; readonly strength: number } | null;

  private constructor(
    model: LoadedModel,
    session: Session,
    scorer: Scorer,
    adapter: { readonly adapter: Adapter; readonly strength: number } | null,
  ) {
    this.#model = model;
    this.#session = session;
    this.#scorer = scorer;
    this.#adapter = adapter;
  }

  static async create(
    model: LoadedModel,
    adapter: { readonly adapter: Adapter; readonly strength: number } | null,
  ): Promise<SuffixSearch> {
    const graph = tokenGradientGraph(model.config, adapter?.adapter.shape ?? null);
    const session = await Session.create(graph, model.weights, { placement: 'fed' });
    return new SuffixSearch(model, session, await Scorer.create(model, adapter ?? {}), adapter);
  }

  /** The derivative of the loss by each token of the vocabulary at each place of the suffix, (length, V) row by row. */
  async gradient({ prompt, at, length }: Placed, completion: readonly number[]): Promise<Float32Array> {
    const feeds = sequenceFeeds(this.#model, [{ prompt, completion }]);
    const rows = feeds['ids']!.dims[0]!;
    const { hiddenSize } = this.#model.config;
    const adapter = this.#adapter
      ? {
          ...adapterFeeds(this.#adapter.adapter),
          lora_scale: strengthFeed(this.#adapter.adapter, this.#adapter.strength),
        }
      : {};
    const { gradient } = await this.#session.run(
      {
        ...feeds,
        ...adapter,
        [SHIFT]: float32(new Float32Array(rows * hiddenSize), [rows, hiddenSize]),
        // All of a prompt but its last token is a trunk: its rows are its positions.
        wanted: int64(
          Array.from({ length }, (_, i) => at + i),
          [length],
        ),
      },
      { gradient: null },
    );
    return gradient!.data as Float32Array;
  }

  async #losses(prompts: readonly (readonly number[])[], completion: readonly number[]): Promise<number[]> {
    const sequences = prompts.map((prompt): TokenSequence => ({ prompt, completion }));
    const logps = await this.#scorer.score(sequences, { batchTokens: 2048 });
    return logps.map((logp) => -logp.reduce((sum, value) => sum + value, 0));
  }

  /**
   * The best suffix so far after each step. Each is a text that becomes the tokens that were scored: what the target would
   * really read. Errors: the signal's reason.
   */
  async *search(
    prompted: Prompted,
    first: string,
    wanted: string,
    { random, steps, candidates, top, signal }: SuffixOptions,
  ): AsyncGenerator<Suffix> {
    const { tokenizer } = this.#model;
    const completion = tokenizer.encode(wanted);
    const bare = prompted('');
    let best = placed(first, prompted, bare);
    if (best === null || completion.length === 0) return;
    let [loss] = (await this.#losses([best.prompt], completion)) as [number];
    for (let step = 1; step <= steps; step++) {
      signal?.throwIfAborted();
      const places = topReplacements(await this.gradient(best, completion), best.length, top);
      const tried = new Map<string, Placed>();
      // Some replacements become other tokens when they are read: they are drawn again, within bounds.
      for (let draw = 0; tried.size < candidates && draw < 4 * candidates; draw++) {
        const place = random.int(best.length);
        const ids = best.prompt.slice(best.at, best.at + best.length);
        ids[place] = random.pick(places[place]!);
        const text = tokenizer.decode(ids);
        const next = isPlain(text) ? placed(text, prompted, bare) : null;
        if (next && next.length === best.length && text !== best.text) tried.set(text, next);
      }
      const list = [...tried.values()];
      const losses = await this.#losses(
        list.map(({ prompt }) => prompt),
        completion,
      );
      for (const [i, value] of losses.entries()) if (value < loss) [best, loss] = [list[i]!, value];
      yield { step, text: best.text, loss };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scorer[Symbol.asyncDispose]();
    await this.#session[Symbol.asyncDispose]();
  }
}

/** Nothing that a terminal, a log or a filter would treat as more than text; no part of a chat template. */
const isPlain = (text: string): boolean => /^[\x20-\x7e]+$/.test(text) && !text.includes('<|');

/** Of each place, the tokens whose derivative is least. */
function topReplacements(gradient: Float32Array, length: number, top: number): number[][] {
  const size = gradient.length / length;
  return Array.from({ length }, (_, place) => {
    const row = gradient.subarray(place * size, (place + 1) * size);
    const bound = row.toSorted()[Math.min(top, size) - 1]!;
    const tokens: number[] = [];
    for (let token = 0; token < size && tokens.length < top; token++)
      if (row[token]! <= bound) tokens.push(token);
    return tokens;
  });
}
