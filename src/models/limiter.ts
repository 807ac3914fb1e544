/**
 * How many calls are in flight at once: additive increase, multiplicative decrease. It doubles by the round trip until
 * the first overload, then grows by one a round trip; an overload halves it, once for all calls that were in flight
 * together. It never falls below one and every pause ends, so it cannot freeze.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export interface LimiterOptions {
  readonly start: number;
  readonly max: number;
  /** Resolves after so many milliseconds, or rejects when the signal says so. */
  readonly delay?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

export type CallOutcome = 'success' | 'overload' | 'failure';

/** A place; it is given back exactly once, with what became of the call. */
export type Release = (outcome: CallOutcome, pauseMs?: number) => void;

interface Waiter {
  grant(): void;
}

/** No wish of a provider stops all calls for longer. */
const MAX_PAUSE_MS = 5 * 60_000;

/** Disposed of, its pauses are over: they would keep the process alive. */
export class AdaptiveLimiter implements Disposable {
  readonly #max: number;
  readonly #delay: NonNullable<LimiterOptions['delay']>;
  readonly #end = new AbortController();
  readonly #waiting = new Set<Waiter>();
  #limit: number;
  #inFlight = 0;
  #pauses = 0;
  /** Halvings so far; a call remembers the number at its start. */
  #cuts = 0;

  constructor({ start, max, delay = sleepFor }: LimiterOptions) {
    this.#max = Math.max(1, max);
    this.#limit = Math.min(Math.max(1, start), this.#max);
    this.#delay = delay;
  }

  /** Calls that may be in flight now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Waits for a place, in order. Errors: the signal's reason. */
  async acquire(signal?: AbortSignal): Promise<Release> {
    signal?.throwIfAborted();
    if (this.#waiting.size > 0 || !this.#free()) await this.#wait(signal);
    else this.#inFlight++;
    const born = this.#cuts;
    let held = true;
    return (outcome, pauseMs) => {
      if (!held) throw new Error('a place of the limiter was given back twice');
      held = false;
      this.#settle(outcome, born, pauseMs);
    };
  }

  #free(): boolean {
    return this.#pauses === 0 && this.#inFlight < this.limit;
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(waiter);
        reject(signal?.reason as Error);
      };
      const waiter = {
        grant: (): void => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  #settle(outcome: CallOutcome, born: number, pauseMs = 0): void {
    // Growing a limit that nothing touches would only make the first burst after it too large.
    const full = this.#inFlight >= this.limit;
    this.#inFlight--;
    if (outcome === 'success' && full) {
      this.#limit = Math.min(this.#max, this.#limit + (this.#cuts === 0 ? 1 : 1 / this.#limit));
    } else if (outcome === 'overload' && born === this.#cuts) {
      this.#cuts++;
      this.#limit = Math.max(1, this.#limit / 2);
    }
    if (pauseMs > 0) void this.#pause(Math.min(pauseMs, MAX_PAUSE_MS));
    this.#admit();
  }

  async #pause(milliseconds: number): Promise<void> {
    this.#pauses++;
    try {
      await this.#delay(milliseconds, this.#end.signal);
    } catch (error) {
      if (!this.#end.signal.aborted) throw error;
    } finally {
      this.#pauses--;
      this.#admit();
    }
  }

  #admit(): void {
    for (const waiter of this.#waiting) {
      if (!this.#free()) return;
      this.#waiting.delete(waiter);
      this.#inFlight++;
      waiter.grant();
    }
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }
}

const sleepFor = (milliseconds: number, signal: AbortSignal): Promise<unknown> =>
  sleep(milliseconds, undefined, { signal });
