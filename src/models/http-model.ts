/** Any chat service by HTTP: a request template, and the path of the answer in what comes back. */
import type { LanguageModelV4CallOptions, LanguageModelV4GenerateResult } from '@ai-sdk/provider';
import { type HttpClient, malformed, parseAnswer, statusError } from './http.ts';
import { blockedResult, ownFinish, WholeAnswerModel, textResult, toMessages } from './messages.ts';
import type { HttpSettings } from './settings.ts';
import { fillTemplate, type TemplateValues, valueAt } from './template.ts';

export interface HttpModelOptions {
  readonly modelId: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly settings: HttpSettings;
  readonly client: HttpClient;
}

/** The values that templates and commands get of a call. */
export function templateValues(model: string, call: LanguageModelV4CallOptions): TemplateValues {
  const messages = toMessages(call.prompt);
  return {
    prompt: messages.at(-1)?.content ?? '',
    system: messages
      .filter(({ role }) => role === 'system')
      .map(({ content }) => content)
      .join('\n\n'),
    messages,
    history: messages.slice(0, -1),
    model,
    maxTokens: call.maxOutputTokens ?? null,
    temperature: call.temperature ?? null,
    topP: call.topP ?? null,
    seed: call.seed ?? null,
  };
}

export class HttpModel extends WholeAnswerModel {
  readonly provider = 'http';
  readonly #options: HttpModelOptions;

  constructor(options: HttpModelOptions) {
    super(options.modelId);
    this.#options = options;
  }

  /** Errors: those of `HttpClient.send`; `APICallError` for another status than 2xx, or an answer without the text. */
  async doGenerate(call: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const { url, headers, settings, client } = this.#options;
    const filled = fillTemplate(settings.body, templateValues(this.modelId, call));
    const isText = typeof settings.body === 'string';
    const response = await client.send({
      url,
      method: settings.method,
      headers: { 'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json', ...headers },
      body: isText ? String(filled) : JSON.stringify(filled),
      signal: call.abortSignal,
    });
    if (response.status < 200 || response.status >= 300) throw statusError(url, response);
    return this.#read(response.body);
  }

  #read(body: string): LanguageModelV4GenerateResult {
    const { url, settings } = this.#options;
    const unknown = { input: undefined, output: undefined };
    if (settings.response === undefined && settings.finish === undefined)
      return textResult(body, ownFinish(undefined), unknown);
    const json = parseAnswer(url, body);
    const finish = settings.finish === undefined ? undefined : valueAt(json, settings.finish);
    const raw = finish === undefined || finish === null ? undefined : String(finish);
    if (raw !== undefined && settings.blocked.includes(raw)) return blockedResult(raw);
    const text = settings.response === undefined ? body : valueAt(json, settings.response);
    if (typeof text !== 'string') throw malformed(url, `the answer has no text at '${settings.response}'`);
    return textResult(text, ownFinish(raw), unknown);
  }
}
