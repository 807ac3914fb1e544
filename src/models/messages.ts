/** Between the AI SDK's prompts and results and the plain messages and texts of the models that are written here. */
import { ReadableStream as NodeStream } from 'node:stream/web';
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
} from '@ai-sdk/provider';
import type { Message } from '../core/records.ts';

/** Text of a prompt in the AI SDK's form; parts that are not text are not for these models. */
export function toMessages(prompt: LanguageModelV4CallOptions['prompt']): Message[] {
  return prompt.flatMap((message): Message[] => {
    if (message.role === 'tool') return [];
    if (typeof message.content === 'string') return [{ role: message.role, content: message.content }];
    const text = message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
    return [{ role: message.role, content: text }];
  });
}

export interface TextUsage {
  readonly input: number | undefined;
  readonly output: number | undefined;
}

/** Why an answer ended, in the words of chat servers and services. */
const FINISH: Readonly<Record<string, LanguageModelV4FinishReason['unified']>> = {
  stop: 'stop',
  eos: 'stop',
  eos_token: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  length: 'length',
  max_tokens: 'length',
  model_length: 'length',
  content_filter: 'content-filter',
  tool_calls: 'tool-calls',
  error: 'error',
  abort: 'error',
  aborted: 'error',
  cancelled: 'error',
  timeout: 'error',
};

/** What a reason means; undefined for one that is not known. */
export const finishOf = (reason: string): LanguageModelV4FinishReason['unified'] | undefined =>
  Object.hasOwn(FINISH, reason) ? FINISH[reason] : undefined;

/** The reason of a service that has its own words: one that is not known says nothing, so it makes no answer of an empty text. */
export function ownFinish(reason: string | undefined): LanguageModelV4FinishReason {
  const unified = reason === undefined ? undefined : finishOf(reason);
  return unified === undefined ? { unified: 'stop', raw: undefined } : { unified, raw: reason };
}

/** A result that is one text. Tokens undefined = not reported. */
export function textResult(
  text: string,
  finishReason: LanguageModelV4FinishReason,
  { input, output }: TextUsage,
): LanguageModelV4GenerateResult {
  return {
    content: text === '' ? [] : [{ type: 'text', text }],
    finishReason,
    usage: {
      inputTokens: { total: input, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: output, text: undefined, reasoning: undefined },
    },
    warnings: [],
  };
}

/** What a content filter of the provider leaves: no answer, and the reason. */
export const blockedResult = (reason: string): LanguageModelV4GenerateResult =>
  textResult('', { unified: 'content-filter', raw: reason }, { input: undefined, output: undefined });

/** The texts of a result, joined. */
export const resultText = ({ content }: LanguageModelV4GenerateResult): string =>
  content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');

/** A whole answer as a stream of one part, for models that have nothing earlier to give. */
export function streamOf(result: LanguageModelV4GenerateResult): LanguageModelV4StreamResult {
  const { content, finishReason, usage, warnings } = result;
  const parts: LanguageModelV4StreamPart[] = [{ type: 'stream-start', warnings }];
  for (const part of content) {
    if (part.type !== 'text') continue;
    parts.push(
      { type: 'text-start', id: '0' },
      { type: 'text-delta', id: '0', delta: part.text },
      { type: 'text-end', id: '0' },
    );
  }
  parts.push({ type: 'finish', finishReason, usage });
  return { stream: NodeStream.from(parts) as ReadableStream<LanguageModelV4StreamPart> };
}

/** A model of texts that gives its answers whole: there is nothing earlier to stream. */
export abstract class WholeAnswerModel implements LanguageModelV4 {
  readonly specificationVersion = 'v4';
  readonly supportedUrls = {};
  abstract readonly provider: string;
  readonly modelId: string;

  constructor(modelId: string) {
    this.modelId = modelId;
  }

  abstract doGenerate(call: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult>;

  async doStream(call: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    return streamOf(await this.doGenerate(call));
  }
}
