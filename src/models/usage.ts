/** What the calls of a command used, by the role of the model. */
import type { Cost } from './budget.ts';

export type ModelRole =
  | 'target'
  | 'simulator'
  | 'judge'
  | 'attacker'
  | 'translator'
  | 'reviser'
  | 'embeddings';

export interface Usage {
  /** Requests sent, repetitions included. */
  calls: number;
  /** Of those, repetitions. */
  retries: number;
  answers: number;
  /** Answers that came from the disk. */
  cached: number;
  /** Stopped by a content filter of the provider. */
  blocked: number;
  /** Given up. */
  failed: number;
  inputTokens: number;
  outputTokens: number;
  /** Answers whose tokens the provider did not report: counted as one for four characters. */
  estimated: number;
  dollars: number;
}

const nothing = (): Usage => ({
  calls: 0,
  retries: 0,
  answers: 0,
  cached: 0,
  blocked: 0,
  failed: 0,
  inputTokens: 0,
  outputTokens: 0,
  estimated: 0,
  dollars: 0,
});

export class Meter {
  readonly #roles = new Map<ModelRole, Usage>();

  of(role: ModelRole): Usage {
    let usage = this.#roles.get(role);
    if (!usage) this.#roles.set(role, (usage = nothing()));
    return usage;
  }

  /** A copy, for a report. */
  get usage(): Partial<Record<ModelRole, Usage>> {
    return Object.fromEntries([...this.#roles].map(([role, usage]) => [role, { ...usage }]));
  }
}

export interface Price {
  /** Dollars for a million tokens. */
  readonly input: number;
  readonly output: number;
}

export const costOf = (input: number, output: number, price: Price | undefined): Cost => ({
  tokens: input + output,
  dollars: price === undefined ? 0 : (input * price.input + output * price.output) / 1e6,
});

/** One line for people. */
export function describeUsage(role: ModelRole, usage: Usage): string {
  const some = (count: number, what: string): string[] => (count > 0 ? [`${count} ${what}`] : []);
  const parts = [
    `${usage.calls} calls`,
    ...some(usage.retries, 'of them repeated'),
    ...some(usage.cached, 'answers from the cache'),
    ...some(usage.blocked, 'blocked by the provider'),
    ...some(usage.failed, 'failed'),
    `${usage.inputTokens} tokens in, ${usage.outputTokens} out${usage.estimated > 0 ? ` (${usage.estimated} answers estimated)` : ''}`,
    ...(usage.dollars > 0 ? [`$${usage.dollars.toFixed(4)}`] : []),
  ];
  return `${role}: ${parts.join(', ')}`;
}
