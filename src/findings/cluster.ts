/**
 * Findings in clusters that a person can work through, and duplicates. Within a kind and category: requests that are alike in their
 * words (or close by vectors) are a cluster; the rest of a category is one, divided by topic and by family of attack where it is
 * large; what is too small joins its neighbours of the taxonomy. A function of the findings alone: the same register gives the same.
 */
import { namesOf } from './cluster-names.ts';
import { type Described, groupOf, rarity, type Weights, type Worded, wordedOf } from './described.ts';

export type { Described } from './described.ts';

export interface Arranged {
  /** Readable: the category, the words that tell the cluster apart, and the family of attack if it is of one. */
  readonly cluster: string;
  readonly duplicateOf?: string;
}

/** Vectors of length 1, by objective. */
export type Vectors = ReadonlyMap<string, Float32Array>;

/** Sizes that a person can work with: what is below `least` is no cluster of its own, what is above `most` is divided where something divides it. */
interface Sizes {
  readonly least: number;
  readonly most: number;
}

/** They grow with the register, or thousands of findings would be hundreds of clusters. */
function sizesFor(findings: number): Sizes {
  const least = Math.max(3, Math.round(Math.sqrt(findings) / 6));
  return { least, most: 4 * least };
}

/** Cosine of words weighted by rarity from which on two requests ask for the same. */
const ALIKE = 0.4;
/**
 * Cosine of vectors from which on they do. Not measured: it depends on the model, and models of embeddings put paraphrases at
 * about .8 and more.
 */
const CLOSE = 0.8;

/** Confirmed before new, worse before milder, then by id: who stands for the others does not hang on the order of the store. */
const STANDING = ['confirmed', 'regressed', 'fixed', 'new', 'dismissed'];
const byStanding = (a: Described, b: Described): number =>
  STANDING.indexOf(a.entry.status) - STANDING.indexOf(b.entry.status) ||
  (b.entry.finding.severity ?? 0) - (a.entry.finding.severity ?? 0) ||
  (a.entry.finding.id < b.entry.finding.id ? -1 : 1);

const inOrder = (a: Worded, b: Worded): number =>
  a.asked === b.asked ? byStanding(a, b) : a.asked < b.asked ? -1 : 1;

export function arrange(all: readonly Described[], vectors: Vectors | null = null): Map<string, Arranged> {
  const worded = wordedOf(all).sort(inOrder);
  const weights = rarity(worded);
  const sizes = sizesFor(all.length);
  const clusters = [...Map.groupBy(worded, kindOf).values()].flatMap((ofKind) => {
    const parts = [...Map.groupBy(ofKind, categoryOf).values()].flatMap((group) =>
      divided(group, weights, sizes, vectors),
    );
    return neighboursJoined(parts, sizes);
  });
  const names = namesOf(clusters, weights);
  const duplicates = duplicatesOf(all);
  const arranged = new Map<string, Arranged>();
  for (const [i, members] of clusters.entries())
    for (const { entry } of members) {
      const { id } = entry.finding;
      const duplicateOf = duplicates.get(id);
      arranged.set(id, { cluster: names[i]!, ...(duplicateOf === undefined ? {} : { duplicateOf }) });
    }
  return arranged;
}

const kindOf = ({ entry }: Described): string => entry.finding.kind;
const categoryOf = ({ entry }: Described): string => entry.finding.category;

/** The findings of a category in clusters: alike requests, then what is left of it. */
function divided(
  group: readonly Worded[],
  weights: Weights,
  sizes: Sizes,
  vectors: Vectors | null,
): Worded[][] {
  const { least } = sizes;
  const alike = vectors === null ? alikeByWords(group, weights) : alikeByVectors(group, vectors);
  const clusters = alike.filter((members) => members.length >= least);
  const rest = alike.filter((members) => members.length < least).flat();
  return [...clusters, ...byTopic(rest, weights, sizes)]
    .flatMap((members) => byFamily(members, sizes))
    .filter((members) => members.length > 0);
}

