/** What of examples can be balanced, in the order in which it is told. A file of its own, as telling languages loads tables. */
export const DIMENSIONS = ['category', 'language', 'length', 'style'] as const;
export type Dimension = (typeof DIMENSIONS)[number];
