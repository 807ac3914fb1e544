/** The embedded model as the targets of a round: the base, and the base with an adapter at a strength. */
import { basename } from 'node:path';
import { contentHash, fileHash } from '../core/ids.ts';
import type { Emit } from '../core/events.ts';
import { errorMessage, TemperError } from '../core/errors.ts';
import { type Adapter, adapterHash, loadAdapter } from '../engine/adapter.ts';
import { Generator } from '../engine/generator.ts';
import { type LoadedModel, loadModel, modelFiles } from '../engine/model.ts';
import type { Provider } from '../engine/provider-names.ts';
import { Chooser } from '../models/choice.ts';
import { DEFAULT_MODEL } from '../models/catalog.ts';
import { EmbeddedLanguageModel } from '../models/embedded.ts';
import { ensureModel, type Source } from '../models/fetch.ts';
import { suffixes } from '../models/suffixes.ts';
import { createTarget, type Decoding, type Target } from '../models/target.ts';

export interface TargetOptions {
  readonly path?: string | undefined;
  /** A PEFT adapter that the target already has. */
  readonly adapter?: string | undefined;
  readonly system?: string | undefined;
  readonly temperature: number;
  readonly topP: number;
  readonly maxTokens: number;
  readonly batch: number;
}

/** A model on disk: a GGUF file, or a folder as Hugging Face writes it. */
export interface ModelFile {
  readonly path: string;
  /** Identity: the SHA-256 of the file; of a folder, the hash of its files' names and hashes. */
  readonly id: string;
  readonly name: string;
  readonly provider: Provider;
}

/** The model of a target, fetched if it is the default one and not there. */
export async function locateModel(
  target: { path?: string | undefined },
  { models, engine: { provider } }: Place,
  emit?: Emit,
): Promise<ModelFile> {
  const found = await locate(target, models, emit);
  // Another provider rounds otherwise, so what it says is said by another model.
  const id = provider === 'cpu' ? found.id : contentHash({ model: found.id, provider });
  return { ...found, id, provider };
}

interface Place {
  readonly models: { readonly cache: string; readonly sources: readonly Source[] };
  readonly engine: { readonly provider: Provider };
}

async function locate(target: { path?: string | undefined }, models: Place['models'], emit?: Emit) {
  if (target.path === undefined) {
    const path = await ensureModel(DEFAULT_MODEL, { ...models, ...(emit ? { emit } : {}) });
    return { path, id: DEFAULT_MODEL.sha256, name: DEFAULT_MODEL.description };
  }
  const hashes = await Promise.all(
    modelFiles(target.path).map(async (file) => [basename(file), await modelHash(file)] as const),
  );
  const id = hashes.length === 1 ? hashes[0]![1] : contentHash(hashes);
  return { path: target.path, id, name: target.path };
}

async function modelHash(path: string): Promise<string> {
  try {
    return await fileHash(path);
  } catch (cause) {
    throw new TemperError('model', `cannot read the model file ${path}: ${errorMessage(cause)}`, {
      hint: 'Check target.path.',
      cause,
    });
  }
}

/** An adapter with the id that names it in the target's identity. */
export interface NamedAdapter {
  readonly id: string;
  readonly adapter: Adapter;
}

/** What can be measured: a model as it is. Whether it can also be trained, `weights` says. */
export interface Targets extends AsyncDisposable {
  /** For people. */
  readonly name: string;
  /** Identity of the model alone. */
  readonly id: string;
  /** Conversations worth having under way. */
  readonly concurrency: number;
  /** The model's weights with what is needed to adapt them; null for a model that is reached by calls. */
  readonly weights: EmbeddedTargets | null;
  base(options?: { maxTokens?: number }): Promise<Target>;
}

/** How conversations with a model are best measured: what went wrong elsewhere may pass, on the engine it would not. */
export const mannerOf = ({ concurrency, weights }: Targets) => ({
  concurrency,
  retryErrors: weights === null,
});

export class EmbeddedTargets implements Targets {
  readonly model: LoadedModel;
  readonly file: ModelFile;
  readonly #options: TargetOptions;
  /** The adapter that the target brings along. */
  readonly start: NamedAdapter | null;
  #open: { generator: Generator; adapted: Adapter | null } | null = null;
  #chooser: Chooser | null = null;

