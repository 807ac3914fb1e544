/** What people decided about examples: rejected ones are left out, edited ones take the place of what was made. */
import { contentHash } from '../core/ids.ts';
import type { PreferenceExample } from '../core/records.ts';
import type { Quarantined } from './firewall.ts';

/** The last word on an example. */
export type ExampleReview =
  | { readonly decision: 'accept' | 'undecided'; readonly reason?: string | undefined }
  | { readonly decision: 'reject'; readonly reason?: string | undefined }
  | {
      readonly decision: 'edit';
      readonly reason?: string | undefined;
      /** Texts of the two answers; an empty `rejected` serves SFT alone. */
      readonly chosen: string;
      readonly rejected: string;
    };

/** By the id that the example has as it is made. */
export type ExampleReviews = ReadonlyMap<string, ExampleReview & { readonly author: string }>;

/** The id that reviews go by: that of the example as it was made. */
export const reviewedAs = ({ id, lineage }: Pick<PreferenceExample, 'id' | 'lineage'>): string =>
  lineage.edits ?? id;

export function reviewed(
  made: readonly PreferenceExample[],
  reviews: ExampleReviews,
): { examples: PreferenceExample[]; rejected: Quarantined[] } {
  const examples: PreferenceExample[] = [];
  const rejected: Quarantined[] = [];
  for (const example of made) {
    const review = reviews.get(example.id);
    if (review?.decision === 'reject')
      rejected.push({
        example: example.id,
        reason: `rejected by ${review.author}${review.reason ? `: ${review.reason}` : ''}`,
        like: example.id,
      });
    else if (review?.decision === 'edit') examples.push(edited(example, review, review.author));
    else examples.push(example);
  }
  return { examples, rejected };
}

/** The example with a person's words; its lineage says whose, and what it was. */
export function edited(
  example: PreferenceExample,
  texts: Pick<Extract<ExampleReview, { decision: 'edit' }>, 'chosen' | 'rejected'>,
  author: string,
): PreferenceExample {
  const answer = (content: string) => [{ role: 'assistant' as const, content }];
  const by = `person:${author}`;
  const { prompt, lineage } = example;
  const chosen = answer(texts.chosen);
  const rejected = answer(texts.rejected);
  const same = (a: unknown, b: unknown): boolean => contentHash(a) === contentHash(b);
  return {
    ...example,
    id: contentHash({ prompt, chosen, rejected }),
    chosen,
    rejected,
    lineage: {
      ...lineage,
      edits: example.id,
      chosenBy: same(chosen, example.chosen) ? lineage.chosenBy : by,
      rejectedBy: same(rejected, example.rejected) ? lineage.rejectedBy : texts.rejected === '' ? 'none' : by,
    },
  };
}
