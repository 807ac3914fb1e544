/** What runs cost: what their target answered, the calls of models elsewhere, time of work, and money where the configuration names prices. */
import type { Config } from '../config/config.ts';
import { type RunUsage, USAGE } from '../loop/usage.ts';
import type { RunRecord, Store } from '../store/store.ts';
import type { SearchIndex } from './search-index.ts';

export interface RunCost {
  /** Of the target, in conversations that no earlier run had. */
  readonly answers: number;
  /** Of those answers. */
  readonly tokens: number;
  /** Calls of models that are not embedded, all roles; null: none was made, or the run is of before they were kept. */
  readonly called: {
    readonly calls: number;
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly cached: number;
    /** null: no price is named. */
    readonly dollars: number | null;
  } | null;
  /** Of work; null: not kept. */
  readonly seconds: number | null;
}

interface Measured {
  readonly answers: number;
  readonly tokens: number;
}

/** Answers and tokens by run; a conversation that several runs have is that of the first. */
export class Costs {
  readonly #index: SearchIndex;
  #version = -1;
  #runs = new Map<string, Measured>();

  constructor(index: SearchIndex) {
    this.#index = index;
  }

  #measured(): ReadonlyMap<string, Measured> {
    if (this.#version === this.#index.version) return this.#runs;
    this.#version = this.#index.version;
    const rows = this.#index.database
      .prepare(
        `select owner, sum(i.turns) as answers, sum(i.tokens) as tokens from (
           select a.item, min(r.created || ' ' || r.id) as owner from arms a join store.runs r on r.id = a.run
             group by a.item) join items i on i.rowid = item group by owner`,
      )
      .all() as unknown as (Measured & { owner: string })[];
    this.#runs = new Map(
      rows.map(({ owner, answers, tokens }) => [owner.slice(owner.indexOf(' ') + 1), { answers, tokens }]),
    );
    return this.#runs;
  }

  async of(store: Store, run: RunRecord): Promise<RunCost> {
    const { answers, tokens } = this.#measured().get(run.id) ?? { answers: 0, tokens: 0 };
    const usage = (await store.stage(run.id, USAGE)) as RunUsage | null;
    const roles = Object.values(usage?.roles ?? {});
    const sum = (name: 'calls' | 'cached' | 'inputTokens' | 'outputTokens' | 'dollars'): number =>
      roles.reduce((total, each) => total + each[name], 0);
    return {
      answers,
      tokens,
      seconds: usage?.seconds ?? null,
      called:
        sum('calls') + sum('cached') === 0
          ? null
          : {
              calls: sum('calls'),
              inputTokens: sum('inputTokens'),
              outputTokens: sum('outputTokens'),
              cached: sum('cached'),
              dollars: priced(run.config as Partial<Config>) ? sum('dollars') : null,
            },
    };
  }
}

/** Whether any of the models has a price. */
const priced = ({ target, targets }: Partial<Config>): boolean =>
  [target, ...Object.values(targets ?? {})].some((model) => model?.price !== undefined);
