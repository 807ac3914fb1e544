/** The register of findings, put in order: clusters with names, duplicates under the one that stands for them. */
import { type Arranged, arrange, type Described } from '../findings/cluster.ts';
import type { FindingChange, RegisteredFinding, Store } from '../store/store.ts';

/** A finding with the words that it is known by. */
export async function described(store: Store): Promise<Described[]> {
  const all: Described[] = [];
  for await (const entry of store.register()) {
    const stored = await store.conversation(entry.finding.conversation);
    if (!stored) continue;
    const { scenario, conversation } = stored;
    const turn = conversation.turns.find(({ index }) => index === entry.finding.turn);
    all.push({
      entry,
      objective: scenario.objective,
      request: turn?.request ?? '',
      target: conversation.target,
    });
  }
  return all;
}

/** Writes what changed. */
export async function organise(store: Store): Promise<ReadonlyMap<string, Arranged>> {
  const all = await described(store);
  const arranged = arrange(all);
  const changes = new Map<string, FindingChange>();
  for (const { entry } of all) {
    const { cluster, duplicateOf = null } = arranged.get(entry.finding.id)!;
    if (entry.cluster !== cluster || (entry.duplicateOf ?? null) !== duplicateOf)
      changes.set(entry.finding.id, { cluster, duplicateOf });
  }
  if (changes.size > 0) await store.changeFindings(changes);
  return arranged;
}

/** The register in order of urgency, with the latest clusters. */
export async function registerOf(store: Store): Promise<RegisteredFinding[]> {
  await organise(store);
  return Array.fromAsync(store.register());
}
