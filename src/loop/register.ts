/** The register of findings, put in order: clusters with names, duplicates under the one that stands for them. */
import type { Config } from '../config/config.ts';
import { type Arranged, arrange, type Described } from '../findings/cluster.ts';
import type { FindingChange, Store } from '../store/store.ts';
import { Callers, type CallTools } from './callers.ts';
import type { Embedder } from './embedder.ts';
import { openEmbedder } from './roles.ts';

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

/** Writes what changed. Without an embedder words decide. */
async function organised(store: Store, embedder: Embedder | null): Promise<ReadonlyMap<string, Arranged>> {
  const all = await described(store);
  const objectives = all.map(({ objective }) => objective);
  const vectors = embedder && (await embedder.embed(objectives));
  const arranged = arrange(all, vectors && new Map(objectives.map((text, i) => [text, vectors[i]!])));
  const changes = new Map<string, FindingChange>();
  for (const { entry } of all) {
    const { cluster, duplicateOf = null } = arranged.get(entry.finding.id)!;
    if (entry.cluster !== cluster || (entry.duplicateOf ?? null) !== duplicateOf)
      changes.set(entry.finding.id, { cluster, duplicateOf });
  }
  if (changes.size > 0) await store.changeFindings(changes);
  return arranged;
}

/** What clusters were made by, for people. */
export type MadeBy = string;

/**
 * Puts the register in order, by embeddings where the configuration names a model of them. Errors: those of its calls, which
 * change nothing.
 */
export async function organise(store: Store, config: Config, tools: CallTools = {}): Promise<MadeBy> {
  await using resources = new AsyncDisposableStack();
  const callers = resources.use(new Callers(config, tools));
  const embedder = await openEmbedder(config, callers, resources);
  await organised(store, embedder);
  return embedder === null ? 'words' : `embeddings of ${embedder.name}`;
}
