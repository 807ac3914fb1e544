/** The scorecard of a command: what was counted, and what a model that played the user spoilt. */
import type { Judged } from '../metrics/conversation.ts';
import { buildScorecard, type Scorecard, type ScorecardInput } from '../metrics/scorecard.ts';

/** `simulator invalid: 3 of 40 conversations (2 refused, 1 role), unscored`; null if none is. */
export function invalidText(judged: readonly Judged[], of = 'conversations'): string | null {
  const kinds = new Map<string, number>();
  for (const { conversation } of judged)
    if (conversation.invalid)
      kinds.set(conversation.invalid.kind, (kinds.get(conversation.invalid.kind) ?? 0) + 1);
  if (kinds.size === 0) return null;
  const counts = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => `${count} ${kind}`);
  const all = [...kinds.values()].reduce((sum, count) => sum + count, 0);
  return `simulator invalid: ${all} of ${judged.length} ${of} (${counts.join(', ')}), unscored`;
}

export function scorecardOf(input: ScorecardInput): Scorecard {
  const { about, before, after } = input;
  const arm = (name: string): string => `conversations${after ? ` ${name}` : ''}`;
  const spoilt = [invalidText(before, arm('before')), after ? invalidText(after, arm('after')) : null];
  const notes = [...(about.notes ?? []), ...spoilt.filter((text) => text !== null)];
  return buildScorecard({ ...input, about: { ...about, ...(notes.length > 0 ? { notes } : {}) } });
}
