/** The data of a variant: the round's examples, with more of some kinds and fewer of others. */
import type { PreferenceExample } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { Mix } from '../training/mix.ts';

const weightOf = ({ purpose, lineage }: PreferenceExample, { purposes, sources }: Mix): number =>
  (purposes?.[purpose] ?? 1) * (sources?.[lineage.source as keyof NonNullable<Mix['sources']>] ?? 1);

/** Without the kinds that a mix leaves out whole. */
export const taught = (
  examples: readonly PreferenceExample[],
  mix: Mix | undefined,
): readonly PreferenceExample[] =>
  mix ? examples.filter((example) => weightOf(example, mix) > 0) : examples;

/**
 * Each example as often as its purpose and source weigh, the product of both; of a fraction so many of them, the first in an order
 * that each has by its own id: a smaller part lies within a larger one, and leaving others out changes little of it.
 */
export function mixed(
  examples: readonly PreferenceExample[],
  mix: Mix | undefined,
): readonly PreferenceExample[] {
  if (!mix) return examples;
  const times = new Map<PreferenceExample, number>();
  const groups = Map.groupBy(examples, ({ purpose, lineage }) => `${purpose} ${lineage.source}`);
  for (const group of groups.values()) {
    const weight = weightOf(group[0]!, mix);
    const whole = Math.floor(weight);
    const more = Math.round((weight - whole) * group.length);
    const order = group
      .map((example) => ({ example, place: rng('mix', example.id).next() }))
      .sort((a, b) => a.place - b.place || (a.example.id < b.example.id ? -1 : 1));
    for (const [i, { example }] of order.entries()) times.set(example, whole + (i < more ? 1 : 0));
  }
  return examples.flatMap((example) => Array<PreferenceExample>(times.get(example)!).fill(example));
}
