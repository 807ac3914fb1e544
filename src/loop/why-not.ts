/** Why no example came of a conversation, by what curation noted and by what the register says of its findings. */
import type { LeftOut } from '../curation/left-out.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';
import type { RegisteredFinding, Store } from '../store/store.ts';
import { feeds } from './register-data.ts';

/** What a round that never met the conversation itself would say of the finding; null: it takes it in. */
function byRegister(entry: RegisteredFinding): string | null {
  const { finding, status, duplicateOf, note } = entry;
  if (status === 'dismissed') return `it is dismissed${note === undefined ? '' : ` (${note})`}`;
  if (duplicateOf !== undefined) return `finding ${duplicateOf} stands for it`;
  if (finding.kind === 'over-refusal')
    return 'a refused look-alike has no good answer to learn, but with curation.reviser';
  if (!leavesById(loadTaxonomy(BUILT_IN.taxonomy)).has(finding.category))
    return `no decline is known for its category, ${finding.category}: none of the taxonomy`;
  if (!feeds(entry))
    return `it is ${status}: a round learns from its own findings, from confirmed ones (temper findings confirm ${finding.id}) and from imports`;
  return null;
}

/** A sentence each. Those of datasets come first; the register is asked where no dataset met the conversation. */
export async function whyNot(
  store: Store,
  conversation: string,
  findings: readonly RegisteredFinding[],
): Promise<string[]> {
  const told: string[] = [];
  for (const { id, details } of await store.datasets()) {
    const { left = [] } = (details ?? {}) as { left?: readonly LeftOut[] };
    const found = left.find((each) => each.conversation === conversation);
    if (!found) continue;
    const like = found.like === undefined || found.like === '' ? '' : `; like ${found.like}`;
    told.push(`not in dataset ${id}: ${found.reason}${like}`);
  }
  if (told.length > 0) return told;
  const reasons = new Set(findings.map(byRegister).filter((reason) => reason !== null));
  return reasons.size > 0 ? [...reasons] : ['no dataset was curated since, or that was by an older temper'];
}
