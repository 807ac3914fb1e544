/**
 * Texts as vectors, by OpenAI's embeddings as vLLM, SGLang, Ollama, LM Studio and llama-server speak them. To what surrounds
 * calls (cache, budget, places, retries) it is a model whose answer is the vector as JSON.
 */
import type { LanguageModelV4CallOptions, LanguageModelV4GenerateResult } from '@ai-sdk/provider';
import { malformed, parseAnswer, statusError } from './http.ts';
import { textResult, toMessages, WholeAnswerModel } from './messages.ts';
import { endpointUrl, type OpenAICompatibleOptions } from './openai-compatible.ts';

/** Digits that are kept of each number: more than a comparison needs. */
const DIGITS = 6;

export class EmbeddingsModel extends WholeAnswerModel {
  readonly provider = 'openai-compatible-embeddings';
  readonly #url: string;
  readonly #options: OpenAICompatibleOptions;

  constructor(options: OpenAICompatibleOptions) {
    super(options.modelId);
    this.#url = endpointUrl(options.baseUrl, 'embeddings');
    this.#options = options;
  }

  /** Errors: those of `HttpClient.send`; `APICallError` for another status than success, and for what is no vector. */
  async doGenerate({
    prompt,
    abortSignal,
  }: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const { client, headers, options } = this.#options;
    const input = toMessages(prompt)
      .map(({ content }) => content)
      .join('\n');
    const response = await client.send({
      url: this.#url,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: this.modelId, input, encoding_format: 'float', ...options }),
      signal: abortSignal,
    });
    if (response.status !== 200) throw statusError(this.#url, response);
    const body = parseAnswer(this.#url, response.body) as Answer;
    const vector = body?.data?.[0]?.embedding;
    if (!Array.isArray(vector) || vector.length === 0 || !vector.every((value) => Number.isFinite(value)))
      throw malformed(this.#url, 'the answer has no data[0].embedding of numbers');
    const text = JSON.stringify(vector.map((value) => Number((value as number).toPrecision(DIGITS))));
    const tokens = body.usage?.prompt_tokens;
    const read = typeof tokens === 'number' ? tokens : undefined;
    return textResult(text, { unified: 'stop', raw: 'stop' }, { input: read, output: 0 });
  }
}

interface Answer {
  readonly data?: readonly { readonly embedding?: unknown }[];
  readonly usage?: { readonly prompt_tokens?: unknown } | null;
}
