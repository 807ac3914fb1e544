/** What conversations are chosen by. */
export const FACETS = [
  'kind',
  'category',
  'outcome',
  'attack',
  'row',
  'turns',
  'harmTurn',
  'split',
  'language',
  'target',
  'judge',
  'disagree',
  'suite',
] as const;
export type Facet = (typeof FACETS)[number];
