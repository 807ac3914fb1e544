/** The embedder of a configuration: texts as vectors of length 1, so that a product is a cosine. */
import { errorMessage, TemperError } from '../core/errors.ts';
import { resultText } from '../models/messages.ts';
import type { OpenedRole } from '../models/role.ts';

export interface Embedder {
  /** For people. */
  readonly name: string;
  readonly id: string;
  /** A vector for each text, in their order. Errors: `provider`, `budget`. */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
}

/** Characters that are embedded: what is longer is told by its beginning, as models of embeddings have a limit. */
const MOST_CHARACTERS = 4000;

export function embedderOf({
  model,
  name,
  id,
  concurrency,
}: Pick<OpenedRole, 'model' | 'name' | 'id' | 'concurrency'>): Embedder {
  const one = async (text: string, signal?: AbortSignal): Promise<Float32Array> => {
    const content = [{ type: 'text' as const, text: text.slice(0, MOST_CHARACTERS).toWellFormed() }];
    const result = await model.doGenerate({
      prompt: [{ role: 'user', content }],
      ...(signal ? { abortSignal: signal } : {}),
    });
    return unit(JSON.parse(resultText(result)) as number[]);
  };
  return {
    name,
    id,
    async embed(texts, signal) {
      const vectors = new Map<string, Float32Array>();
      const open = [...new Set(texts)].values();
      const work = async (): Promise<void> => {
        for (const text of open) vectors.set(text, await one(text, signal));
      };
      try {
        await Promise.all(Array.from({ length: concurrency }, work));
      } catch (cause) {
        if (cause instanceof TemperError || signal?.aborted) throw cause;
        throw new TemperError('provider', `embeddings of ${name}: ${errorMessage(cause)}`, {
          hint: 'Is it a model of embeddings, and its server up? Without `embeddings` words decide.',
          cause,
        });
      }
      return texts.map((text) => vectors.get(text)!);
    },
  };
}

function unit(values: readonly number[]): Float32Array {
  const length = Math.hypot(...values) || 1;
  return Float32Array.from(values, (value) => value / length);
}

export const refuseEmbedder = (name: string, what: string): TemperError =>
  new TemperError('config', `embeddings: '${name}' is ${what}, which gives none here`, {
    hint: "Name a server with OpenAI's /v1/embeddings, as in ollama:nomic-embed-text or openai-compatible:NAME@http://localhost:8000/v1.",
  });
