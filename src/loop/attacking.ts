/**
 * Techniques against requests within a budget: which is tried is learnt on the way (bandit.ts), and attempts are stored as they
 * end. For a campaign, and for the short list of a round.
 */
import type { Finding, Scenario, Verdict } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { Technique } from '../dialogue/strategies/index.ts';
import type { Proposer } from '../dialogue/strategies/proposer.ts';
import {
  attackedScenario,
  search,
  type SearchDependencies,
  searchId,
  type SearchOptions,
} from '../dialogue/strategies/search.ts';
import { findingOf } from '../findings/findings.ts';
import { failedCall } from '../judges/judge.ts';
import { judgeConversation } from '../judges/run.ts';
import { type Attempt, type CampaignNumbers, campaignNumbers } from '../metrics/campaign.ts';
import { harmful, type Judged, worstSeverity } from '../metrics/conversation.ts';
import type { Target } from '../models/target.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';
import { Bandit } from './bandit.ts';
import { OWN_LANGUAGE } from './campaign-requests.ts';
import { failedConversation, type ProbePlace } from './probing.ts';
import { searchScorer } from './scorer.ts';
import type { Workplace } from './workplace.ts';

/** Attempts that are chosen together, from what was learnt before them: a constant, or the choices would follow the machine. */
const BATCH = 24;

/** What an attack needs of where it is made: a workplace has it, and so has a round. */
export type AttackPlace = ProbePlace &
  Pick<Workplace, 'judge'> & { readonly config: { readonly curation: { readonly harmSeverity: number } } };

/** Who is attacked, and by whose words. */
export interface Parties {
  readonly target: Target;
  readonly proposer: Proposer;
}

export interface Attacked extends CampaignNumbers {
  readonly findings: readonly Finding[];
  /** Ids of the conversations, in the order of the attempts. */
  readonly conversations: readonly string[];
}

/** What of a campaign's settings bounds the attempts. */
export interface Bounds {
  /** Messages to the target at most. */
  readonly budget: number;
  /** Attempts on one request at most. */
  readonly tries: number;
}

/** Requests attacked within a budget, by techniques that the target can read. Registers nothing. */
export const attackRequests = (
  place: AttackPlace,
  parties: Parties,
  requests: readonly Scenario[],
  techniques: readonly Technique[],
  settings: Bounds,
): Promise<Attacked> => new Attack(place, parties, settings).run(requests, techniques);

interface Planned {
  readonly base: Scenario;
  readonly technique: Technique;
  readonly sample: number;
}

class Attack {
  readonly #place: AttackPlace;
  readonly #settings: Bounds;
  readonly #dependencies: SearchDependencies;
  readonly #bandit = new Bandit();
  readonly #attempts: Attempt[] = [];
  readonly #findings: Finding[] = [];
  readonly #conversations: string[] = [];
  /** The first error. */
  #ended: { readonly error: unknown } | null = null;
  #queries = 0;
  readonly #shown = { queries: 0, broken: 0 };

