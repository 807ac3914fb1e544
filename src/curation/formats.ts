/** Formats of public preference sets: one entry a format, adding one is one entry. */
import type { Message, PreferenceExample } from '../core/records.ts';

/** A record as it was read. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Pair {
  readonly prompt: readonly Message[];
  readonly chosen: string;
  /** Empty: the record has none, and serves SFT alone. */
  readonly rejected: string;
  /** As in PreferenceExample. */
  readonly cut?: PreferenceExample['cut'];
  /** null: the record does not say; what would be learnt from it as a refusal may be none. */
  readonly purpose: PreferenceExample['purpose'] | null;
  readonly category: string;
}

export interface Format {
  readonly description: string;
  readonly licence: string;
  /** A record as a pair; a text says why it is passed over; null says it is not of this format. */
  convert(record: Fields, path: string): Pair | string | null;
  /** Whether a record leaves out its rejected answer, which the format has; absent: the format has none to leave out. */
  lacksRejected?(record: Fields): boolean;
  /** Where a pair is spread over several records: brings them together before they are converted. */
  join?(rows: readonly Row[]): Row[];
}

/** A record with where it stands in its file. */
export interface Row {
  readonly value: unknown;
  readonly row: number;
}

const isText = (value: unknown): value is string => typeof value === 'string';
const user = (content: string): Message[] => [{ role: 'user', content }];

/** Turns of an HH-RLHF transcript. */
function transcript(text: string): Message[] {
  return [...text.matchAll(/\n\n(Human|Assistant): ?([\s\S]*?)(?=\n\n(?:Human|Assistant):|$)/g)].map(
    (match) => ({
      role: match[1] === 'Human' ? ('user' as const) : ('assistant' as const),
      content: (match[2] as string).trim(),
    }),
  );
}

/** BeaverTails has one answer a row: gives each row an answer to the same prompt with the other label. */
function withCounterparts(rows: readonly Row[]): Row[] {
  const answers = new Map<string, { safe?: string; unsafe?: string }>();
  for (const { value } of rows) {
    const { prompt, response, is_safe: safe } = (value ?? {}) as Fields;
    if (!isText(prompt) || !isText(response)) continue;
    const known = answers.get(prompt) ?? {};
    answers.set(prompt, safe === true ? { safe: response, ...known } : { unsafe: response, ...known });
  }
  // One pair a prompt: the row of its first unsafe answer carries it.
  return rows.flatMap(({ value, row }) => {
    const record = (value ?? {}) as Fields;
    const known = isText(record['prompt']) ? answers.get(record['prompt']) : undefined;
    if (record['is_safe'] === true) return [];
    const paired = known?.unsafe === record['response'] && known?.safe !== undefined;
    return [{ value: paired ? { ...record, safe_response: known.safe } : record, row }];
  });
}

/** The set's folders are called helpful-base, helpful-online, ..., and harmless-base; a record does not say. */
function hhPurpose(path: string): Pair['purpose'] {
  const named = /(harmless|red.?team)|(helpful)/i.exec(path.split(/[\\/]/).slice(-2).join('/'));
  return named?.[1] ? 'harm' : named?.[2] ? 'general' : null;
}

const PURPOSES = ['harm', 'benign', 'general'] as const;
const ANSWERS = ['chosen', 'rejected'] as const;

