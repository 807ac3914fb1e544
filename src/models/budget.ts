/**
 * What one command may spend on calls. A call reserves what it may cost before it starts; if that would pass a limit it
 * waits until calls in flight have said what they did cost, and if none is left the budget is spent. So no limit is
 * passed by more than the estimate of a prompt was off.
 */
import { TemperError } from '../core/errors.ts';

/** null = no limit. */
export interface BudgetLimits {
  readonly calls: number | null;
  /** Input and output together. */
  readonly tokens: number | null;
  readonly dollars: number | null;
}

export interface Cost {
  readonly tokens: number;
  readonly dollars: number;
}

/** Replaces the reservation by what the call cost. */
export type Settle = (actual: Cost) => void;

interface Waiter {
  readonly cost: Cost;
  grant(settle: Settle): void;
  refuse(error: Error): void;
}

export class Budget {
  readonly #limits: BudgetLimits;
  readonly #spent = { calls: 0, tokens: 0, dollars: 0 };
  readonly #reserved = { tokens: 0, dollars: 0 };
  readonly #waiting = new Set<Waiter>();
  #inFlight = 0;
  #stopped: TemperError | null = null;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  get spent(): Readonly<{ calls: number; tokens: number; dollars: number }> {
    return this.#spent;
  }

  /** Errors: `budget` once a limit is reached, for this call and all later ones; the signal's reason. */
  async reserve(cost: Cost, signal?: AbortSignal): Promise<Settle> {
    if (this.#stopped) throw this.#stopped;
    const exceeded = this.#exceeded(cost);
    if (exceeded === null) return this.#grant(cost);
    if (exceeded === 'calls' || this.#inFlight === 0) throw this.#stop(exceeded);
    return await new Promise<Settle>((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(waiter);
        reject(signal?.reason as Error);
      };
      const done = <T>(then: (value: T) => void) => {
        return (value: T): void => {
          signal?.removeEventListener('abort', abort);
          then(value);
        };
      };
      const waiter: Waiter = { cost, grant: done(resolve), refuse: done(reject) };
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  #exceeded({ tokens, dollars }: Cost): keyof BudgetLimits | null {
    const over = (limit: number | null, sum: number): boolean => limit !== null && sum > limit;
    if (over(this.#limits.calls, this.#spent.calls + 1)) return 'calls';
    if (over(this.#limits.tokens, this.#spent.tokens + this.#reserved.tokens + tokens)) return 'tokens';
    if (over(this.#limits.dollars, this.#spent.dollars + this.#reserved.dollars + dollars)) return 'dollars';
    return null;
  }

  #grant(cost: Cost): Settle {
    this.#spent.calls++;
    this.#inFlight++;
    this.#reserved.tokens += cost.tokens;
    this.#reserved.dollars += cost.dollars;
    return (actual) => {
      this.#inFlight--;
      this.#reserved.tokens -= cost.tokens;
      this.#reserved.dollars -= cost.dollars;
      this.#spent.tokens += actual.tokens;
      this.#spent.dollars += actual.dollars;
      this.#admit();
    };
  }

  #admit(): void {
    for (const waiter of this.#waiting) {
      const exceeded = this.#stopped === null ? this.#exceeded(waiter.cost) : null;
      if (this.#stopped === null && exceeded !== null) {
        if (exceeded !== 'calls' && this.#inFlight > 0) return;
        this.#stop(exceeded);
      }
      this.#waiting.delete(waiter);
      if (this.#stopped) waiter.refuse(this.#stopped);
      else waiter.grant(this.#grant(waiter.cost));
    }
  }

  #stop(limit: keyof BudgetLimits): TemperError {
    const { calls, tokens, dollars } = this.#spent;
    const open = this.#inFlight > 0 ? `, ${this.#inFlight} of the calls under way` : '';
    const amount = limit === 'dollars' ? `$${this.#limits.dollars}` : `${this.#limits[limit]} ${limit}`;
    this.#stopped ??= new TemperError(
      'budget',
      `the budget of ${amount} is spent (${calls} calls, ${tokens} tokens, $${dollars.toFixed(4)}${open})`,
      {
        hint: `What is finished is kept. The same command continues, with its budget anew; calls.budget.${limit} sets it.`,
      },
    );
    return this.#stopped;
  }
}
