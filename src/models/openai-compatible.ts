/** Chat completions as OpenAI's API has them and vLLM, SGLang, Ollama, LM Studio and llama-server speak them. */
import type { LanguageModelV4CallOptions, LanguageModelV4GenerateResult } from '@ai-sdk/provider';
import { type HttpClient, malformed, parseAnswer, statusError } from './http.ts';
import { finishOf, WholeAnswerModel, textResult, toMessages } from './messages.ts';

export interface OpenAICompatibleOptions {
  readonly modelId: string;
  /** With the version: `http://localhost:8000/v1`. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Further fields of the request; null removes one that would be sent. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /** It takes a schema in place of OpenAI's `json_object`. */
  readonly jsonBySchema?: boolean | undefined;
  readonly client: HttpClient;
}

/** The base may end with slashes and have a query. */
export function endpointUrl(base: string, path: string): string {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`;
  return url.href;
}

export class OpenAICompatibleModel extends WholeAnswerModel {
  readonly provider = 'openai-compatible';
  readonly #url: string;
  readonly #options: OpenAICompatibleOptions;

  constructor(options: OpenAICompatibleOptions) {
    super(options.modelId);
    this.#url = endpointUrl(options.baseUrl, 'chat/completions');
    this.#options = options;
  }

  /** Errors: those of `HttpClient.send`; `APICallError` for another status than success, and for what is no completion. */
  async doGenerate(call: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const { client, headers } = this.#options;
    const response = await client.send({
      url: this.#url,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(this.#body(call)),
      signal: call.abortSignal,
    });
    if (response.status !== 200) throw statusError(this.#url, response);
    return this.#read(response.body);
  }

  #body(call: LanguageModelV4CallOptions): Record<string, unknown> {
    const body: Record<string, unknown> = {
      model: this.modelId,
      messages: toMessages(call.prompt),
      max_tokens: call.maxOutputTokens,
      temperature: call.temperature,
      top_p: call.topP,
      seed: call.seed,
      stop: call.stopSequences,
      // What the server's chat template takes: vLLM, SGLang and llama-server know the field.
      chat_template_kwargs: call.providerOptions?.['template'],
      ...this.#responseFormat(call),
      ...this.#options.options,
    };
    return Object.fromEntries(
      Object.entries(body).filter(([, value]) => value !== undefined && value !== null),
    );
  }

  #responseFormat({ responseFormat: wanted }: LanguageModelV4CallOptions): Record<string, unknown> {
    if (wanted?.type !== 'json') return {};
    if (this.#options.jsonBySchema !== true) return { response_format: { type: 'json_object' } };
    const json_schema = { name: 'reply', strict: true, schema: wanted.schema ?? { type: 'object' } };
    return { response_format: { type: 'json_schema', json_schema } };
  }

  #read(text: string): LanguageModelV4GenerateResult {
    const body = parseAnswer(this.#url, text) as Completion;
    const choice = body?.choices?.[0];
    // Some gateways answer 200 and put the error of the model behind them into the body.
    const error = body?.error ?? choice?.error;
    if (error) {
      const status = Number(error.code) >= 400 ? Number(error.code) : 502;
      throw statusError(this.#url, { status, headers: {}, body: JSON.stringify({ error }) });
    }
    if (typeof choice?.message !== 'object' || choice.message === null)
      throw malformed(this.#url, 'the answer has no choices[0].message');
    const raw = typeof choice.finish_reason === 'string' ? choice.finish_reason : undefined;
    const unified = finishOf(raw ?? '') ?? 'other';
    const { prompt_tokens: input, completion_tokens: output } = body.usage ?? {};
    return textResult(
      textOf(choice.message),
      { unified, raw },
      { input: count(input), output: count(output) },
    );
  }
}

interface Completion {
  readonly choices?: readonly {
    readonly message?: { readonly content?: unknown; readonly refusal?: unknown } | null;
    readonly finish_reason?: unknown;
    readonly error?: { readonly code?: unknown };
  }[];
  readonly usage?: { readonly prompt_tokens?: unknown; readonly completion_tokens?: unknown } | null;
  readonly error?: { readonly code?: unknown };
}

/** A text, a list of parts, or the refusal that stands in its place. */
function textOf({ content, refusal }: { readonly content?: unknown; readonly refusal?: unknown }): string {
  if (typeof content === 'string') return content;
  if (Array.isArray(content))
    return content
      .map((part: { text?: unknown } | null) => (typeof part?.text === 'string' ? part.text : ''))
      .join('');
  return typeof refusal === 'string' ? refusal : '';
}

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
