/** What people did by hand that a round respects: examples rejected and edited, findings dismissed, findings of their own. */
import { contentHash } from '../core/ids.ts';
import type { Finding } from '../core/records.ts';
import type { ExampleReview, ExampleReviews } from '../curation/reviews.ts';
import type { Judged } from '../metrics/conversation.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';
import type { Note, Store } from '../store/store.ts';

/** Kinds of note that a round reads. */
export const EXAMPLE_NOTE = 'example';
export const FINDING_NOTE = 'finding';

export interface FindingReview {
  readonly status: 'open' | 'confirmed' | 'dismissed';
  readonly reason?: string | undefined;
  /** It was made by a person, in the console: no scenario of the suites leads to it. */
  readonly byHand?: boolean | undefined;
  readonly severity?: number | undefined;
}

/** The last note on each subject. */
export const latest = <T>(notes: readonly Note<T>[]): Map<string, Note<T>> =>
  new Map(notes.map((note) => [note.subject, note]));

export interface People {
  /** Hash of all that changes what is curated; null where nothing does. */
  readonly id: string | null;
  readonly reviews: ExampleReviews;
  /** Ids of findings that are none. */
  readonly dismissed: ReadonlySet<string>;
  /** Found by hand, with their findings. */
  readonly byHand: readonly { readonly judged: Judged; readonly finding: Finding }[];
  /** Categories of findings by hand that the taxonomy has no decline for: nothing is learnt from them. */
  readonly unknown: readonly string[];
}

export async function loadPeople(store: Store): Promise<People> {
  const examples = [...latest(await store.notes<ExampleReview>(EXAMPLE_NOTE)).values()];
  const findings = [...latest(await store.notes<FindingReview>(FINDING_NOTE)).values()];
  const changing = examples.filter(
    ({ record }) => record.decision === 'reject' || record.decision === 'edit',
  );
  // The register has the last word, as findings are dismissed on the command line too.
  const dismissed: string[] = [];
  for await (const { finding } of store.register({ status: 'dismissed' })) dismissed.push(finding.id);
  const hand = findings.filter(({ record, subject }) => record.byHand && !dismissed.includes(subject));
  const byHand: { judged: Judged; finding: Finding }[] = [];
  const unknown: string[] = [];
  const leaves = leavesById(loadTaxonomy(BUILT_IN.taxonomy));
  for (const { subject } of hand) {
    const { finding } = ((await store.find(subject)) ?? {}) as { finding?: Finding };
    const stored = finding ? await store.conversation(finding.conversation) : null;
    // What the store no longer has cannot be learnt from.
    if (!finding || !stored) continue;
    if (leaves.has(finding.category)) byHand.push({ finding, judged: { ...stored, verdicts: [] } });
    else unknown.push(finding.category);
  }
  const parts = [
    ...changing.map(({ subject, record }) => ({ example: subject, record })),
    ...dismissed.map((id) => ({ dismissed: id })),
    ...byHand.map(({ finding }) => ({ byHand: finding.id })),
  ].map(contentHash);
  return {
    id: parts.length === 0 ? null : contentHash({ people: parts.sort() }),
    reviews: new Map(changing.map(({ subject, author, record }) => [subject, { ...record, author }])),
    dismissed: new Set(dismissed),
    byHand,
    unknown,
  };
}

/** What broke, as people see it. */
export const decided = (
  { byHand, dismissed, reviews }: People,
  judged: readonly Judged[],
  findings: readonly Finding[],
) => ({
  judged: [...judged, ...byHand.map((one) => one.judged)],
  findings: [...findings, ...byHand.map((one) => one.finding)].filter(({ id }) => !dismissed.has(id)),
  reviews,
});

/** `people: 2 examples edited, 1 rejected, 1 finding dismissed, 3 found by hand`; null where there is nothing to tell. */
export function peopleText({ reviews, dismissed, byHand, unknown }: People): string | null {
  const count = (decision: string): number =>
    [...reviews.values()].filter((review) => review.decision === decision).length;
  const parts: [number, string][] = [
    [count('edit'), 'examples edited'],
    [count('reject'), 'examples rejected'],
    [dismissed.size, 'findings dismissed'],
    [byHand.length, 'findings made by hand'],
    [unknown.length, `by hand of no category of the taxonomy, passed over (${unknown.join(', ')})`],
  ];
  const some = parts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`);
  return some.length === 0 ? null : `what people decided is respected: ${some.join(', ')}`;
}
