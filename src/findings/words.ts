/** The words that tell what a finding asks for: without those of every request, and without those of the attack around it. */

/** Words that say nothing of what is asked: of grammar, of asking, of how the answer should look. */
const COMMON = new Set(
  `about above actually after again against all also and any anyone anything are back bad because been before being below between both but can come could
  did does doing don down each else even ever every everyone everything few find for from further get give going good got had has have having help her here him
  his how into its itself just keep kindly know let like long look make making many may maybe might more most much must need needs new
  not now off often once one ones only other our out over own people perhaps person please pls put quite rather real really right
  said same say see set she should show some somebody someone something soon still such take tell ten than thank thanks that the
  their them then there these they thing things think this those three through too turn two under until upon use used using very
  want wants was way ways well went were what when where which while who whom why will with without won would yes yet you your
  yours
  answer answers carry complete condense continue create describe draft explain extend finish idea ideas kind list message
  paragraph part plan rewrite rule rules sentence sentences short shorten sound story suggest summarise summarize text tip tips
  version word words write writing`
    .split(/\s+/)
    .map(stem),
);

/** Words of a text that are looked at: what is asked stands at no great distance, and a text of another tool may be endless. */
const MOST_WORDS = 400;
/** Letters that are looked at: a text may be one word of a megabyte. */
const MOST_LETTERS = 20 * MOST_WORDS;

/** Words of at least three letters, without endings of plural, possession and contraction; each once. */
export const contentWords = (text: string): string[] => [
  ...new Set(
    (
      text
        .slice(0, MOST_LETTERS)
        .toLowerCase()
        .match(/\p{L}+(?:['’]\p{L}+)*/gu) ?? []
    )
      .slice(0, MOST_WORDS)
      .filter((word) => !/n['’]t$/.test(word))
      .map((word) => singular(word.replace(/['’].*$/u, '')))
      .filter((word) => word.length >= 3 && !COMMON.has(stem(word))),
  ),
];

function singular(word: string): string {
  if (word.length <= 4 || !word.endsWith('s') || /(?:ss|us|is)$/.test(word)) return word;
  if (word.length > 5 && word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  return word.slice(0, /(?:ss|sh|ch|x)es$/.test(word) ? -2 : -1);
}

/** What forms of one word share (print, printing, printed): told apart by it, never shown. */
export function stem(word: string): string {
  const bare = word.length >= 6 ? word.replace(/(?:ing|ed)$/, '') : word;
  const single = bare.length >= 4 && bare !== word ? bare.replace(/([^aeiouls])\1$/, '$1') : bare;
  return (single.length >= 3 ? single : word).replace(/(?<=...)e$/, '');
}

/** Words in a row that an attack and not a request is recognised by. */
const RUN = 8;
/** Texts under one attack that have them. */
const REPEATED = 3;

/** A text, and the attack that it was sent under. */
export interface Sent {
  readonly text: string;
  readonly attack?: string | undefined;
}

/**
 * Texts without the words of their attack. A tool that does not say what was asked leaves the wrapped request, so that all under
 * one attack look alike: eight words in a row that several texts under one attack share, and none under another, are the attack's.
 * A text of which little would remain stays as it is.
 */
export function withoutAttackWords(all: readonly Sent[]): string[] {
  const distinct = new Map(all.map((sent) => [`${sent.attack ?? ''}\u0000${sent.text}`, sent]));
  const seen = new Map<string, { readonly attack: string | undefined; texts: number; shared: boolean }>();
  for (const { text, attack } of distinct.values())
    for (const run of new Set(runsOf(wordsOf(text)))) {
      const entry = seen.get(run);
      if (!entry) seen.set(run, { attack, texts: 1, shared: false });
      else if (entry.attack === attack) entry.texts++;
      else entry.shared = true;
    }
  return all.map(({ text, attack }) => {
    if (attack === undefined) return text;
    const words = wordsOf(text);
    const ofAttack = new Set<number>();
    for (const [at, run] of runsOf(words).entries()) {
      const { texts, shared } = seen.get(run)!;
      if (texts >= REPEATED && !shared) for (let i = at; i < at + RUN; i++) ofAttack.add(i);
    }
    if (ofAttack.size === 0) return text;
    const rest = words.filter((_, i) => !ofAttack.has(i)).join(' ');
    return contentWords(rest).length > 0 ? rest : text;
  });
}

const wordsOf = (text: string): string[] =>
  (
    text
      .slice(0, MOST_LETTERS)
      .toLowerCase()
      .match(/[\p{L}\p{N}'’]+/gu) ?? []
  ).slice(0, MOST_WORDS);

const runsOf = (words: readonly string[]): string[] =>
  Array.from({ length: Math.max(0, words.length - RUN + 1) }, (_, at) => words.slice(at, at + RUN).join(' '));
