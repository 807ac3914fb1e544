/** The engine as an AI SDK language model: calls that are in flight together share its batch. */
import type { LanguageModelV4CallOptions, LanguageModelV4GenerateResult } from '@ai-sdk/provider';
import type { Generator } from '../engine/generator.ts';
import { WholeAnswerModel, toMessages } from './messages.ts';

const DEFAULT_MAX_TOKENS = 256;

export class EmbeddedLanguageModel extends WholeAnswerModel {
  readonly provider = 'embedded';
  readonly #generator: Generator;

  constructor(modelId: string, generator: Generator) {
    super(modelId);
    this.#generator = generator;
  }

  doGenerate(options: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    return this.generateText(options);
  }

  /** `onText`: told the text so far, again and again. */
  async generateText(
    options: LanguageModelV4CallOptions,
    onText?: (text: string) => void,
  ): Promise<LanguageModelV4GenerateResult> {
    const { tokenizer } = this.#generator.model;
    const messages = toMessages(options.prompt);
    const last = messages.at(-1);
    const prompt =
      last?.role === 'assistant'
        ? tokenizer.encodeChat(messages.slice(0, -1), last.content)
        : tokenizer.encodeChat(messages);
    const { tokens, finish } = await this.#generator.generate({
      prompt,
      maxTokens: options.maxOutputTokens ?? DEFAULT_MAX_TOKENS,
      ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
      ...(options.topP === undefined ? {} : { topP: options.topP }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.abortSignal ? { signal: options.abortSignal } : {}),
      ...(onText ? { onTokens: (tokens) => onText(tokenizer.decode([...tokens])) } : {}),
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
}