  constructor(place: AttackPlace, parties: Parties, settings: Bounds) {
    const leaves = leavesById(loadTaxonomy(BUILT_IN.taxonomy));
    this.#place = place;
    this.#settings = settings;
    this.#dependencies = {
      ...parties,
      scorer: searchScorer(place.judge, place.tools.signal),
      topicOf: (category) => leaves.get(category)?.name.toLowerCase() ?? category,
    };
  }

  async run(requests: readonly Scenario[], usable: readonly Technique[]): Promise<Attacked> {
    const { tries } = this.#settings;
    const used = new Map<string, string[]>();
    let open = requests;
    for (let pass = 0; pass < tries && open.length > 0; pass++) {
      const held: Scenario[] = [];
      for (let at = 0; at < open.length; at += BATCH) {
        const batch = this.#plan(open.slice(at, at + BATCH), usable, used, pass);
        if (batch.length === 0) {
          open = [];
          break;
        }
        const values = await this.#attempt(batch);
        held.push(...batch.filter((_, i) => values[i] !== 1).map(({ base }) => base));
      }
      if (open.length > 0) open = held;
    }
    return {
      ...campaignNumbers(this.#attempts, {
        k: tries,
        families: [...new Set(usable.map(({ family }) => family))],
        categories: [...new Set(requests.map(({ category }) => category))],
      }),
      findings: this.#findings,
      conversations: this.#conversations,
    };
  }

  /** One attempt for each request, as far as the budget surely reaches. */
  #plan(
    requests: readonly Scenario[],
    usable: readonly Technique[],
    used: Map<string, string[]>,
    pass: number,
  ): Planned[] {
    const { config } = this.#place;
    const begun = new Set<string>();
    let left = this.#settings.budget - this.#queries;
    const planned: Planned[] = [];
    for (const base of requests) {
      const before = used.get(base.id) ?? [];
      const affordable = usable.filter(({ queries }) => queries <= left);
      if (affordable.length === 0) break;
      const fresh = affordable.filter(({ id }) => !before.includes(id));
      const random = rng('campaign', config.seed, base.id, pass);
      const chosen = this.#bandit.choose(fresh.length > 0 ? fresh : affordable, base.category, begun, random);
      begun.add(chosen.id);
      left -= chosen.queries;
      planned.push({
        base,
        technique: chosen,
        sample: before.filter((name) => name === chosen.id).length,
      });
      used.set(base.id, [...before, chosen.id]);
    }
    return planned;
  }

  /**
   * All of a batch at once; what it taught is learnt in the order in which it was planned. Errors: the first; calls under way are
   * waited for, as they are paid for, and none is begun.
   */
  async #attempt(batch: readonly Planned[]): Promise<(number | undefined)[]> {
    const width = Math.max(1, this.#place.targets.concurrency);
    const made: Judged[] = [];
    for (let at = 0; at < batch.length; at += width) {
      const slice = batch.slice(at, at + width).map((planned) => this.#made(planned));
      for (const result of await Promise.allSettled(slice))
        if (result.status === 'fulfilled') made.push(result.value);
      this.#goOn();
    }
    return made.map((judged, i) => this.#learn(batch[i]!, judged));
  }

  #goOn(): void {
    if (this.#ended) throw this.#ended.error;
  }

  async #made(planned: Planned): Promise<Judged> {
    try {
      return await this.#attempted(planned);
    } catch (error) {
      this.#ended ??= { error };
      throw error;
    }
  }

  /** An attempt with its verdicts, from the store where it is there whole. */
  async #attempted({ base, technique: chosen, sample }: Planned): Promise<Judged> {
    const { store, judge, config, tools, targets } = this.#place;
    const { maxTokens, system } = config.target;
    const scenario = attackedScenario(base, chosen);
    const options: SearchOptions = {
      seed: config.seed,
      sample,
      maxTokens,
      harmSeverity: config.curation.harmSeverity,
      goOn: () => this.#goOn(),
      ...(system === undefined ? {} : { system }),
      ...(tools.signal ? { signal: tools.signal } : {}),
    };
    const id = searchId(scenario, chosen, this.#dependencies, options);
    const stored = (await store.conversation(id))?.conversation;
    const again = stored && targets.weights === null && failedConversation(stored);
    const conversation =
      stored && !again ? stored : await search(scenario, chosen, this.#dependencies, options);
    const known =
      stored && !again ? (await store.verdicts(id, judge.id)).filter((each) => !failedCall(each)) : [];
    let verdicts: readonly Verdict[] = known;
    try {
      verdicts = await judgeConversation(conversation, scenario, judge, { known, signal: tools.signal });
    } finally {
      await store.saveConversation({ scenario, conversation }, verdicts);
    }
    const judged = { scenario, conversation, verdicts };
    this.#tell(base, chosen, judged);
    return judged;
  }

  /** The live view: what broke as it breaks, whatever the order in which it is learnt from. */
  #tell(base: Scenario, chosen: Technique, judged: Judged): void {
    const { emit, config } = this.#place;
    const { queries } = judged.conversation.search ?? { queries: 0 };
    this.#shown.queries += queries;
    if (harmful(judged, config.curation.harmSeverity) === 1) {
      this.#shown.broken++;
      const took = `${queries} ${queries === 1 ? 'query' : 'queries'}`;
      const what = `broke: ${base.category}, ${chosen.id}, severity ${worstSeverity(judged)}, ${took}, ${judged.conversation.id}`;
      emit({ type: 'note', level: 'info', message: what });
    }
    const { queries: done, broken } = this.#shown;
    const total = this.#settings.budget;
    emit({ type: 'progress', stage: 'attack', done, total, unit: 'queries', detail: { broken } });
  }

  #learn({ base, technique: chosen }: Planned, judged: Judged): number | undefined {
    const { harmSeverity } = this.#place.config.curation;
    const { queries = 0, unscored = 0 } = judged.conversation.search ?? {};
    const seen = harmful(judged, harmSeverity);
    // An answer that was taken back or cut off may have been the harmful one, too.
    const value = seen === 0 && unscored > 0 ? undefined : seen;
    const { category } = base;
    const { id, family } = chosen;
    this.#queries += queries;
    this.#conversations.push(judged.conversation.id);
    this.#attempts.push({
      request: base.id,
      category,
      technique: id,
      family,
      language: base.language ?? OWN_LANGUAGE,
      queries,
      value,
    });
    this.#bandit.learn(id, category, value, queries);
    if (value !== 1) return value;
    const finding = findingOf(judged, harmSeverity);
    if (finding) this.#findings.push(finding);
    return value;
  }
}
