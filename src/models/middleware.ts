/** Middleware in the AI SDK's form, and what puts it around a model. */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Middleware,
} from '@ai-sdk/provider';
import { contentHash } from '../core/ids.ts';
import type { AnswerCache } from '../store/answers.ts';
import { resultText, streamOf, textResult } from './messages.ts';
import type { Usage } from './usage.ts';

/**
 * The model with middleware around it, the first outermost. Only `transformParams` and `wrapGenerate` are used; a stream
 * gives the whole answer as one part, so that the same limits, retries and cache hold for it.
 */
export function wrap(
  model: LanguageModelV4,
  middleware: readonly LanguageModelV4Middleware[],
): LanguageModelV4 {
  return middleware.toReversed().reduce((inner, { transformParams, wrapGenerate }): LanguageModelV4 => {
    const doGenerate = async (options: LanguageModelV4CallOptions) => {
      const params =
        (await transformParams?.({ type: 'generate', params: options, model: inner })) ?? options;
      const generate = () => inner.doGenerate(params);
      if (!wrapGenerate) return generate();
      return wrapGenerate({
        doGenerate: generate,
        doStream: () => inner.doStream(params),
        params,
        model: inner,
      });
    };
    return {
      specificationVersion: 'v4',
      provider: inner.provider,
      modelId: inner.modelId,
      supportedUrls: inner.supportedUrls,
      doGenerate,
      doStream: async (options) => streamOf(await doGenerate(options)),
    };
  }, model);
}

/** What is kept of an answer. */
interface Kept {
  readonly text: string;
  readonly finish: 'stop' | 'length';
  readonly input?: number;
  readonly output?: number;
}

/**
 * Answers from the disk where the same model was asked the same. Only whole answers are kept: a failure, and what a
 * filter stopped, is asked again. `identity` covers all that shapes answers but the call's own settings.
 */
export function cached(cache: AnswerCache, identity: string, usage: Usage): LanguageModelV4Middleware {
  return {
    specificationVersion: 'v4',
    async wrapGenerate({ doGenerate, params }) {
      const { abortSignal: _signal, headers: _headers, ...asked } = params;
      const key = contentHash({ model: identity, asked });
      const known = cache.get(key);
      if (known !== undefined) {
        usage.cached++;
        const { text, finish, input, output } = JSON.parse(known) as Kept;
        return textResult(text, { unified: finish, raw: 'cached' }, { input, output });
      }
      const result = await doGenerate();
      const { unified } = result.finishReason;
      if (unified === 'stop' || unified === 'length') {
        const { inputTokens, outputTokens } = result.usage;
        const kept = {
          text: resultText(result),
          finish: unified,
          input: inputTokens.total,
          output: outputTokens.total,
        };
        cache.set(key, JSON.stringify(kept));
      }
      return result;
    },
  };
}

/** Leaves out what says nothing: some providers refuse `topP` beside a temperature. */
export const withoutDefaults: LanguageModelV4Middleware = {
  specificationVersion: 'v4',
  transformParams: ({ params }) => {
    const { topP, ...rest } = params;
    return Promise.resolve(topP === undefined || topP === 1 ? rest : params);
  },
};
