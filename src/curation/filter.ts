/** All filters of curation over a stream of any length, in the order of what they cost. */
import type { PreferenceExample } from '../core/records.ts';
import type { Firewall, Quarantined } from './firewall.ts';
import type { ImportedRow } from './import.ts';
import { NearDuplicates } from './near-duplicates.ts';
import { placeOfPrivate } from './private-data.ts';

/** Tells a text's language, ISO 639-1; null where it cannot be told. */
export type Detector = (text: string) => string | null;

export interface FilterOptions {
  readonly firewall: Firewall;
  /** Whether examples with personal data or secrets are held back. */
  readonly personalData: boolean;
  /** The language that prompt and chosen answer have to be in; null: any. */
  readonly language: { readonly wanted: string; readonly detect: Detector } | null;
  /** From which share of common word trigrams on a prompt repeats an earlier one of its purpose; null: none does. */
  readonly nearDuplicate: number | null;
}

/** What became of a row. `example` is absent where the row is no pair that can be learnt from. */
export interface Filtered {
  readonly file: string;
  readonly row: number;
  readonly example?: PreferenceExample;
  /** Why it is held back; absent: it is kept. */
  readonly held?: Omit<Quarantined, 'example'>;
}

/** Characters of a text by which its language is told. */
const TOLD_BY = 160;

const contents = ({ prompt, chosen, rejected }: PreferenceExample): string[] =>
  [...prompt, ...chosen, ...rejected].map(({ content }) => content);

/** Reads no row ahead, and keeps of what it passed on only what finds duplicates. */
export class Filter {
  readonly #options: FilterOptions;
  readonly #seen = new Map<PreferenceExample['purpose'], { index: NearDuplicates; places: string[] }>();

  constructor(options: FilterOptions) {
    this.#options = options;
  }

  row(file: string, { row, result }: ImportedRow): Filtered {
    if (typeof result === 'string') return { file, row, held: { reason: result, like: '' } };
    const held =
      this.#private(result) ??
      this.#otherLanguage(result) ??
      this.#options.firewall.check(...contents(result)) ??
      this.#duplicate(result, `${file}:${row}`);
    return { file, row, example: result, ...(held ? { held } : {}) };
  }

  #private(example: PreferenceExample): Filtered['held'] | null {
    const found = this.#options.personalData ? placeOfPrivate(example) : null;
    return found && { reason: `holds ${found.kind}`, like: found.place };
  }

  #otherLanguage({ prompt, chosen }: PreferenceExample): Filtered['held'] | null {
    const { language } = this.#options;
    if (language === null) return null;
    for (const [part, text] of [
      ['prompt', prompt.at(-1)?.content],
      ['chosen', chosen[0]?.content],
    ] as const) {
      const found = language.detect((text ?? '').slice(0, TOLD_BY));
      // What nobody can tell is no reason.
      if (found !== null && found !== language.wanted)
        return { reason: `is in another language (${found})`, like: part };
    }
    return null;
  }

  #duplicate({ prompt, purpose }: PreferenceExample, place: string): Filtered['held'] | null {
    const { nearDuplicate } = this.#options;
    if (nearDuplicate === null) return null;
    const known = this.#seen.get(purpose) ?? { index: new NearDuplicates(nearDuplicate), places: [] };
    this.#seen.set(purpose, known);
    const like = known.index.add(prompt.map(({ content }) => content).join('\n'));
    if (like === null) {
      known.places.push(place);
      return null;
    }
    const percent = Math.round(like.jaccard * 100);
    const reason = like.jaccard === 1 ? 'duplicate' : `near duplicate (${percent} % of trigrams)`;
    return { reason, like: known.places[like.of]! };
  }
}
