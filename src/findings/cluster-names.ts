/** Names of clusters: `fraud: invoice, supplier · encoding`. */
import { groupOf, type Weights, type Worded } from './described.ts';

/** Words, or categories, in a name. */
const NAMED = 3;
/** Letters of a word, and of a category, in a name. */
const MOST_LETTERS = 24;
const MOST_IN_CATEGORY = 40;
/** Share of requests without any of the words from which on a name says that they are of all kinds. */
const VARIOUS = 0.6;
/** Requests from which on a common opening is looked for, and the share of them that has it. */
const OPENING = { requests: 4, share: 0.75, words: 3 };

/** Readable, unique, and bounded whatever the words. */
export function namesOf(clusters: readonly (readonly Worded[])[], weights: Weights): string[] {
  const taken = new Map<string, number>();
  return clusters.map((members) => {
    const name = nameOf(members, weights);
    const before = taken.get(name) ?? 0;
    taken.set(name, before + 1);
    return before === 0 ? name : `${name} #${before + 1}`;
  });
}

function nameOf(members: readonly Worded[], weights: Weights): string {
  const { kind, category } = members[0]!.entry.finding;
  const categories = [...new Set(members.map(({ entry }) => entry.finding.category))].sort();
  const mark = kind === 'over-refusal' ? ' (over-refusal)' : '';
  const families = new Set(members.map(({ family }) => family));
  const [family] = families;
  const under = families.size === 1 && family !== 'plain' ? ` · ${short(family!)}` : '';
  if (categories.length > 1)
    return `${short(groupOf(category), MOST_IN_CATEGORY)}${mark}: ${listed(categories)}${under}`;
  return `${short(category, MOST_IN_CATEGORY)}${mark}: ${toldBy(members, weights)}${under}`;
}

const short = (word: string, most = MOST_LETTERS): string =>
  word.length > most ? `${[...word].slice(0, most).join('')}…` : word;

const listed = (names: readonly string[]): string =>
  `${names
    .slice(0, NAMED)
    .map((name) => short(name, MOST_IN_CATEGORY))
    .join(', ')}${names.length > NAMED ? ` and ${names.length - NAMED} more` : ''}`;

/** The words that most requests of a cluster are found by; `…`: there are requests without any of them. */
function toldBy(members: readonly Worded[], weights: Weights): string {
  const requests = [...new Map(members.map((each) => [each.asked, each])).values()];
  const opening = openingOf(requests.map(({ asked }) => asked));
  if (opening !== null) return `“${opening} …”`;
  const chosen: string[] = [];
  let open = requests.filter(({ words }) => words.size > 0);
  // First words that reach what no earlier one did, then further ones of all.
  for (let from: readonly Worded[] = open; chosen.length < NAMED;) {
    const word = strongest(from, weights, chosen);
    if (word === null) break;
    chosen.push(word);
    open = open.filter(({ words }) => !words.has(word));
    from = open.length > 0 ? open : requests;
  }
  if (chosen.length === 0) return 'no words';
  // One request is told in the order of its words.
  const order =
    requests.length === 1 ? [...requests[0]!.words.keys()].filter((each) => chosen.includes(each)) : chosen;
  const shown = order.map((each) => short(shownAs(each, requests)));
  const various = open.length > VARIOUS * requests.length ? 'various, as ' : '';
  return `${various}${shown.join(', ')}${open.length > 0 ? ' …' : ''}`;
}

/** The stem with the largest sum of weight over requests; among equals the longest, then by letters. */
function strongest(requests: readonly Worded[], weights: Weights, chosen: readonly string[]): string | null {
  const values = new Map<string, number>();
  for (const { words } of requests)
    for (const word of words.keys())
      if (!chosen.includes(word)) values.set(word, (values.get(word) ?? 0) + weights.get(word)!);
  let best: string | null = null;
  for (const [word, value] of values) {
    const before = best === null ? -1 : values.get(best)!;
    if (value > before || (value === before && (word.length - best!.length || (word < best! ? 1 : -1)) > 0))
      best = word;
  }
  return best;
}

/** The form of a stem that most requests have, else the shortest. */
function shownAs(word: string, requests: readonly Worded[]): string {
  const forms = new Map<string, number>();
  for (const { words } of requests) {
    const form = words.get(word);
    if (form !== undefined) forms.set(form, (forms.get(form) ?? 0) + 1);
  }
  return [...forms].sort(([a, n], [b, m]) => m - n || a.length - b.length || (a < b ? -1 : 1))[0]![0];
}

/** The first words that nearly all requests begin with. */
function openingOf(texts: readonly string[]): string | null {
  if (texts.length < OPENING.requests) return null;
  const begun = texts.map(
    (text) =>
      text
        .slice(0, 200)
        .toLowerCase()
        .match(/[\p{L}\p{N}'’]+/gu) ?? [],
  );
  let found: string[] = [];
  for (let length = 1; length <= 2 * OPENING.words; length++) {
    const counts = new Map<string, number>();
    for (const words of begun)
      if (words.length > length) {
        const opening = words.slice(0, length).join(' ');
        counts.set(opening, (counts.get(opening) ?? 0) + 1);
      }
    const best = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))[0];
    if (!best || best[1] < OPENING.share * texts.length) break;
    found = best[0].split(' ');
  }
  return found.length >= OPENING.words ? found.map((word) => short(word)).join(' ') : null;
}
