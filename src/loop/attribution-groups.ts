/** A dataset's examples in groups that can be left out. */
import type { PreferenceExample } from '../core/records.ts';
import { arrange, type Described } from '../findings/cluster.ts';
import type { Store } from '../store/store.ts';

export const GROUP_BY = ['category', 'cluster', 'source'] as const;
/** category, cluster: of what is declined; what teaches to answer is a group for each purpose. */
export type GroupBy = (typeof GROUP_BY)[number];

export interface Group {
  readonly name: string;
  /** Of all its examples; null: of several. */
  readonly purpose: PreferenceExample['purpose'] | null;
  readonly category: string | null;
  readonly ids: ReadonlySet<string>;
}

const TAUGHT = { benign: 'answers to look-alikes', general: 'everyday answers' } as const;

/** What is asked in plain words, where its scenario is in the store; else the last message. */
async function objectiveOf(store: Store, { lineage, prompt }: PreferenceExample): Promise<string> {
  const { conversation } = lineage;
  const stored = conversation === undefined ? null : await store.conversation(conversation);
  return stored?.scenario.objective ?? prompt.at(-1)!.content;
}

/** Names of clusters of alike requests, by example. */
async function clustersOf(
  store: Store,
  examples: readonly PreferenceExample[],
): Promise<Map<string, string>> {
  const described = await Promise.all(
    examples.map(async (example): Promise<Described> => {
      const { id, category } = example;
      const finding = {
        id,
        category,
        kind: 'harm' as const,
        conversation: '',
        scenario: '',
        verdict: '',
        turn: 0,
      };
      return {
        entry: { finding, status: 'new', source: '', replays: 0, reproduced: 0 },
        objective: await objectiveOf(store, example),
        request: '',
        target: '',
      };
    }),
  );
  return new Map([...arrange(described)].map(([id, { cluster }]) => [id, cluster]));
}

/** The groups, the largest first; every example is in one. */
export async function groupsOf(
  store: Store,
  examples: readonly PreferenceExample[],
  by: GroupBy,
): Promise<Group[]> {
  const declined = examples.filter(({ purpose }) => purpose === 'harm');
  const clusters = by === 'cluster' ? await clustersOf(store, declined) : null;
  const nameOf = ({ id, purpose, category, lineage }: PreferenceExample): string => {
    if (by === 'source') return lineage.source;
    return purpose === 'harm' ? (clusters?.get(id) ?? category) : TAUGHT[purpose];
  };
  return [...Map.groupBy(examples, nameOf)]
    .map(([name, members]) => ({
      name,
      purpose: same(members.map(({ purpose }) => purpose)),
      category: same(members.map(({ category }) => category)),
      ids: new Set(members.map(({ id }) => id)),
    }))
    .sort((a, b) => b.ids.size - a.ids.size || (a.name < b.name ? -1 : 1));
}

const same = <T>(values: readonly T[]): T | null =>
  values.every((value) => value === values[0]) ? (values[0] ?? null) : null;
