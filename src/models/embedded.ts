/** The engine as an AI SDK language model: calls that are in flight together share its batch. */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import type { Message } from '../core/records.ts';
import type { Generator } from '../engine/generator.ts';

const DEFAULT_MAX_TOKENS = 256;

/** Text of a prompt in the AI SDK's form; parts that are not text are not for this model. */
function toMessages(prompt: LanguageModelV4CallOptions['prompt']): Message[] {
  return prompt.flatMap((message): Message[] => {
    if (message.role === 'tool') return [];
    if (typeof message.content === 'string') return [{ role: message.role, content: message.content }];
    const text = message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
    return [{ role: message.role, content: text }];
  });
}

export class EmbeddedLanguageModel implements LanguageModelV4 {
  readonly specificationVersion = 'v4';
  readonly provider = 'embedded';
  readonly modelId: string;
  readonly supportedUrls = {};
  readonly #generator: Generator;

  constructor(modelId: string, generator: Generator) {
    this.modelId = modelId;
    this.#generator = generator;
  }

  async doGenerate(options: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const { tokenizer } = this.#generator.model;
    const prompt = tokenizer.encodeChat(toMessages(options.prompt));
    const { tokens, finish } = await this.#generator.generate({
      prompt,
      maxTokens: options.maxOutputTokens ?? DEFAULT_MAX_TOKENS,
      ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
      ...(options.topP === undefined ? {} : { topP: options.topP }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.abortSignal ? { signal: options.abortSignal } : {}),
    });
    return {
      content: [{ type: 'text', text: tokenizer.decode(tokens) }],
      finishReason: { unified: finish, raw: finish },
      usage: {
        inputTokens: { total: prompt.length, noCache: prompt.length, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: tokens.length, text: tokens.length, reasoning: 0 },
      },
      warnings: [],
    };
  }

  /** The whole answer as one part: a batch step serves all callers, so there is nothing earlier to give. */
  async doStream(options: LanguageModelV4CallOptions) {
    const { content, finishReason, usage, warnings } = await this.doGenerate(options);
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
    return { stream: ReadableStream.from(parts) as ReadableStream<LanguageModelV4StreamPart> };
  }
}
