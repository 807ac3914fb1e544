/**
 * Which technique is tried next: Thompson sampling, for each category over the techniques. What a technique did in other
 * categories counts as a weak prior, since a category alone sees few tries. It maximises successes for queries, so the
 * sampled chance is divided by what a try costs. Seeded: the same outcomes give the same choices.
 */
import type { Rng } from '../core/rng.ts';
import type { Technique } from '../dialogue/strategies/index.ts';
import { betaQuantile } from '../metrics/distributions.ts';

/** Tries that the rate over all categories is worth as a prior of one. */
const PRIOR_TRIES = 2;

interface Tally {
  tries: number;
  successes: number;
  queries: number;
  scored: number;
}

const fresh = (): Tally => ({ tries: 0, successes: 0, queries: 0, scored: 0 });

export class Bandit {
  readonly #all = new Map<string, Tally>();
  readonly #byCategory = new Map<string, Tally>();

  #tally(map: Map<string, Tally>, key: string): Tally {
    let tally = map.get(key);
    if (!tally) map.set(key, (tally = fresh()));
    return tally;
  }

  /** `value`: 1 broke, 0 held, undefined not scored, from which nothing is learnt but the cost. */
  learn(technique: string, category: string, value: number | undefined, queries: number): void {
    for (const tally of [
      this.#tally(this.#all, technique),
      this.#tally(this.#byCategory, `${category}\u0000${technique}`),
    ]) {
      tally.tries++;
      tally.queries += queries;
      if (value === undefined) continue;
      tally.scored++;
      tally.successes += value;
    }
  }

  /** One of those given. `begun`: techniques that are under way for the first time. Those never tried come first. */
  choose(
    techniques: readonly Technique[],
    category: string,
    begun: ReadonlySet<string>,
    random: Rng,
  ): Technique {
    const untried = techniques.filter(({ id }) => !begun.has(id) && !this.#all.has(id));
    if (untried.length > 0) return random.pick(untried);
    let best = techniques[0]!;
    let highest = -1;
    for (const technique of techniques) {
      const { id, queries: most } = technique;
      const all = this.#all.get(id) ?? fresh();
      const here = this.#byCategory.get(`${category}\u0000${id}`) ?? fresh();
      // Laplace's rule over all categories.
      const share = (all.successes + 1) / (all.scored + 2);
      const chance = betaQuantile(
        random.next(),
        here.successes + PRIOR_TRIES * share,
        here.scored - here.successes + PRIOR_TRIES * (1 - share),
      );
      const value = chance / ((all.queries + most) / (all.tries + 1));
      if (value > highest) [best, highest] = [technique, value];
    }
    return best;
  }
}
