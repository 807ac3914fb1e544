/** Suffixes of a message by the gradients of an embedded model, in the form of its chat. */
import type { Message } from '../core/records.ts';
import type { Adapter } from '../engine/adapter.ts';
import type { LoadedModel } from '../engine/model.ts';
import { SuffixSearch } from '../engine/suffix.ts';
import type { SuffixSettings } from './target.ts';

/** The last message ends with the suffix to begin with, in exclamation marks. The best one so far, after each step. */
export async function* suffixes(
  model: LoadedModel,
  adapter: { readonly adapter: Adapter; readonly strength: number } | null,
  messages: readonly Message[],
  wanted: string,
  settings: SuffixSettings,
): AsyncGenerator<string> {
  const last = messages.at(-1)!.content;
  const [first] = /(?: !)*$/.exec(last)!;
  const request = last.slice(0, last.length - first.length);
  const prompted = (suffix: string): number[] =>
    model.tokenizer.encodeChat([...messages.slice(0, -1), { role: 'user', content: request + suffix }]);
  await using search = await SuffixSearch.create(model, adapter);
  for await (const { text } of search.search(prompted, first, wanted, settings)) yield text;
}
