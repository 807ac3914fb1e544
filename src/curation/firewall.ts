/** Keeps sealed scenarios out of training, and says what it removed and why. */
import type { PreferenceExample } from '../core/records.ts';
import { type Compared, messagesOf } from './compared.ts';
import { ContainmentIndex } from './containment.ts';
import { folded } from './folding.ts';
import { Letters } from './letters.ts';
import { normalisedWords, ShingleIndex } from './shingles.ts';
import { WordRuns } from './word-runs.ts';

export interface Quarantined {
  readonly example: string;
  readonly reason: string;
  /** What it is too like: a guarded scenario's key, the id of an earlier example, or the place of personal data. */
  readonly like: string;
  /** Beginning of what was asked, for whoever looks at what a round held back. */
  readonly request?: string;
}

/** Characters of a request that stand beside what was held back. */
const MOST_SHOWN = 300;

export function withRequests(
  removed: readonly Quarantined[],
  examples: readonly PreferenceExample[],
): Quarantined[] {
  const requests = new Map(examples.map(({ id, prompt }) => [id, prompt.at(-1)?.content]));
  return removed.map((each) => {
    const request = requests.get(each.example);
    return request === undefined ? each : { ...each, request: request.slice(0, MOST_SHOWN) };
  });
}

/** A text that may not be trained on: a sealed or held-out prompt, question or document. */
export interface GuardedText {
  readonly key: string;
  readonly text: string;
  /** What it is part of, in words; default: a sealed scenario. */
  readonly of?: string;
}

/** Words in a row that may not be shared with a guarded text. */
const OVERLAP_WORDS = 8;
/**
 * Share of a guarded text (by weight of its letter grams) from which it counts as held: a short one has less to tell it
 * by. Measured on 10,445 examples of public sets (docs/method.md) and on altered sealed prompts.
 */
const thresholdFor = (letters: number): number => Math.max(0.55, 0.8 - 0.02 * Math.max(0, letters - 20));
/** A guarded text of fewer letters may stand inside others: only a message that is nothing else is held back. */
const FEW_LETTERS = 12;
/** Share of common trigrams from which two examples count as the same. */
export const NEAR_DUPLICATE = 0.7;

const lettersOf = (words: string): string => words.replaceAll(' ', '');

export class Firewall {
  readonly #exact = new Map<string, string>();
  /** By key, where it is no sealed scenario. */
  readonly #of = new Map<string, string>();
  readonly #runs = new WordRuns(OVERLAP_WORDS);
  readonly #letters = new Letters(OVERLAP_WORDS);
  readonly #contained: ContainmentIndex;

  constructor(guarded: readonly GuardedText[]) {
    const texts = new Map<string, string>();
    for (const { key, text, of } of guarded) {
      if (of !== undefined) this.#of.set(key, of);
      const words = folded(text);
      const letters = lettersOf(words);
      if (letters === '' || this.#exact.has(letters)) continue;
      this.#exact.set(letters, key);
      this.#runs.add(key, words.split(' '));
      this.#letters.add(words);
      if (letters.length >= FEW_LETTERS) texts.set(letters, key);
    }
    this.#contained = new ContainmentIndex(
      [...texts].map(([letters, key]) => ({ key, letters })),
      thresholdFor,
    );
  }

  /** Why these texts, one after the other, may not be trained on; null if they may. */
  check(...texts: readonly string[]): { reason: string; like: string } | null {
    const of = (key: string): string => this.#of.get(key) ?? 'a sealed scenario';
    const { same, run } = this.#letters.read(texts);
    if (same)
      for (const text of texts) {
        const exact = this.#exact.get(lettersOf(folded(text)));
        if (exact !== undefined) return { reason: `same text as ${of(exact)}`, like: exact };
      }
    // Joined, so that what is cut up into messages is seen whole.
    const held = this.#contained.find(this.#letters.codes);
    if (held) {
      const share = Math.round(held.share * 100);
      return { reason: `holds ${share} % of the text of ${of(held.key)}`, like: held.key };
    }
    const like = run ? this.#runs.find(texts.map(folded).join(' ').split(' ')) : null;
    if (like !== null) return { reason: `shares ${OVERLAP_WORDS} consecutive words with ${of(like)}`, like };
    return null;
  }

  /** Splits examples into those that may be trained on and those that may not, by all that they say. */
  filter(examples: Iterable<PreferenceExample>): { passed: PreferenceExample[]; quarantined: Quarantined[] } {
    const passed: PreferenceExample[] = [];
    const quarantined: Quarantined[] = [];
    for (const example of examples) {
      const { prompt, chosen, rejected } = example;
      const hit = this.check(...[...prompt, ...chosen, ...rejected].map(({ content }) => content));
      if (hit) quarantined.push({ example: example.id, ...hit });
      else passed.push(example);
    }
    return { passed, quarantined };
  }
}

/** Drops exact and near duplicates of one purpose; the first one stays. `by`: what is compared. */
export function deduplicate(
  examples: Iterable<PreferenceExample>,
  by: (example: PreferenceExample) => Compared = messagesOf,
): {
  kept: PreferenceExample[];
  removed: Quarantined[];
} {
  const kept: PreferenceExample[] = [];
  const removed: Quarantined[] = [];
  const indices = new Map<string, ShingleIndex>();
  const exact = new Map<string, string>();
  for (const example of examples) {
    const { text, attack = '' } = by(example);
    const group = `${example.purpose} ${attack}`;
    const key = `${group} ${normalisedWords(text).join(' ')}`;
    const first = exact.get(key);
    const index = indices.get(group) ?? new ShingleIndex(3);
    indices.set(group, index);
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
