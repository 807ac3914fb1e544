/** Answers chosen by log-probability on the engine: questions that are asked together are scored together. */
import { TemperError } from '../core/errors.ts';
import type { Message } from '../core/records.ts';
import type { Adapter } from '../engine/adapter.ts';
import type { LoadedModel } from '../engine/model.ts';
import { Scorer } from '../engine/scorer.ts';
import type { TokenSequence } from '../engine/sequences.ts';

interface Question {
  readonly sequences: readonly TokenSequence[];
  resolve(index: number): void;
  reject(error: unknown): void;
}

export class Chooser implements AsyncDisposable {
  readonly #model: LoadedModel;
  readonly #adapter: { readonly adapter: Adapter; readonly strength: number } | null;
  readonly #waiting: Question[] = [];
  #scorer: Promise<Scorer> | null = null;
  #running: Promise<void> | null = null;

  constructor(model: LoadedModel, adapter: { adapter: Adapter; strength: number } | null) {
    this.#model = model;
    this.#adapter = adapter;
  }

  /** Index of the answer whose tokens have the largest summed log-probability. Errors: `data` if it does not fit. */
  choose(messages: readonly Message[], answers: readonly string[]): Promise<number> {
    const { tokenizer, config } = this.#model;
    const prompt = tokenizer.encodeChat(messages);
    const sequences = answers.map((answer) => ({ prompt, completion: tokenizer.encodeText(answer) }));
    const longest = Math.max(...sequences.map(({ completion }) => prompt.length + completion.length));
    if (longest > config.contextLength) {
      const problem = `the question has ${longest} tokens; this model takes ${config.contextLength}`;
      return Promise.reject(new TemperError('data', problem, { hint: 'Leave the question out.' }));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ sequences, resolve, reject });
      this.#running ??= this.#run().finally(() => (this.#running = null));
    });
  }

  async #run(): Promise<void> {
    // What is asked in this tick is scored together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        this.#scorer ??= Scorer.create(this.#model, this.#adapter ?? {});
        const scorer = await this.#scorer;
        for (const [together, group] of Map.groupBy(batch, ({ sequences }) => sequences.length)) {
          const found = await scorer.score(
            group.flatMap(({ sequences }) => sequences),
            { together },
          );
          group.forEach((question, i) => {
            const sums = found
              .slice(i * together, (i + 1) * together)
              .map((tokens) => tokens.reduce((sum, logp) => sum + logp, 0));
            question.resolve(sums.indexOf(Math.max(...sums)));
          });
        }
      } catch (error) {
        for (const question of batch) question.reject(error);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running;
    await (await this.#scorer)?.[Symbol.asyncDispose]();
  }
}
