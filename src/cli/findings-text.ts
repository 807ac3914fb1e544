/** The register for people, within 100 columns. */
import { printableInLine } from '../core/limits.ts';
import type { FrameworkLabels } from '../findings/frameworks.ts';
import type { ClusterOfFindings } from '../findings/triage.ts';
import type { ImportedFindings, Replayed } from '../loop/findings.ts';
import type { RegisteredFinding } from '../store/store.ts';
import { wrapped } from '../report/format.ts';
import { COMMAND } from './help.ts';

const LINE = 98;
const cut = (text: string, most: number): string => {
  const line = printableInLine(text);
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
};

const replaysText = ({ replays, reproduced }: RegisteredFinding): string =>
  replays === 0 ? '' : `${reproduced} of ${replays}`;

/** Clusters by priority, under each the findings that are no duplicates. */
export function listText(clusters: readonly ClusterOfFindings[], most: number, by: string): string {
  if (clusters.length === 0)
    return `No findings. \`${COMMAND} attack\` makes some, \`${COMMAND} findings import\` brings those of other tools.\n`;
  const total = clusters.reduce((sum, { frequency }) => sum + frequency, 0);
  const lines = [
    cut(`${total} findings in ${clusters.length} clusters (by ${by}), by severity x frequency`, LINE),
    '',
    '  finding               status     severity replays  attack',
  ];
  for (const { name, category, severity, frequency, priority, findings } of clusters.slice(0, most)) {
    lines.push(`${cut(name, 72)}  (${priority} = ${severity} x ${frequency})`);
    for (const entry of findings.slice(0, most)) {
      const { finding, status } = entry;
      const grade = finding.severity === undefined ? '–' : String(finding.severity);
      // A cluster of several categories says which, finding by finding.
      const which = finding.category === category ? '' : `, ${finding.category}`;
      lines.push(
        `  ${finding.id.padEnd(20)}  ${status.padEnd(10)} ${grade.padEnd(8)} ${replaysText(entry).padEnd(8)} ${cut(`${finding.attack ?? 'plain'}${which}`, 44)}`.trimEnd(),
      );
    }
    if (findings.length > most) lines.push(`  ... and ${findings.length - most} more`);
    const duplicates = frequency - findings.length;
    if (duplicates > 0) lines.push(`  and ${duplicates} ${duplicates === 1 ? 'duplicate' : 'duplicates'}`);
  }
  if (clusters.length > most)
    lines.push(`... and ${clusters.length - most} more clusters: --most, or --json`);
  return `${lines.join('\n')}\n`;
}

const row = (name: string, value: string | undefined): string[] =>
  value === undefined || value === ''
    ? []
    : wrapped(value, LINE - 14, '').map((line, i) => `${(i === 0 ? name : '').padEnd(13)} ${line}`);

/** What the register says of a finding; its conversation follows. */
export function entryText(entry: RegisteredFinding, labels: FrameworkLabels): string {
  const { status, source, cluster, duplicateOf, note, changed } = entry;
  return [
    ...row('status', changed === undefined ? status : `${status}, ${changed}`),
    ...row('replays', replaysText(entry) === '' ? 'none yet' : `${replaysText(entry)} broke again`),
    ...row('cluster', cluster),
    ...row('duplicate of', duplicateOf),
    ...row('source', source),
    ...row('note', note),
    ...row('OWASP LLM', labels.owasp.join('; ')),
    ...row('NIST AI RMF', labels.nist.join('; ')),
    ...row('MITRE ATLAS', labels.atlas.join('; ')),
    ...row('AILuminate', labels.ailuminate.join('; ')),
  ].join('\n');
}

export function replayedText(results: readonly Replayed[], replays: number, need: number): string {
  if (results.length === 0) return 'Nothing to replay: no finding is new.\n';
  const counts = Map.groupBy(results, ({ status }) => status);
  const lines = results.map(
    ({ id, before, status, reproduced, unscored }) =>
      `  ${id}  ${`${reproduced} of ${replays}`.padEnd(9)}${unscored > 0 ? `${unscored} unscored  ` : ''}${before === status ? status : `${before} -> ${status}`}`,
  );
  const summary = [...counts].map(([status, of]) => `${of.length} ${status}`).join(', ');
  return `${[`Replayed ${replays} times each; ${need} confirm`, ...lines, summary].join('\n')}\n`;
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

export function importedText(result: ImportedFindings, path: string): string {
  const { format, records, findings, added, passed, unknown, passedOver, unmapped, cut: more } = result;
  const reasons = Object.entries(passedOver).map(([reason, n]) => `${n}: ${reason}`);
  return `${[
    `${cut(path, 60)}: ${format}, ${records} records`,
    `  ${counted(findings, 'finding')}, ${added} of them new to the register`,
    ...(passed > 0 ? [`  ${counted(passed, 'answer')} without one: the target did right`] : []),
    ...(unknown > 0
      ? [`  ${counted(unknown, 'answer')} without a verdict: --judge has the configured judge decide`]
      : []),
    ...(reasons.length > 0
      ? wrapped(`passed over: ${reasons.join('; ')}`, LINE - 2, '').map((line) => `  ${line}`)
      : []),
    ...(unmapped > 0
      ? [`  ${unmapped} of a harm that is in no category here: --category LEAF gives them one`]
      : []),
    ...(more ? ['  the rest of the file was not read: --limit'] : []),
  ].join('\n')}\n`;
}
