/** Keeps sealed scenarios out of training, and says what it removed and why. */
import type { PreferenceExample, Scenario } from '../core/records.ts';
import { normalisedWords, ShingleIndex } from './shingles.ts';

export interface Quarantined {
  readonly example: string;
  readonly reason: string;
  /** What it is too like: a sealed scenario's key, or the id of an earlier example. */
  readonly like: string;
}

/** Words of an n-gram that may not be shared with a sealed text (shorter texts: the whole text). */
const OVERLAP_WORDS = 8;
/** Share of common trigrams from which two texts count as the same. */
const NEAR_DUPLICATE = 0.7;

export class Firewall {
  readonly #exact = new Map<string, string>();
  readonly #long = new ShingleIndex(OVERLAP_WORDS);
  readonly #near = new ShingleIndex(3);

  constructor(sealed: readonly Scenario[]) {
    for (const scenario of sealed) {
      for (const text of [...scenario.objective.split('\n'), scenario.context ?? '']) {
        const words = normalisedWords(text);
        if (words.length === 0) continue;
        this.#exact.set(words.join(' '), scenario.key);
        this.#long.add(scenario.key, text);
        this.#near.add(scenario.key, text);
      }
    }
  }

  /** Why this text may not be trained on; null if it may. */
  check(text: string): { reason: string; like: string } | null {
    const exact = this.#exact.get(normalisedWords(text).join(' '));
    if (exact !== undefined) return { reason: 'same text as a sealed scenario', like: exact };
    const near = this.#near.nearest(text);
    if (near && near.jaccard >= NEAR_DUPLICATE) {
      return {
        reason: `${Math.round(near.jaccard * 100)} % of its trigrams are a sealed scenario's`,
        like: near.key,
      };
    }
    const long = this.#long.nearest(text);
    if (long && normalisedWords(text).length >= OVERLAP_WORDS) {
      return { reason: `shares ${OVERLAP_WORDS} consecutive words with a sealed scenario`, like: long.key };
    }
    return null;
  }

  /** Splits examples into those that may be trained on and those that may not. */
  filter(examples: Iterable<PreferenceExample>): { passed: PreferenceExample[]; quarantined: Quarantined[] } {
    const passed: PreferenceExample[] = [];
    const quarantined: Quarantined[] = [];
    for (const example of examples) {
      const users = example.prompt
        .filter((message) => message.role === 'user')
        .map((message) => message.content);
      const hit = users.map((text) => this.check(text)).find((found) => found !== null);
      if (hit) quarantined.push({ example: example.id, ...hit });
      else passed.push(example);
    }
    return { passed, quarantined };
  }
}

/** Drops exact and near duplicates (by the prompt's last user message and the purpose); the first one stays. */
export function deduplicate(examples: Iterable<PreferenceExample>): {
  kept: PreferenceExample[];
  removed: Quarantined[];
} {
  const kept: PreferenceExample[] = [];
  const removed: Quarantined[] = [];
  const indices = new Map<string, ShingleIndex>();
  const exact = new Map<string, string>();
  for (const example of examples) {
    const text = example.prompt.map((message) => message.content).join('\n');
    const key = `${example.purpose} ${normalisedWords(text).join(' ')}`;
    const first = exact.get(key);
    const index = indices.get(example.purpose) ?? new ShingleIndex(3);
    indices.set(example.purpose, index);
    const near = index.nearest(text);
    if (first !== undefined) removed.push({ example: example.id, reason: 'exact duplicate', like: first });
    else if (near && near.jaccard >= NEAR_DUPLICATE) {
      removed.push({
        example: example.id,
        reason: `near duplicate (${Math.round(near.jaccard * 100)} % of trigrams)`,
        like: near.key,
      });
    } else {
      kept.push(example);
      exact.set(key, example.id);
      index.add(example.id, text);
    }
  }
  return { kept, removed };
}
