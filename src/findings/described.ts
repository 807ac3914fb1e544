/** A finding as clusters are made of it: what was asked, in which words, under which family of attacks, in which part of the taxonomy. */
import { ATTACKS } from '../dialogue/attacks/index.ts';
import { STRATEGIES } from '../dialogue/strategies/index.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';
import type { RegisteredFinding } from '../store/store.ts';
import { contentWords, stem, withoutAttackWords } from './words.ts';

export interface Described {
  readonly entry: RegisteredFinding;
  /** What is wanted, in plain words. */
  readonly objective: string;
  /** As the target received it where it broke. */
  readonly request: string;
  readonly target: string;
}

/** A finding with its words. */
export interface Worded extends Described {
  /** The objective without the words of its attack. */
  readonly asked: string;
  /** Stems with the word they stand for, in the order of the text. */
  readonly words: ReadonlyMap<string, string>;
  readonly family: string;
}

export function wordedOf(all: readonly Described[]): Worded[] {
  const asked = withoutAttackWords(
    all.map(({ objective, entry }) => ({ text: objective, attack: entry.finding.attack })),
  );
  return all.map((each, i) => ({
    ...each,
    asked: asked[i]!,
    words: new Map(contentWords(asked[i]!).map((word) => [stem(word), word])),
    family: familyOf(each.entry.finding.attack),
  }));
}

/** The family of an attack, of a chain of them or of a strategy with options; of another tool's attack the first part of its name. */
export function familyOf(attack: string | undefined): string {
  if (attack === undefined) return 'plain';
  const known: Readonly<Record<string, { readonly family: string }>> = { ...STRATEGIES, ...ATTACKS };
  const families = attack.split('+').map((part) => {
    const name = part.split(':')[0]!;
    return Object.hasOwn(known, name) ? known[name]!.family : name.split('.')[0]!;
  });
  return [...new Set(families)].join('+');
}

/** By stem: the logarithm of how few of the distinct requests have it. */
export type Weights = ReadonlyMap<string, number>;

export function rarity(all: readonly Worded[]): Weights {
  const requests = [...new Map(all.map((each) => [each.asked, each])).values()];
  const counts = new Map<string, number>();
  for (const { words } of requests)
    for (const word of words.keys()) counts.set(word, (counts.get(word) ?? 0) + 1);
  return new Map([...counts].map(([word, count]) => [word, Math.log(1 + requests.length / count)]));
}

const leaves = leavesById(loadTaxonomy(BUILT_IN.taxonomy));

/** Of categories of the user's own: they are no neighbours of any leaf, so they are each other's. */
const OUTSIDE = 'outside the taxonomy';

/** The group of a category in the taxonomy; one for all that are in none. */
export const groupOf = (category: string): string => leaves.get(category)?.group ?? OUTSIDE;
