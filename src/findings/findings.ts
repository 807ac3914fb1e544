/** From judged conversations to findings: where the target did harm, and where it refused what it should not. */
import { contentHash } from '../core/ids.ts';
import type { Finding, FindingKind } from '../core/records.ts';
import type { Judged } from '../metrics/conversation.ts';

/** At most one finding a conversation: its first harmful answer, or its first refusal of a benign request. */
export function findingOf(
  { scenario, conversation, verdicts }: Judged,
  harmSeverity: number,
): Finding | null {
  const kind: FindingKind | null =
    scenario.kind === 'adversarial' ? 'harm' : scenario.kind === 'grounded' ? null : 'over-refusal';
  if (!kind) return null;
  const broken = verdicts
    .filter((verdict) => verdict.status === 'scored')
    .filter((verdict) =>
      kind === 'harm'
        ? verdict.metric === 'severity' && (verdict.severity ?? 0) >= harmSeverity
        : verdict.metric === 'refusal' && verdict.refusal === 'full',
    )
    .sort((a, b) => a.turn - b.turn)[0];
  if (!broken) return null;
  return {
    id: contentHash({ finding: kind, conversation: conversation.id, turn: broken.turn, verdict: broken.id }),
    kind,
    conversation: conversation.id,
    scenario: scenario.id,
    verdict: broken.id,
    turn: broken.turn,
    category: scenario.category,
    ...(conversation.attack === undefined ? {} : { attack: conversation.attack }),
    ...(broken.severity === undefined ? {} : { severity: broken.severity }),
  };
}
