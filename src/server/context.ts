/** What every route works with, opened and closed together. */
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { armsOf, asJudged } from '../loop/arms.ts';
import { storePath } from '../loop/run.ts';
import type { Judged } from '../metrics/conversation.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { RunRecord, Store } from '../store/store.ts';
import { Chat } from './chat.ts';
import { Costs } from './cost.ts';
import { Jobs } from './jobs.ts';
import { Live } from './live.ts';
import { SearchIndex } from './search-index.ts';
import { Search } from './search-query.ts';

export interface ContextOptions {
  readonly config: Config;
  /** Program and arguments that run a command of temper. */
  readonly command: readonly string[];
  /** Told what no request waits for. */
  readonly onError: (error: unknown) => void;
}

/** Conversations of an arm that are counted anew on demand; a larger one shows the figures that its run stored. */
export const MOST_COUNTED = 20_000;

export class ServerContext implements AsyncDisposable {
  readonly config: Config;
  readonly store: Store;
  readonly search: Search;
  readonly live: Live;
  readonly jobs: Jobs;
  readonly chat: Chat;
  readonly costs: Costs;
  readonly #resources: AsyncDisposableStack;
  readonly #judged = new Map<string, { version: number; judged: Promise<Judged[] | null> }>();

  private constructor(
    parts: Pick<ServerContext, 'config' | 'store' | 'search' | 'live' | 'jobs' | 'chat'>,
    resources: AsyncDisposableStack,
  ) {
    this.config = parts.config;
    this.store = parts.store;
    this.search = parts.search;
    this.live = parts.live;
    this.jobs = parts.jobs;
    this.chat = parts.chat;
    this.costs = new Costs(parts.search.index);
    this.#resources = resources;
  }

  /** Errors: `store`, `resource`. */
  static async open({ config, command, onError }: ContextOptions): Promise<ServerContext> {
    await using resources = new AsyncDisposableStack();
    const store = resources.use(openSqlite(storePath(config)));
    const index = resources.use(new SearchIndex(config.directory));
    const live = resources.use(new Live(config.directory, index, onError));
    const jobs = resources.use(new Jobs(command, () => live.tell({ type: 'store', version: index.version })));
    const chat = resources.use(new Chat(config));
    const parts = { config, store, search: new Search(index), live, jobs, chat };
    const context = new ServerContext(parts, resources.move());
    // Reading goes on meanwhile: a list says how far the index is.
    index
      .sync()
      .then(() => context.#noteArms())
      // What every first page asks for.
      .then(() => context.search.count({ facets: {} }))
      .catch((error: unknown) => {
        // What was closed meanwhile, as where the port is taken, is not read any more.
        if (!context.#resources.disposed) onError(error);
      });
    return context;
  }

  /** Runs of before arms were noted. */
  async #noteArms(): Promise<void> {
    for (const run of await this.store.runs()) {
      if ((await this.store.arms(run.id)).size > 0) continue;
      for (const [arm, ids] of await armsOf(this.store, run)) this.search.index.noteArm(run.id, arm, ids);
    }
  }

  /** Errors: `absent`. */
  async run(id: string): Promise<RunRecord> {
    const run = await this.store.run(id);
    if (run) return run;
    throw new TemperError('absent', `no run ${id} is in this store`);
  }

  /** What an arm of a run measured, by the judge of its last verdicts; null: it is too large, or none was noted. */
  judgedArm(run: string, arm: string): Promise<Judged[] | null> {
    const { version } = this.search.index;
    const key = `${run} ${arm}`;
    const known = this.#judged.get(key);
    if (known?.version === version) return known.judged;
    if (this.#judged.size > 8) this.#judged.clear();
    const judged = this.#readArm(run, arm);
    this.#judged.set(key, { version, judged });
    judged.catch(() => this.#judged.delete(key));
    return judged;
  }

  async #readArm(run: string, arm: string): Promise<Judged[] | null> {
    const items = this.search.index.database
      .prepare(
        'select i.id, i.judge from arms a join items i on i.rowid = a.item where a.run = ? and a.arm = ? limit ?',
      )
      .all(run, arm, MOST_COUNTED + 1) as { id: string; judge: string }[];
    if (items.length === 0 || items.length > MOST_COUNTED) return null;
    const judged: Judged[] = [];
    for (const { id, judge } of items) {
      const stored = await this.store.conversation(id);
      if (stored)
        judged.push(asJudged(stored.scenario, stored.conversation, await this.store.verdicts(id, judge)));
    }
    return judged;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
