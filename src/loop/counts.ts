/** What a dataset is made of, in words for people. */
import type { CuratedDataset } from '../curation/curate.ts';

/** Of `Lineage.source`; in the order in which they are told. */
const SOURCES: Readonly<Record<string, string>> = {
  finding: 'from findings',
  unrefused: 'answered without harm though asked for it',
  declined: 'declined by itself',
  augmentation: 'further dev requests',
  'look-alike': 'look-alikes',
  'over-refusal': 'answers to what was refused by mistake',
  general: 'everyday',
  import: 'imported',
};

/** `526 examples: 43 from findings, ..., 111 everyday; 36 removed` */
export function countsText({
  examples,
  counts,
  removed,
}: Pick<CuratedDataset, 'counts'> & Record<'examples' | 'removed', readonly unknown[]>): string {
  const known = Object.keys(SOURCES).filter((source) => counts[source] !== undefined);
  const other = Object.keys(counts).filter((source) => !Object.hasOwn(SOURCES, source));
  const parts = [...known, ...other].map((source) => `${counts[source]} ${SOURCES[source] ?? source}`);
  const from = parts.length > 0 ? `: ${parts.join(', ')}` : '';
  return `${examples.length} examples${from}; ${removed.length} removed (guarded text, duplicate or personal data)`;
}