/** The formats that can be imported. */
export const PREFERENCE_FORMATS: Readonly<Record<string, Format>> = {
  'hh-rlhf': {
    description: 'Anthropic HH-RLHF: chosen and rejected transcripts',
    licence: 'MIT',
    convert({ chosen, rejected }, path) {
      if (!isText(chosen) || !isText(rejected)) return null;
      const [good, bad] = [transcript(chosen), transcript(rejected)];
      const [best, worst] = [good.at(-1), bad.at(-1)];
      if (best?.role !== 'assistant' || worst?.role !== 'assistant')
        return 'it does not end with an assistant turn';
      const prompt = good.slice(0, -1);
      const same = JSON.stringify(prompt) === JSON.stringify(bad.slice(0, -1));
      if (!same || prompt.at(-1)?.role !== 'user') return 'the two transcripts differ before the last answer';
      const answers = { chosen: best.content, rejected: worst.content };
      return { prompt, ...answers, purpose: hhPurpose(path), category: 'imported' };
    },
  },
  beavertails: {
    description:
      'BeaverTails: single answers with a safety label; pairs are built where a prompt has both (in order)',
    licence: 'CC-BY-NC-4.0',
    convert({ prompt, response, is_safe: safe, safe_response: other }) {
      if (!isText(prompt) || !isText(response) || typeof safe !== 'boolean') return null;
      if (!isText(other)) return 'its prompt has no answer of the other label in this file';
      return {
        prompt: user(prompt),
        chosen: safe ? response : other,
        rejected: safe ? other : response,
        purpose: 'harm',
        category: 'imported',
      };
    },
    join: withCounterparts,
  },
  'pku-saferlhf': {
    description: 'PKU-SafeRLHF: two answers, which is safer, whether each is safe',
    licence: 'CC-BY-NC-4.0',
    convert(record) {
      const { prompt, response_0: first, response_1: second, safer_response_id: safer } = record;
      if (!isText(prompt) || !isText(first) || !isText(second) || (safer !== 0 && safer !== 1)) return null;
      if (record[`is_response_${safer}_safe`] === false) return 'the safer answer is not safe';
      if (record['is_response_0_safe'] === record['is_response_1_safe'])
        return 'both answers have the same safety label';
      return {
        prompt: user(prompt),
        chosen: safer === 0 ? first : second,
        rejected: safer === 0 ? second : first,
        purpose: 'harm',
        category: 'imported',
      };
    },
  },
  'safety-tuned-llamas': {
    description:
      'Safety-Tuned LLaMAs: instruction, input, output; the rejected answer is empty, so it serves SFT alone',
    licence: 'CC-BY-NC-4.0',
    convert({ instruction, input, output }) {
      if (!isText(instruction) || !isText(output)) return null;
      const prompt = isText(input) && input !== '' ? `${instruction}\n\n${input}` : instruction;
      return { prompt: user(prompt), chosen: output, rejected: '', purpose: 'harm', category: 'imported' };
    },
  },
  coconot: {
    description:
      'CoCoNot: the preference set (prompt, chosen, rejected) teaches to answer, the set with `response` to decline',
    licence: 'ODC-BY',
    convert({ prompt, category, subcategory, chosen, rejected, response }) {
      if (!isText(prompt) || !isText(category)) return null;
      const about = {
        prompt: user(prompt),
        category: isText(subcategory) && subcategory !== '' ? subcategory : category,
      };
      // Its pairs look unfit to answer and are not: the better answer complies.
      if (isText(chosen) && isText(rejected)) return { ...about, chosen, rejected, purpose: 'benign' };
      if (!isText(response)) return null;
      if (category !== 'Requests with safety concerns') return 'not to be complied with, but no harm';
      return { ...about, chosen: response, rejected: '', purpose: 'harm' };
    },
  },
  wildjailbreak: {
    description:
      'WildJailbreak: vanilla, adversarial, completion, data_type; no rejected answer, so it serves SFT alone',
    licence: 'ODC-BY',
    convert({ vanilla, adversarial, completion, data_type: type, label }) {
      if (!isText(type)) return null;
      const kind = /^(vanilla|adversarial)_(harmful|benign)$/.exec(type);
      if (!kind) return null;
      const prompt = kind[1] === 'vanilla' ? vanilla : adversarial;
      if (completion === undefined && label !== undefined)
        return 'it is of the evaluation set, which has no answers';
      if (!isText(prompt) || !isText(completion)) return null;
      if (prompt.trim() === '') return 'its prompt is empty';
      return {
        prompt: user(prompt),
        chosen: completion,
        rejected: '',
        purpose: kind[2] === 'harmful' ? 'harm' : 'benign',
        category: 'imported',
      };
    },
  },
  trl: {
    description: "TRL's conversational preference format, as temper exports it",
    licence: 'your own',
    lacksRejected: ({ rejected }) => rejected === undefined || rejected === null,
    convert({ prompt, chosen, rejected, cut, purpose, category, lineage }) {
      const isTurns = (value: unknown): value is Message[] =>
        Array.isArray(value) &&
        value.length > 0 &&
        value.every((m: unknown) => isText((m as Message | null)?.content) && isText((m as Message).role));
      const turns = isText(prompt) ? user(prompt) : prompt;
      const answer = (value: unknown): string | null =>
        isText(value) ? value : isTurns(value) ? value.map((m) => m.content).join('\n') : null;
      const [good, bad] = [answer(chosen), answer(rejected ?? '')];
      if (!isTurns(turns) || good === null || bad === null) return null;
      const stated = PURPOSES.find((each) => each === purpose);
      const unknown = (lineage as Fields | null | undefined)?.['purpose'] === 'unknown';
      return {
        prompt: turns,
        chosen: good,
        rejected: bad,
        ...(Array.isArray(cut) ? { cut: ANSWERS.filter((which) => cut.includes(which)) } : {}),
        purpose: unknown ? null : (stated ?? null),
        category: isText(category) ? category : 'imported',
      };
    },
  },
};