  constructor(file: ModelFile, options: TargetOptions) {
    this.file = file;
    this.#options = options;
    this.model = loadModel(file.path, file.provider);
    const start = options.adapter === undefined ? null : loadAdapter(options.adapter, this.model.config);
    this.start = start && { id: adapterHash(start), adapter: start };
  }

  get name(): string {
    return this.file.name;
  }

  get id(): string {
    return this.file.id;
  }

  /** Somewhat more than places in the batch, so that one that frees up is filled at once. */
  get concurrency(): number {
    return this.#options.batch + 8;
  }

  get weights(): this {
    return this;
  }

  #decoding(maxTokens: number | undefined): Decoding {
    const { temperature, topP } = this.#options;
    return { temperature, topP, maxTokens: maxTokens ?? this.#options.maxTokens };
  }

  /** The target as it is before the fix. `beside`: an adapted target is open, and will be asked again. */
  base(options: { maxTokens?: number; beside?: boolean } = {}): Promise<Target> {
    const { generator, adapted } = this.#open ?? {};
    if (options.beside && !this.start && generator && adapted) {
      // An adapter at strength 0 adds nothing: no other generator has to be opened.
      generator.setAdapter(adapted, 0);
      return this.#over(generator, null, 1, options.maxTokens);
    }
    return this.start ? this.adapted(this.start, 1, options) : this.#target(null, 1, options);
  }

  adapted(adapter: NamedAdapter, strength: number, options: { maxTokens?: number } = {}): Promise<Target> {
    return this.#target(adapter, strength, options);
  }

  /**
   * One generator is open at a time, and it serves one target at a time: opening another target closes or changes it.
   */
  async #target(
    named: NamedAdapter | null,
    strength: number,
    { maxTokens }: { maxTokens?: number },
  ): Promise<Target> {
    const adapter = named?.adapter ?? null;
    const fits = this.#open && sameShape(this.#open.adapted, adapter);
    if (!fits) {
      await this.close();
      const generator = await Generator.create(this.model, {
        batch: this.#options.batch,
        beginning: this.model.tokenizer.chatBeginning(this.#options.system),
        ...(adapter ? { adapter } : {}),
      });
      this.#open = { generator, adapted: adapter };
    }
    const { generator } = this.#open!;
    if (adapter) generator.setAdapter(adapter, strength);
    return this.#over(generator, named, strength, maxTokens);
  }

  async #over(
    generator: Generator,
    named: NamedAdapter | null,
    strength: number,
    maxTokens: number | undefined,
  ): Promise<Target> {
    const adapter = named?.adapter ?? null;
    const identity = {
      model: this.file.id,
      ...(named ? { adapter: named.id, strength } : {}),
      ...(this.#options.system === undefined ? {} : { system: this.#options.system }),
      decoding: this.#decoding(maxTokens),
    };
    const target = createTarget(new EmbeddedLanguageModel(this.file.name, generator), identity);
    await this.#chooser?.[Symbol.asyncDispose]();
    const chooser = new Chooser(this.model, adapter ? { adapter, strength } : null);
    this.#chooser = chooser;
    const { system } = this.#options;
    return {
      ...target,
      name: `${this.file.name}${named ? ` + ${named.id}, strength ${strength}` : ''}${system === undefined ? '' : ', system prompt'}`,
      choose: (messages, answers) => chooser.choose(messages, answers),
      suffixes: (messages, wanted, settings) =>
        suffixes(this.model, adapter ? { adapter, strength } : null, messages, wanted, settings),
    };
  }

  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** Frees the generator's memory; the next target opens a new one. */
  async close(): Promise<void> {
    await this.#chooser?.[Symbol.asyncDispose]();
    this.#chooser = null;
    await this.#open?.generator[Symbol.asyncDispose]();
    this.#open = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function sameShape(a: Adapter | null, b: Adapter | null): boolean {
  if (!a || !b) return a === b;
  return (
    a.rank === b.rank &&
    a.shape.layers.size === b.shape.layers.size &&
    [...a.shape.layers].every((layer) => b.shape.layers.has(layer))
  );
}
