/** How a preference example comes by its id. */
import { contentHash } from '../core/ids.ts';
import type { PreferenceExample } from '../core/records.ts';

/** An example under the hash of all that is learnt from it. An empty `cut` is none. */
export function preferenceExample({ cut = [], ...parts }: Omit<PreferenceExample, 'id'>): PreferenceExample {
  const { prompt, chosen, rejected } = parts;
  const ends = cut.length > 0 ? { cut } : {};
  return { id: contentHash({ prompt, chosen, rejected, ...ends }), ...parts, ...ends };
}
