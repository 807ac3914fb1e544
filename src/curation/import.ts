/** Public preference sets from a path, as preference examples: one entry a format, adding one is one entry. */
import { createReadStream, readFileSync } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { TemperError } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import { readJsonl, readLines } from '../core/jsonl.ts';
import type { Message, PreferenceExample } from '../core/records.ts';
import { rng } from '../core/rng.ts';

export interface ImportSource {
  readonly path: string;
  readonly format: string;
  /** At most this many examples, drawn by the seed. */
  readonly limit: number;
}

type Fields = Readonly<Record<string, unknown>>;

interface Pair {
  readonly prompt: readonly Message[];
  readonly chosen: string;
  readonly rejected: string;
  readonly purpose: PreferenceExample['purpose'];
  readonly category: string;
}

interface Format {
  readonly description: string;
  readonly licence: string;
  /** A record as a pair; a text says why it is passed over; null says it is not of this format. */
  convert(record: Fields): Pair | string | null;
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

export const PREFERENCE_FORMATS: Readonly<Record<string, Format>> = {
  'hh-rlhf': {
    description: 'Anthropic HH-RLHF: chosen and rejected transcripts',
    licence: 'MIT',
    convert({ chosen, rejected }) {
      if (!isText(chosen) || !isText(rejected)) return null;
      const [good, bad] = [transcript(chosen), transcript(rejected)];
      const [best, worst] = [good.at(-1), bad.at(-1)];
      if (best?.role !== 'assistant' || worst?.role !== 'assistant')
        return 'it does not end with an assistant turn';
      const prompt = good.slice(0, -1);
      const same = JSON.stringify(prompt) === JSON.stringify(bad.slice(0, -1));
      if (!same || prompt.at(-1)?.role !== 'user') return 'the two transcripts differ before the last answer';
      return { prompt, chosen: best.content, rejected: worst.content, purpose: 'harm', category: 'imported' };
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
  trl: {
    description: "TRL's conversational preference format, as temper exports it",
    licence: 'your own',
    convert({ prompt, chosen, rejected, purpose, category }) {
      const isTurns = (value: unknown): value is Message[] =>
        Array.isArray(value) &&
        value.length > 0 &&
        value.every((m: unknown) => isText((m as Message | null)?.content) && isText((m as Message).role));
      const turns = isText(prompt) ? user(prompt) : prompt;
      const answer = (value: unknown): string | null =>
        isText(value) ? value : isTurns(value) ? value.map((m) => m.content).join('\n') : null;
      const [good, bad] = [answer(chosen), answer(rejected ?? '')];
      if (!isTurns(turns) || good === null || bad === null) return null;
      const known = purpose === 'benign' || purpose === 'general' ? purpose : 'harm';
      return {
        prompt: turns,
        chosen: good,
        rejected: bad,
        purpose: known,
        category: isText(category) ? category : 'imported',
      };
    },
  },
};

/** Records of a .jsonl, .jsonl.gz or .json (array) file, with where each stands. */
async function* records(path: string): AsyncGenerator<{ value: unknown; row: number }> {
  if (path.endsWith('.json')) {
    const list: unknown = parseWhole(path);
    if (!Array.isArray(list))
      throw new TemperError('data', `${path}: not an array of records`, {
        hint: 'Give a .json array or a .jsonl file.',
      });
    for (const [index, value] of list.entries()) yield { value, row: index + 1 };
    return;
  }
  if (path.endsWith('.gz')) {
    let row = 0;
    for await (const line of readLines(path, createReadStream(path).pipe(createGunzip()))) {
      row++;
      if (line.trim() !== '') yield { value: JSON.parse(line) as unknown, row };
    }
    return;
  }
  for await (const { value, line } of readJsonl(path)) yield { value, row: line };
}

function parseWhole(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch (cause) {
    throw new TemperError('data', `cannot read ${path}: ${(cause as Error).message}`, {
      hint: 'Check the path and that it is JSON.',
      cause,
    });
  }
}

/** BeaverTails has one answer a row: gives each row an answer to the same prompt with the other label. */
function withCounterparts(
  rows: readonly { value: unknown; row: number }[],
): { value: unknown; row: number }[] {
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

/** Reads a public preference file. Errors: `config` for an unknown format, `data` for a row of another shape. */
export async function importPreferences(
  { path, format: name, limit }: ImportSource,
  seed: number,
): Promise<PreferenceExample[]> {
  const format = Object.hasOwn(PREFERENCE_FORMATS, name) ? PREFERENCE_FORMATS[name] : undefined;
  if (!format) {
    throw new TemperError('config', `the preference format '${name}' is not known`, {
      hint: `Known: ${Object.keys(PREFERENCE_FORMATS).join(', ')}.`,
    });
  }
  let rows: { value: unknown; row: number }[] = [];
  for await (const record of records(path)) rows.push(record);
  if (name === 'beavertails') rows = withCounterparts(rows);
  const examples: PreferenceExample[] = [];
  for (const { value, row } of rows) {
    const pair = typeof value === 'object' && value !== null ? format.convert(value as Fields) : null;
    if (pair === null) {
      throw new TemperError(
        'data',
        `${path}, row ${row}: not a record of the format '${name}' (${format.description})`,
        { hint: 'Choose another format or mend the row.' },
      );
    }
    if (typeof pair === 'string' || pair.chosen.trim() === '' || pair.chosen === pair.rejected) continue;
    const prompt = pair.prompt;
    const chosen: Message[] = [{ role: 'assistant', content: pair.chosen }];
    const rejected: Message[] = [{ role: 'assistant', content: pair.rejected }];
    examples.push({
      id: contentHash({ prompt, chosen, rejected }),
      prompt,
      chosen,
      rejected,
      purpose: pair.purpose,
      category: pair.category,
      lineage: { source: 'import', file: path, row, chosenBy: 'import', rejectedBy: 'import' },
    });
  }
  return rng('import', seed, path).shuffle(examples).slice(0, limit);
}
