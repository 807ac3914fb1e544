/** What of the register of findings a round learns from, and what it must not learn from. */
import { contentHash } from '../core/ids.ts';
import type { Scenario } from '../core/records.ts';
import type { Registered } from '../curation/curate.ts';
import { splitOf } from '../dialogue/attacks/index.ts';
import { technique } from '../dialogue/strategies/index.ts';
import type { RegisteredFinding, Store } from '../store/store.ts';

export interface RegisterData {
  readonly findings: readonly Registered[];
  /** Of what is in it; null where that is nothing, and the round is what it is without a register. */
  readonly id: string | null;
  /** What was passed over, by reason. */
  readonly passedOver: Readonly<Record<string, number>>;
}

export const NO_REGISTER: RegisterData = {
  findings: [],
  id: null,
  passedOver: {},
};

/** Findings that the rounds of a chain made themselves: see `feeds`. */
export const ROUND_SOURCE = 'round:';

const isImport = ({ source }: RegisteredFinding): boolean => source.startsWith('import:');

/**
 * Confirmed findings and what other tools found, unless dismissed. What a round says of a finding (fixed, regressed) never
 * changes whether it feeds, or a round that is continued would not be the one that began.
 */
export function feeds(entry: RegisteredFinding): boolean {
  const { status, source } = entry;
  if (status === 'dismissed') return false;
  if (isImport(entry)) return true;
  return source.startsWith(ROUND_SOURCE) ? status === 'confirmed' : status !== 'new';
}

/** Whether the attack around it belongs to the sealed side, as far as its name says so. */
function isSealed({
  split,
  attack,
  attackFamily,
}: Pick<Scenario, 'split' | 'attack' | 'attackFamily'>): boolean {
  if (split === 'sealed') return true;
  try {
    if (attackFamily !== undefined) return splitOf(attackFamily) === 'sealed';
    return attack !== undefined && technique(attack).split === 'sealed';
  } catch {
    return false; // another tool's attack
  }
}

/**
 * The part of the register that a round takes in. `taken`: the scenarios that it asks itself, whose findings it makes
 * anew, and findings that it has otherwise. `knows`: whether there is a decline for a category.
 */
export async function registerData(
  store: Store,
  taken: Readonly<Record<'scenarios' | 'findings', ReadonlySet<string>>>,
  knows: (category: string) => boolean,
): Promise<RegisterData> {
  const findings: Registered[] = [];
  const passedOver: Record<string, number> = {};
  const passOver = (reason: string): void => {
    passedOver[reason] = (passedOver[reason] ?? 0) + 1;
  };
  for await (const entry of store.register()) {
    const { finding } = entry;
    if (!feeds(entry) || taken.scenarios.has(finding.scenario) || taken.findings.has(finding.id)) continue;
    if (finding.kind !== 'harm') {
      passOver('over-refusals, for which no better answer is known');
      continue;
    }
    if (!knows(finding.category)) {
      passOver('of no category of the taxonomy');
      continue;
    }
    const stored = await store.conversation(finding.conversation);
    if (!stored) {
      passOver('without their conversation');
      continue;
    }
    if (stored.scenario.language !== undefined) {
      passOver('in another language, in which no decline is written');
      continue;
    }
    if (isSealed({ ...stored.conversation, ...stored.scenario })) {
      passOver('of the sealed side');
      continue;
    }
    findings.push({
      judged: { ...stored, verdicts: [] },
      finding,
      saidBy: isImport(entry) ? 'import' : 'target',
    });
  }
  const ids = findings.map(({ finding }) => finding.id);
  return { findings, id: ids.length === 0 ? null : contentHash({ register: ids }), passedOver };
}

/** `the register: 12 findings feed the round; passed over: 3 of no category of the taxonomy`; null if there is nothing to tell. */
export function registerText({ findings, passedOver }: RegisterData): string | null {
  const over = Object.entries(passedOver).map(([reason, count]) => `${count} ${reason}`);
  if (findings.length + over.length === 0) return null;
  return [
    `the register: ${findings.length} findings feed the round`,
    ...(over.length > 0 ? [`passed over: ${over.join(', ')}`] : []),
  ].join('; ');
}
