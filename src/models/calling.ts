/** Calls as they are made to a model elsewhere: a place, a budget, retries, and an end when nothing will ever do. */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4Middleware,
} from '@ai-sdk/provider';
import { TemperError } from '../core/errors.ts';
import type { Budget } from './budget.ts';
import { classify, type Failure } from './failure.ts';
import { malformed } from './http.ts';
import type { AdaptiveLimiter, CallOutcome } from './limiter.ts';
import { blockedResult, resultText } from './messages.ts';
import type { Secrets } from './secrets.ts';
import { costOf, type Price, type Usage } from './usage.ts';

export interface CallingOptions {
  /** `provider:model`, for messages. */
  readonly name: string;
  readonly limiter: AdaptiveLimiter;
  readonly budget: Budget;
  readonly usage: Usage;
  readonly secrets: Secrets;
  readonly retries: number;
  readonly price?: Price | undefined;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  readonly delay?: (milliseconds: number, signal?: AbortSignal) => Promise<unknown>;
}

/** So many calls given up in a row, without an answer between them, end the run. */
const HOPELESS = 25;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;
const CHARACTERS_PER_TOKEN = 4;
const NOTHING = { tokens: 0, dollars: 0 };

/** A call that was given up; the message holds no key. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
}

/** Exponential, between half of it and all of it. `attempt` counts from 0. Milliseconds. */
const backoff = (attempt: number, random: number): number =>
  Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempt) * (0.5 + random / 2);

/** Tokens of a text by its length: what a call is counted as where nothing better is known. */
const estimateTokens = (characters: number): number => Math.ceil(characters / CHARACTERS_PER_TOKEN);

function promptCharacters({ prompt }: LanguageModelV4CallOptions): number {
  let characters = 0;
  for (const { content } of prompt) {
    if (typeof content === 'string') characters += content.length;
    else for (const part of content) if (part.type === 'text') characters += part.text.length;
  }
  return characters;
}

/**
 * Errors of the wrapped model: `CallFailed` for a call that was given up; `budget`; `provider` when no call will do,
 * for this call and all later ones; the signal's reason. A content filter is no error but a finish reason.
 */
export function calling(options: CallingOptions): LanguageModelV4Middleware {
  const { limiter, budget, usage, secrets, retries, price, random = Math.random, delay = sleepFor } = options;
  const health = new Health(options);

  async function attempt(
    params: LanguageModelV4CallOptions,
    doGenerate: () => PromiseLike<LanguageModelV4GenerateResult>,
    isRetry: boolean,
  ): Promise<LanguageModelV4GenerateResult | Failure> {
    const { abortSignal: signal, maxOutputTokens = 0 } = params;
    const input = estimateTokens(promptCharacters(params));
    const release = await limiter.acquire(signal);
    let outcome: CallOutcome = 'failure';
    let pauseMs = 0;
    let cost = NOTHING;
    let settle: ((actual: typeof cost) => void) | undefined;
    try {
      health.check();
      settle = await budget.reserve(costOf(input, maxOutputTokens, price), signal);
      usage.calls++;
      if (isRetry) usage.retries++;
      const result = await doGenerate();
      const wrong = noAnswer(result);
      cost = spend(result, input, wrong !== null);
      if (wrong !== null) throw malformed('', wrong);
      outcome = 'success';
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      const failure = classify(error, (text) => secrets.redact(text));
      if (failure.kind === 'overload') {
        outcome = 'overload';
        pauseMs = failure.retryAfterMs ?? 0;
      }
      return failure;
    } finally {
      release(outcome, pauseMs);
      settle?.(cost);
    }
  }

  /** Counts what an answer used, as reported, else by its length; what a filter or an error stopped, only as reported. */
  function spend(result: LanguageModelV4GenerateResult, estimated: number, failed: boolean) {
    const stopped = failed || result.finishReason.unified === 'content-filter';
    const { inputTokens, outputTokens } = result.usage;
    const input = inputTokens.total ?? (stopped ? 0 : estimated);
    const output = outputTokens.total ?? (stopped ? 0 : estimateTokens(resultText(result).length));
    if (!stopped && (inputTokens.total === undefined || outputTokens.total === undefined)) usage.estimated++;
    usage.inputTokens += input;
    usage.outputTokens += output;
    const cost = costOf(input, output, price);
    usage.dollars += cost.dollars;
    return cost;
  }

  return {
    specificationVersion: 'v4',
    async wrapGenerate({ doGenerate, params }) {
      for (let tries = 0; ; tries++) {
        const outcome = await attempt(params, doGenerate, tries > 0);
        if (!('kind' in outcome)) {
          health.answered();
          if (outcome.finishReason.unified === 'content-filter') usage.blocked++;
          else usage.answers++;
          return clean(outcome, secrets);
        }
        const { kind, message, retryAfterMs } = outcome;
        if (kind === 'fatal') throw health.end(`refuses calls (${message})`);
        if (kind === 'blocked') {
          health.answered();
          usage.blocked++;
          return blockedResult(message);
        }
        if (kind !== 'rejected' && outcome.unreachable && health.silent)
          throw health.end(`cannot be reached: ${message}`);
        if (kind === 'rejected' || tries >= retries) {
          usage.failed++;
          health.gaveUp(message);
          throw new CallFailed(tries === 0 ? message : `${message}, ${tries + 1} times`);
        }
        // A pause that the provider asked for is the limiter's, for all calls; here only the jitter is added.
        const wait = retryAfterMs === undefined ? backoff(tries, random()) : backoff(0, random());
        await delay(wait, params.abortSignal);
        params.abortSignal?.throwIfAborted();
      }
    },
  };
}

/** Whether anything was ever answered, and how long nothing was. */
class Health {
  readonly #options: CallingOptions;
  #answers = 0;
  #inARow = 0;
  #ended: TemperError | null = null;

  constructor(options: CallingOptions) {
    this.#options = options;
  }

  get silent(): boolean {
    return this.#answers === 0;
  }

  check(): void {
    if (this.#ended) throw this.#ended;
  }

  answered(): void {
    this.#answers++;
    this.#inARow = 0;
  }

  gaveUp(message: string): void {
    this.#inARow++;
    if (this.#inARow >= HOPELESS) throw this.end(`failed ${HOPELESS} calls in a row; the last: ${message}`);
  }

  end(what: string): TemperError {
    this.#ended ??= new TemperError('provider', `${this.#options.name} ${what}`, {
      hint: 'Check its address, key, quota and name. What is finished is kept, and the same command continues.',
    });
    return this.#ended;
  }
}

/**
 * Why a result is no answer, or null. It may say so itself; a reason that nobody knows may have cut it; and an empty text
 * is an answer only of a model that is said to have ended so.
 */
function noAnswer(result: LanguageModelV4GenerateResult): string | null {
  const { unified, raw } = result.finishReason;
  if (unified === 'error' || unified === 'interrupted') return `the answer ended with '${raw ?? unified}'`;
  if (unified === 'other' && raw !== undefined) return `the answer ended with '${raw}'`;
  return raw === undefined && resultText(result) === '' ? 'the answer is empty' : null;
}

/** The result without keys that an endpoint may have echoed, and without the request that made it. */
function clean(result: LanguageModelV4GenerateResult, secrets: Secrets): LanguageModelV4GenerateResult {
  const content = result.content.map((part) =>
    part.type === 'text' ? { ...part, text: secrets.redact(part.text) } : part,
  );
  const { finishReason, usage, warnings } = result;
  return { content, finishReason, usage, warnings };
}

async function sleepFor(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
