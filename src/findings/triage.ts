/** What to look at first: severity by frequency, cluster by cluster; and what replays say of a finding. */
import type { FindingStatus, RegisteredFinding } from '../store/store.ts';
import { groupOf } from './described.ts';

/** An over-refusal has no severity: it counts as a mild harm. */
const OVER_REFUSAL = 2;

export interface ClusterOfFindings {
  readonly name: string;
  /** Of several categories: their group in the taxonomy. */
  readonly category: string;
  readonly kind: RegisteredFinding['finding']['kind'];
  /** Highest severity. */
  readonly severity: number;
  /** Findings, duplicates among them. */
  readonly frequency: number;
  /** severity x frequency. */
  readonly priority: number;
  readonly statuses: Readonly<Partial<Record<FindingStatus, number>>>;
  readonly attacks: readonly string[];
  /** The findings that are no duplicates, the most severe first. */
  readonly findings: readonly RegisteredFinding[];
}

export const severityOf = ({ severity }: Pick<RegisteredFinding['finding'], 'severity'>): number =>
  severity ?? OVER_REFUSAL;

/** Clusters by priority. What was dismissed is in none, unless all of it is asked for. */
export function triage(entries: readonly RegisteredFinding[], withDismissed = false): ClusterOfFindings[] {
  const counted = entries.filter(({ status }) => withDismissed || status !== 'dismissed');
  return [...Map.groupBy(counted, ({ cluster, finding }) => cluster ?? finding.category)]
    .map(([name, members]): ClusterOfFindings => {
      const severity = Math.max(...members.map(({ finding }) => severityOf(finding)));
      const statuses = Object.fromEntries(
        [...Map.groupBy(members, ({ status }) => status)].map(([status, of]) => [status, of.length]),
      );
      const { category: first, kind } = members[0]!.finding;
      const category = members.every(({ finding }) => finding.category === first) ? first : groupOf(first);
      return {
        name,
        category,
        kind,
        severity,
        frequency: members.length,
        priority: severity * members.length,
        statuses,
        attacks: [...new Set(members.map(({ finding }) => finding.attack ?? 'plain'))].sort(),
        findings: members
          .filter(({ duplicateOf }) => duplicateOf === undefined)
          .sort(
            (a, b) => severityOf(b.finding) - severityOf(a.finding) || (a.finding.id < b.finding.id ? -1 : 1),
          ),
      };
    })
    .sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
}

/**
 * The status after replays of which `reproduced` broke again. As many as `need` confirm it, and make a fixed one regressed; none
 * at all fixes a confirmed one; what lies between says nothing new. A person's dismissal stands.
 */
export function statusAfter(status: FindingStatus, reproduced: number, need: number): FindingStatus {
  if (status === 'dismissed') return status;
  if (reproduced >= need) return status === 'fixed' || status === 'regressed' ? 'regressed' : 'confirmed';
  if (reproduced === 0 && (status === 'confirmed' || status === 'regressed')) return 'fixed';
  return status;
}
