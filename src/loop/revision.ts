/** What a model makes of a round's answers before they are learnt: better declines, and answers where the target refused by mistake. */
import type { Emit } from '../core/events.ts';
import type { PreferenceExample } from '../core/records.ts';
import { type CuratedDataset, type CurationOptions, datasetOf } from '../curation/curate.ts';
import { type ExampleReviews, reviewed } from '../curation/reviews.ts';
import { beginAnswers, type BegunTools } from '../curation/begun.ts';
import {
  answerOverRefusals,
  refusedByMistake,
  reviseDeclines,
  reviserId,
  type ReviserTools,
} from '../curation/reviser.ts';
import { DECLINE_WRITER } from '../curation/writers.ts';
import type { Judged } from '../metrics/conversation.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';

const STAGE = 'revise';

const progress =
  (emit: Emit, total: number) =>
  (done: number): void =>
    emit({ type: 'progress', stage: STAGE, done, total, unit: 'answers' });

function tell(emit: Emit, what: string, count: number, kept: Readonly<Record<string, number>>): void {
  const left = Object.entries(kept).map(([reason, n]) => `${n}: ${reason}`);
  const message = `${count} ${what}${left.length === 0 ? '' : `; not taken over: ${left.join('; ')}`}`;
  emit({ type: 'note', level: 'info', message });
}

/** Examples from harmless requests that the target refused. Errors: those that end the reviser's or the judge's work. */
export async function answersDue(
  judged: readonly Judged[],
  tools: ReviserTools,
  emit: Emit,
): Promise<readonly PreferenceExample[]> {
  const { revised, kept } = await answerOverRefusals(judged, tools, progress(emit, judged.length));
  tell(emit, 'answers written for what was refused by mistake', revised.length, kept);
  return revised;
}

/** The same without a reviser: the target's own answers, begun for it; none where it cannot be begun. Errors: its and the judge's. */
export async function answersBegun(
  judged: readonly Judged[],
  tools: BegunTools,
  emit: Emit,
): Promise<readonly PreferenceExample[]> {
  const refused = refusedByMistake(judged).length;
  if (refused === 0 || tools.target.prefills !== true) return [];
  const { revised, kept } = await beginAnswers(judged, tools, progress(emit, refused));
  tell(
    emit,
    `of ${refused} refusals by mistake answered, with the answer begun for the target`,
    revised.length,
    kept,
  );
  return revised;
}

/** The dataset with revised declines; what people decided about those holds, too. Errors: as above. */
export async function withRevisedDeclines(
  dataset: CuratedDataset,
  options: CurationOptions,
  reviews: ExampleReviews,
  tools: ReviserTools,
  emit: Emit,
): Promise<CuratedDataset> {
  const leaves = leavesById(loadTaxonomy(BUILT_IN.taxonomy));
  const { examples, removed, left } = dataset;
  const { revised, kept } = await reviseDeclines(
    examples,
    DECLINE_WRITER,
    (category) => leaves.get(category)?.definition,
    tools,
    progress(emit, examples.length),
  );
  const by = reviserId(tools.role);
  const count = revised.filter(({ lineage }) => lineage.chosenBy === by).length;
  tell(emit, 'declines revised', count, kept);
  const { examples: passed, rejected } = reviewed(revised, reviews);
  const reasons = new Map(rejected.map(({ example, reason }) => [example, reason]));
  const gone = revised.flatMap(({ id, lineage: { conversation, finding } }) =>
    conversation !== undefined && reasons.has(id)
      ? [{ conversation, ...(finding === undefined ? {} : { finding }), reason: reasons.get(id)! }]
      : [],
  );
  return datasetOf(passed, [...removed, ...rejected], options, [...left, ...gone]);
}
