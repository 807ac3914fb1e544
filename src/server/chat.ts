/** The models for asking by hand: the target as it is and with an adapter, opened when first asked, one request at a time. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import type { Message, Metric } from '../core/records.ts';
import { loadAdapter } from '../engine/adapter.ts';
import type { Judge, Judgement } from '../judges/judge.ts';
import { Callers } from '../loop/callers.ts';
import { openTargets } from '../loop/remote-targets.ts';
import { openJudge } from '../loop/roles.ts';
import type { Targets } from '../loop/targets.ts';
import type { Reply, Target } from '../models/target.ts';

/** The target as it is. */
export const BASE = 'base';
/** Sequences at once: one request at a time is answered, and a small batch takes little memory. Answers do not depend on it. */
const BATCH = 2;
/** Models are closed after so long without a request: they hold about 1 GB. */
const IDLE_MS = 10 * 60_000;
const METRICS: readonly Metric[] = ['severity', 'refusal'];

interface Opened {
  readonly targets: Targets;
  readonly judge: Judge;
  readonly resources: AsyncDisposableStack;
}

export interface ChatRequest {
  readonly messages: readonly Message[];
  /** `base`, or the name of an adapter's folder. */
  readonly arm: string;
  readonly seed: number;
  readonly maxTokens: number;
  readonly signal: AbortSignal;
  readonly onText: (text: string) => void;
  /** Told how many requests are before it, while there are some. */
  readonly onWait: (before: number) => void;
}

export interface ChatReply extends Reply {
  /** Identity of what answered. */
  readonly target: string;
}

export class Chat implements AsyncDisposable {
  readonly #config: Config;
  #opened: Promise<Opened> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(config: Config) {
    this.#config = config;
  }

  get judgeName(): string {
    return this.#config.judge;
  }

  /** Folders of adapters that the target can be asked with. */
  adapters(): string[] {
    const folder = join(this.#config.directory, 'adapters');
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'adapter_config.json')))
      .map(({ name }) => name);
  }

  #open(): Promise<Opened> {
    this.#opened ??= (async () => {
      await using resources = new AsyncDisposableStack();
      const config = { ...this.#config, target: { ...this.#config.target, batch: BATCH } };
      const callers = resources.use(new Callers(config));
      const targets = resources.use(await openTargets(config, callers));
      const judge = await openJudge(this.#config, callers, resources);
      return { targets, judge, resources: resources.move() };
    })();
    // What could not be opened may be another time.
    this.#opened.catch(() => {
      this.#opened = null;
    });
    return this.#opened;
  }

  /** One at a time, in the order in which they came. */
  async #inTurn<T>(work: () => Promise<T>, onWait: (before: number) => void = () => {}): Promise<T> {
    clearTimeout(this.#idle);
    const before = this.#last;
    if (this.#waiting > 0) onWait(this.#waiting);
    this.#waiting++;
    const job = (async () => {
      await before.catch(() => {});
      return work();
    })();
    this.#last = job;
    try {
      return await job;
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) {
        this.#idle = setTimeout(() => void this.#close().catch(() => {}), IDLE_MS);
        this.#idle.unref();
      }
    }
  }

  async #target(opened: Opened, arm: string): Promise<Target> {
    const { targets } = opened;
    if (arm !== BASE) {
      if (!this.adapters().includes(arm))
        throw new TemperError('absent', `there is no adapter ${arm} in this store`);
      const { weights } = targets;
      if (!weights)
        throw new TemperError('config', 'the target is reached by calls: an adapter of its own it has not', {
          hint: 'Ask the target as it is.',
        });
      const adapter = loadAdapter(join(this.#config.directory, 'adapters', arm), weights.model.config);
      return weights.adapted({ id: arm, adapter }, 1);
    }
    const { weights } = targets;
    if (!weights) return targets.base();
    const [first] = this.adapters();
    // The engine is opened with room for an adapter, once for both.
    if (first !== undefined && !weights.isOpen) await this.#target(opened, first);
    return weights.base({ beside: true });
  }

  /** Errors: those of the model. */
  respond({ messages, arm, seed, maxTokens, signal, onText, onWait }: ChatRequest): Promise<ChatReply> {
    return this.#inTurn(async () => {
      signal.throwIfAborted();
      const opened = await this.#open();
      const target = await this.#target(opened, arm);
      const reply = await target.respond(messages, { seed, maxTokens, signal, onText });
      return { ...reply, target: target.id };
    }, onWait);
  }

  /** The verdicts of the configured judge on an answer. */
  judge(
    input: { prompt: string; response: string; history: readonly Message[]; objective: string },
    signal: AbortSignal,
  ): Promise<{ judge: string; verdicts: { metric: Metric; judgement: Judgement }[] }> {
    return this.#inTurn(async () => {
      const { judge } = await this.#open();
      const verdicts: { metric: Metric; judgement: Judgement }[] = [];
      for (const metric of METRICS.filter((each) => judge.metrics.includes(each)))
        verdicts.push({ metric, judgement: await judge.judge(input, metric, signal) });
      return { judge: judge.id, verdicts };
    });
  }

  async #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    if (opened) await (await opened).resources.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    await this.#last.catch(() => {});
    await this.#close().catch(() => {});
  }
}
