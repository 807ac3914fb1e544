/**
 * Findings in groups that ask for the same, and duplicates. By their words, where what is asked for in other words makes
 * another cluster, or by vectors of the objectives. A function of the findings alone: the same register gives the same clusters.
 */
import type { RegisteredFinding } from '../store/store.ts';

export interface Described {
  readonly entry: RegisteredFinding;
  /** What is wanted, in plain words. */
  readonly objective: string;
  /** As the target received it where it broke. */
  readonly request: string;
  readonly target: string;
}

export interface Arranged {
  /** Readable: the category and the words that tell the cluster apart. */
  readonly cluster: string;
  readonly duplicateOf?: string;
}

/** Words that say nothing of what is asked. */
const COMMON = new Set(
  'about above after again all also and any are because been before being between both but can could did does doing down each else ever few for from further get give had has have having here him his how into its just know like make making many may might more most much must need needs not now off once one only other our out over own people person please quite really same she should show some somebody someone something such tell than that the their them then there these they thing things this those through too two under until use used using very want wants was way ways were what when where which while who whom why will with without would write you your explain describe help best good create plan'.split(
    ' ',
  ),
);

/** Words of at least three letters, without plural s. */
export const contentWords = (text: string): string[] => [
  ...new Set(
    (text.toLowerCase().match(/\p{L}{3,}/gu) ?? []).filter((word) => !COMMON.has(word)).map(singular),
  ),
];

function singular(word: string): string {
  if (word.length <= 4 || !word.endsWith('s') || word.endsWith('ss')) return word;
  return word.slice(0, /(?:ss|sh|ch|x)es$/.test(word) ? -2 : -1);
}

/** Jaccard similarity from which on two requests ask for the same. */
const ALIKE = 0.4;
/** Words in a name. */
const NAMED = 3;
/** Letters of a word in a name. */
const MOST_LETTERS = 24;

/** Vectors of length 1, by objective. */
export type Vectors = ReadonlyMap<string, Float32Array>;

/**
 * Cosine from which on two requests ask for the same. Not measured: it depends on the model, and models of embeddings put
 * paraphrases at about .8 and more.
 */
const CLOSE = 0.8;

interface Cluster {
  readonly words: Set<string>;
  readonly members: Described[];
}

const groupOf = ({ entry: { finding } }: Described): string => `${finding.kind}\u0000${finding.category}`;

/** Confirmed before new, worse before milder, then by id: who stands for the others does not hang on the order of the store. */
const STANDING = ['confirmed', 'regressed', 'fixed', 'new', 'dismissed'];
const byStanding = (a: Described, b: Described): number =>
  STANDING.indexOf(a.entry.status) - STANDING.indexOf(b.entry.status) ||
  (b.entry.finding.severity ?? 0) - (a.entry.finding.severity ?? 0) ||
  (a.entry.finding.id < b.entry.finding.id ? -1 : 1);

export function arrange(all: readonly Described[], vectors: Vectors | null = null): Map<string, Arranged> {
  const clusters = [...Map.groupBy(all, groupOf).values()].flatMap((group) =>
    vectors === null ? clustered(group) : clusteredBy(vectors, group),
  );
  const names = nameAll(clusters);
  const duplicates = duplicatesOf(all);
  const arranged = new Map<string, Arranged>();
  for (const [i, { members }] of clusters.entries())
    for (const { entry } of members) {
      const { id } = entry.finding;
      const duplicateOf = duplicates.get(id);
      arranged.set(id, { cluster: names[i]!, ...(duplicateOf === undefined ? {} : { duplicateOf }) });
    }
  return arranged;
}

const inOrder = (members: readonly Described[]): Described[] =>
  [...members].sort((a, b) =>
    a.objective === b.objective ? byStanding(a, b) : a.objective < b.objective ? -1 : 1,
  );

export function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * (b[i] ?? 0);
  return sum;
}

/** Each joins the cluster whose first member is closest, if it is close enough. */
function clusteredBy(vectors: Vectors, members: readonly Described[]): Cluster[] {
  const clusters: (Cluster & { readonly first: Float32Array })[] = [];
  for (const member of inOrder(members)) {
    const vector = vectors.get(member.objective)!;
    const near = clusters.map((cluster) => ({ cluster, close: cosine(cluster.first, vector) }));
    const best = near.reduce<(typeof near)[number] | null>(
      (a, b) => (b.close >= CLOSE && b.close > (a?.close ?? 0) ? b : a),
      null,
    );
    if (best) best.cluster.members.push(member);
    else clusters.push({ words: new Set(contentWords(member.objective)), members: [member], first: vector });
  }
  return clusters;
}

/** Each joins the first cluster that is alike, in the order of the objectives: an index of words keeps it near linear. */
function clustered(members: readonly Described[]): Cluster[] {
  const clusters: Cluster[] = [];
  const holding = new Map<string, number[]>();
  for (const member of inOrder(members)) {
    const words = contentWords(member.objective);
    const shared = new Map<number, number>();
    for (const word of words)
      for (const at of holding.get(word) ?? []) shared.set(at, (shared.get(at) ?? 0) + 1);
    let best = -1;
    let highest = 0;
    for (const [at, common] of shared) {
      const alike = common / (words.length + clusters[at]!.words.size - common);
      if (alike >= ALIKE && alike > highest) [best, highest] = [at, alike];
    }
    // What has no words of its own is alike by its text alone.
    if (best < 0 && words.length === 0)
      best = clusters.findIndex((cluster) => cluster.members[0]!.objective === member.objective);
    if (best >= 0) {
      clusters[best]!.members.push(member);
      continue;
    }
    for (const word of words) holding.set(word, [...(holding.get(word) ?? []), clusters.length]);
    clusters.push({ words: new Set(words), members: [member] });
  }
  return clusters;
}

const short = (word: string): string =>
  word.length > MOST_LETTERS ? `${[...word].slice(0, MOST_LETTERS).join('')}…` : word;

/** `fraud: invoice, supplier`: the words that few other clusters have, in the order of the text; unique. */
function nameAll(clusters: readonly Cluster[]): string[] {
  const frequency = new Map<string, number>();
  for (const { words } of clusters)
    for (const word of words) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  const taken = new Map<string, number>();
  return clusters.map(({ words, members }) => {
    const { kind, category } = members[0]!.entry.finding;
    const rare = new Set(
      [...words].sort((a, b) => frequency.get(a)! - frequency.get(b)! || b.length - a.length).slice(0, NAMED),
    );
    const told =
      [...words]
        .filter((word) => rare.has(word))
        .map(short)
        .join(', ') || 'no words';
    const name = `${category}${kind === 'over-refusal' ? ' (over-refusal)' : ''}: ${told}`;
    const before = taken.get(name) ?? 0;
    taken.set(name, before + 1);
    return before === 0 ? name : `${name} #${before + 1}`;
  });
}

const normalised = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();

/** The same message that broke the same target the same way, found more than once: all but one, with that one. */
function duplicatesOf(all: readonly Described[]): Map<string, string> {
  const groups = Map.groupBy(all, (each) =>
    JSON.stringify([groupOf(each), each.target, normalised(each.request), normalised(each.objective)]),
  );
  const duplicates = new Map<string, string>();
  for (const group of groups.values()) {
    const [first, ...rest] = [...group].sort(byStanding);
    for (const { entry } of rest) duplicates.set(entry.finding.id, first!.entry.finding.id);
  }
  return duplicates;
}