/** Each joins the cluster whose words, summed, are closest, if they are close: an index of words keeps it near linear. */
function alikeByWords(group: readonly Worded[], weights: Weights): Worded[][] {
  const clusters: { readonly sum: Map<string, number>; squares: number; readonly members: Worded[] }[] = [];
  const holding = new Map<string, number[]>();
  for (const members of Map.groupBy(group, ({ asked }) => asked).values()) {
    const words = [...members[0]!.words.keys()].map((word) => [word, weights.get(word)!] as const);
    const length = Math.hypot(...words.map(([, weight]) => weight)) || 1;
    const products = new Map<number, number>();
    for (const [word, weight] of words)
      for (const at of holding.get(word) ?? [])
        products.set(at, (products.get(at) ?? 0) + (weight / length) * clusters[at]!.sum.get(word)!);
    let best = -1;
    let highest = ALIKE;
    for (const [at, product] of products) {
      const close = product / Math.sqrt(clusters[at]!.squares);
      if (close > highest) [best, highest] = [at, close];
    }
    if (best < 0) best = clusters.push({ sum: new Map(), squares: 0, members: [] }) - 1;
    const cluster = clusters[best]!;
    cluster.members.push(...members);
    for (const [word, weight] of words) {
      const before = cluster.sum.get(word) ?? 0;
      const now = before + weight / length;
      cluster.sum.set(word, now);
      cluster.squares += now * now - before * before;
      if (before === 0) holding.set(word, [...(holding.get(word) ?? []), best]);
    }
  }
  return clusters.map(({ members }) => members);
}

export function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * (b[i] ?? 0);
  return sum;
}

/** Each joins the cluster whose first member is closest, if it is close enough. */
function alikeByVectors(group: readonly Worded[], vectors: Vectors): Worded[][] {
  const clusters: { readonly first: Float32Array; readonly members: Worded[] }[] = [];
  for (const member of group) {
    const vector = vectors.get(member.objective)!;
    let best: (typeof clusters)[number] | null = null;
    let highest = CLOSE;
    for (const cluster of clusters) {
      const close = cosine(cluster.first, vector);
      if (close >= highest) [best, highest] = [cluster, close];
    }
    if (best) best.members.push(member);
    else clusters.push({ members: [member], first: vector });
  }
  return clusters.map(({ members }) => members);
}

/** Of many findings those that share a word, the word that most of them share first (rare ones before common ones); then the rest. */
function byTopic(members: readonly Worded[], weights: Weights, { least, most }: Sizes): Worded[][] {
  const topics: Worded[][] = [];
  let rest = members;
  while (rest.length > most) {
    const requests = new Map(rest.map((each) => [each.asked, each]));
    const counts = new Map<string, number>();
    for (const { words } of requests.values())
      for (const word of words.keys()) counts.set(word, (counts.get(word) ?? 0) + 1);
    const half = Math.max(least, requests.size / 2);
    let topic: string | null = null;
    let highest = 0;
    for (const [word, count] of counts) {
      const value = count * weights.get(word)!;
      if (count >= least && count <= half && (value > highest || (value === highest && word < topic!)))
        [topic, highest] = [word, value];
    }
    if (topic === null) break;
    const word = topic;
    topics.push(rest.filter(({ words }) => words.has(word)));
    rest = rest.filter(({ words }) => !words.has(word));
  }
  return [...topics, [...rest]];
}

/** A large cluster by families of attacks; those with few findings in it stay together. */
function byFamily(members: readonly Worded[], { least, most }: Sizes): Worded[][] {
  if (members.length <= most) return [[...members]];
  const families = [...Map.groupBy(members, ({ family }) => family).values()];
  const large = families.filter((of) => of.length >= least);
  return [...large, families.filter((of) => of.length < least).flat()];
}

/** What is too small for a cluster, together with what is so in its category, or else in the same group of the taxonomy. */
function neighboursJoined(parts: readonly Worded[][], { least }: Sizes): Worded[][] {
  const joined = (small: readonly Worded[][], by: (member: Worded) => string): Worded[][] =>
    [...Map.groupBy(small, ([first]) => by(first!)).values()].map((of) => of.flat());
  const isLarge = (members: readonly Worded[]): boolean => members.length >= least;
  const once = joined(
    parts.filter((members) => !isLarge(members)),
    categoryOf,
  );
  const twice = joined(
    once.filter((members) => !isLarge(members)),
    (member) => groupOf(categoryOf(member)),
  );
  return [...parts.filter(isLarge), ...once.filter(isLarge), ...twice];
}

const normalised = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();

/** The same message that broke the same target the same way, found more than once: all but one, with that one. */
function duplicatesOf(all: readonly Described[]): Map<string, string> {
  const groups = Map.groupBy(all, (each) =>
    JSON.stringify([
      kindOf(each),
      categoryOf(each),
      each.target,
      normalised(each.request),
      normalised(each.objective),
    ]),
  );
  const duplicates = new Map<string, string>();
  for (const group of groups.values()) {
    const [first, ...rest] = [...group].sort(byStanding);
    for (const { entry } of rest) duplicates.set(entry.finding.id, first!.entry.finding.id);
  }
  return duplicates;
}
