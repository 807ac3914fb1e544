/** All filters of curation over a stream of any length, in the order of what they cost. */
import type { PreferenceExample } from '../core/records.ts';
import { messagesOf } from './compared.ts';
import type { Firewall, Quarantined } from './firewall.ts';
import type { ImportedRow } from './import.ts';
import { otherLanguage } from './language.ts';
import { type Fingerprint, fingerprint, NearDuplicates } from './near-duplicates.ts';
import { placeOfPrivate } from './private-data.ts';

/** Tells a text's language, ISO 639-1; null where it cannot be told. */
export type Detector = (text: string) => string | null;

/** Why an example is held back. */
export type Held = Omit<Quarantined, 'example'>;

/** Of the filters that look at one example alone. */
export interface CheckOptions {
  readonly firewall: Firewall;
  /** Whether examples with personal data or secrets are held back. */
  readonly personalData: boolean;
  /** The language that prompt and chosen answer have to be in; null: any. */
  readonly language: { readonly wanted: string; readonly detect: Detector } | null;
}

export interface FilterOptions extends CheckOptions {
  /** From which share of common word trigrams on a prompt repeats an earlier one of its purpose; null: none does. */
  readonly nearDuplicate: number | null;
}

/** What became of a row. `example` is absent where the row is no pair that can be learnt from. */
export interface Filtered {
  readonly file: string;
  readonly row: number;
  readonly example?: PreferenceExample;
  /** Why it is held back; absent: it is kept. */
  readonly held?: Held;
}

const contents = ({ prompt, chosen, rejected }: PreferenceExample): string[] =>
  [...prompt, ...chosen, ...rejected].map(({ content }) => content);

/** What may hold an example back, whatever came before it, in the order of what it costs. */
export const checksOf = ({
  personalData,
  language,
  firewall,
}: CheckOptions): ((example: PreferenceExample) => Held | null)[] => [
  ...(personalData
    ? [
        (example: PreferenceExample) => {
          const found = placeOfPrivate(example);
          return found && { reason: `holds ${found.kind}`, like: found.place };
        },
      ]
    : []),
  (example) => language && otherLanguage(example, language.wanted, language.detect),
  (example) => firewall.check(...contents(example)),
];

/** The first reason; null: nothing holds it back. */
function check(
  example: PreferenceExample,
  checks: readonly ((example: PreferenceExample) => Held | null)[],
): Held | null {
  for (const one of checks) {
    const held = one(example);
    if (held) return held;
  }
  return null;
}

/** What decides whether an example repeats another: its prompt, within the same attack. */
export function promptPrint(example: PreferenceExample): { print: Fingerprint; wrapped: boolean } {
  const { text, attack } = messagesOf(example);
  return { print: fingerprint(text, attack), wrapped: attack !== undefined };
}

/** Prompts that repeat an earlier one of their purpose; keeps of what was kept a fingerprint and the place. */
export class Duplicates {
  readonly #threshold: number;
  readonly #seen = new Map<string, { index: NearDuplicates; files: number[]; rows: number[] }>();
  readonly #files: string[] = [];

  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  /** null: it is new, and remembered. */
  find(purpose: string, print: Fingerprint, file: string, row: number): Held | null {
    const known = this.#seen.get(purpose) ?? {
      index: new NearDuplicates(this.#threshold),
      files: [],
      rows: [],
    };
    this.#seen.set(purpose, known);
    const like = known.index.add(print);
    if (like === null) {
      if (this.#files.at(-1) !== file) this.#files.push(file);
      known.files.push(this.#files.length - 1);
      known.rows.push(row);
      return null;
    }
    const percent = Math.round(like.jaccard * 100);
    const reason = like.jaccard === 1 ? 'duplicate' : `near duplicate (${percent} % of trigrams)`;
    return { reason, like: `${this.#files[known.files[like.of]!]}:${known.rows[like.of]}` };
  }
}

/** Reads no row ahead, and keeps of what it passed on only what finds duplicates. */
export class Filter {
  readonly #checks: ReturnType<typeof checksOf>;
  readonly #duplicates: Duplicates | null;

  constructor(options: FilterOptions) {
    this.#checks = checksOf(options);
    this.#duplicates = options.nearDuplicate === null ? null : new Duplicates(options.nearDuplicate);
  }

  row(file: string, { row, result }: ImportedRow): Filtered {
    if (typeof result === 'string') return { file, row, held: { reason: result, like: '' } };
    const held =
      check(result, this.#checks) ??
      this.#duplicates?.find(result.purpose, promptPrint(result).print, file, row);
    return { file, row, example: result, ...(held ? { held } : {}) };
  }
}
