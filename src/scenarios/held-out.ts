/** Which items of the dev suites are kept from training, for choosing among candidates: an objective and its look-alikes go the same way. */
import { contentHash } from '../core/ids.ts';
import type { Suite, SuiteItem } from './suite.ts';

/** Items that partners join, by key, whichever of two names the other. */
interface Group {
  readonly keys: Set<string>;
  readonly items: SuiteItem[];
}

function groups(suites: readonly Suite[]): Group[] {
  const byKey = new Map<string, Group>();
  for (const item of suites.flatMap(({ items }) => items)) {
    const named = 'partner' in item && item.partner !== undefined ? [item.partner] : [];
    const joined = [...new Set([item.key, ...named].flatMap((key) => byKey.get(key) ?? []))];
    const group: Group = {
      keys: new Set([item.key, ...named, ...joined.flatMap(({ keys }) => [...keys])]),
      items: [...joined.flatMap(({ items }) => items), item],
    };
    for (const key of group.keys) byKey.set(key, group);
  }
  return [...new Set(byKey.values())];
}

/** What is held out in the same share each: otherwise chance may leave one of them nearly out of the choice. */
function stratum({ items }: Group): string {
  const [first] = items as [SuiteItem];
  if (!('task' in first)) return first.kind;
  return `${first.task} ${items.length > 1 ? 'paired' : `${first.kind} alone`}`;
}

/**
 * Keys of the items that are held out: of each task, of pairs and of items alone, those whose hash is lowest, so that an item more
 * changes little; at least one of two. `share`: 0 to 1, by kind.
 */
export function heldOut(
  suites: readonly Suite[],
  share: (kind: SuiteItem['kind']) => number,
): ReadonlySet<string> {
  const held = [...Map.groupBy(groups(suites), stratum).values()].flatMap((some) => {
    const part = share(some[0]!.items[0]!.kind);
    // Of two at least one, however small the share: without any nothing could be chosen.
    const least = part > 0 && some.length > 1 ? 1 : 0;
    return some
      .map((group) => ({ group, hash: contentHash({ holdout: [...group.keys].sort() }) }))
      .sort((a, b) => (a.hash < b.hash ? -1 : 1))
      .slice(0, Math.max(least, Math.round(some.length * part)));
  });
  return new Set(held.flatMap(({ group }) => [...group.keys]));
}
