/** The random Llama of bench/parity/tiny.py, its adapter, and what other tools computed with them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PreferenceExample } from '../src/core/records.ts';
import { type LoadedModel, loadModel } from '../src/engine/model.ts';
import type { ChatTokenizer } from '../src/engine/tokenizer.ts';

export const tinyPath = (name: string): string =>
  fileURLToPath(new URL(`fixtures/tiny/${name}`, import.meta.url));

export const tinyGolden = <T>(name: string): T => JSON.parse(readFileSync(tinyPath(name), 'utf8')) as T;

export const tinyLlama = (): LoadedModel => loadModel(tinyPath('model.gguf'));

export interface TokenPair {
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

/** A tokenizer whose texts are JSON lists of tokens, so that examples are given as tokens. Completions end with 2. */
const numbers = {
  encodeChat: (messages: readonly { content: string }[]) => JSON.parse(messages[0]!.content) as number[],
  encodeText: (text: string) => JSON.parse(text) as number[],
  endOfTurn: 2,
  paddingToken: 0,
} as unknown as ChatTokenizer;

/** Forty random pairs, the data of the golden curves. */
export const tinyStream = (): PreferenceExample[] =>
  tinyGolden<{ stream: TokenPair[] }>('trl.json').stream.map(tokenExample);

export const withTokens = (model: LoadedModel): LoadedModel => ({ ...model, tokenizer: numbers });

export function tokenExample({ prompt, chosen, rejected }: TokenPair, index: number): PreferenceExample {
  const answer = (tokens: readonly number[]) => [
    { role: 'assistant' as const, content: JSON.stringify(tokens.slice(0, -1)) },
  ];
  return {
    id: String(index),
    prompt: [{ role: 'user', content: JSON.stringify(prompt) }],
    chosen: answer(chosen),
    rejected: answer(rejected),
    purpose: 'general',
    category: 'tiny',
    lineage: { source: 'tiny', chosenBy: 'random', rejectedBy: 'random' },
  };
}
