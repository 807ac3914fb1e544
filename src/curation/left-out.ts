/** Why nothing of a conversation is in a dataset, for whoever asks what became of a finding. */
import type { Finding, PreferenceExample } from '../core/records.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { Quarantined } from './firewall.ts';
import { hides } from './hidden-words.ts';
import { reviewedAs } from './reviews.ts';

export interface LeftOut {
  readonly conversation: string;
  readonly finding?: string;
  readonly reason: string;
  /** As in `Quarantined`. */
  readonly like?: string;
}

export interface LeftOutInput {
  readonly judged: readonly Judged[];
  readonly findings: readonly Finding[];
  readonly dismissed: ReadonlySet<string>;
  /** As in `CurationOptions`. */
  readonly readable?: readonly string[] | undefined;
  /** All examples that were made, before anything was taken out. */
  readonly made: readonly PreferenceExample[];
  readonly removed: readonly Quarantined[];
  readonly examples: readonly PreferenceExample[];
}

const REASONS = {
  dismissed: 'a person dismissed it: it is no weakness',
  grounded: 'questions on a document teach nothing here',
  failed: 'the answer failed or was blocked by a filter',
  hidden: 'it did no harm under an attack that hides words: the target may not have read it',
  unscored: 'the judge could not score it',
  overRefused:
    'the target refused, and no good answer is known: curation.reviser names a model that writes one',
  unfit: 'no answer of it is fit to be learnt: degenerate, harmful, cut or unscored',
  harm: 'enough declines: curation.harmExamples, or its attack would be declined oftener than answered',
  benign: 'enough look-alikes: curation.benignPerHarm, its category in turn',
  general: 'enough everyday answers: curation.generalPerHarm',
} as const;

/** Of a conversation that no example was made of. */
function unmade(
  { scenario, conversation, verdicts }: Judged,
  finding: Finding | undefined,
  readable: LeftOutInput['readable'],
): string {
  if (scenario.kind === 'grounded') return REASONS.grounded;
  const spoken = conversation.turns[finding?.turn ?? 0];
  if (!spoken || spoken.finish === 'error' || spoken.finish === 'blocked') return REASONS.failed;
  const refusal = verdicts.find(({ turn, metric }) => turn === spoken.index && metric === 'refusal');
  if (scenario.kind === 'adversarial')
    return refusal?.status === 'scored' && hides(scenario.attack, readable)
      ? REASONS.hidden
      : REASONS.unscored;
  const refused = refusal?.status === 'scored' && refusal.refusal === 'full';
  return refused ? REASONS.overRefused : REASONS.unfit;
}

/** Every conversation that could have taught something and did not. */
export function leftOut(input: LeftOutInput): LeftOut[] {
  const held = new Set(input.examples.map(({ lineage }) => lineage.conversation));
  const made = Map.groupBy(input.made, ({ lineage }) => lineage.conversation);
  const removed = new Map(input.removed.map((each) => [each.example, each]));
  const findings = new Map(input.findings.map((finding) => [finding.conversation, finding]));
  return input.judged.flatMap((one): LeftOut[] => {
    const { id } = one.conversation;
    if (held.has(id)) return [];
    const finding = findings.get(id);
    const about = { conversation: id, ...(finding ? { finding: finding.id } : {}) };
    if (input.dismissed.has(id)) return [{ ...about, reason: REASONS.dismissed }];
    const [example] = made.get(id) ?? [];
    if (!example) return [{ ...about, reason: unmade(one, finding, input.readable) }];
    const why = removed.get(example.id) ?? removed.get(reviewedAs(example));
    if (why) return [{ ...about, reason: why.reason, like: why.like }];
    return [{ ...about, reason: REASONS[example.purpose] }];
  });
}
