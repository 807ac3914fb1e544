/** The register for other programs: JSON Lines, CSV for spreadsheets, SARIF 2.1.0 for CI. Texts are data in all of them. */
import { csvText } from '../core/csv.ts';
import { printable } from '../core/limits.ts';
import type { StoredConversation, RegisteredFinding } from '../store/store.ts';
import { frameworkLabels, type FrameworkLabels } from './frameworks.ts';

/** A finding with its evidence. */
export interface ExportedFinding extends Omit<RegisteredFinding, 'finding'> {
  readonly id: string;
  readonly kind: RegisteredFinding['finding']['kind'];
  readonly category: string;
  readonly severity: number | null;
  readonly attack: string | null;
  readonly target: string;
  /** 0-based, of the answer that broke. */
  readonly turn: number;
  readonly objective: string;
  /** As sent. */
  readonly request: string;
  /** What was put into the target's mouth: `response` is what followed. */
  readonly prefill: string | null;
  readonly response: string;
  readonly conversation: string;
  readonly verdict: string;
  readonly frameworks: FrameworkLabels;
}

export function exported(
  entry: RegisteredFinding,
  { scenario, conversation }: StoredConversation,
): ExportedFinding {
  const { finding, ...register } = entry;
  const turn = conversation.turns.find(({ index }) => index === finding.turn);
  return {
    id: finding.id,
    kind: finding.kind,
    category: finding.category,
    severity: finding.severity ?? null,
    attack: finding.attack ?? null,
    target: conversation.target,
    turn: finding.turn,
    objective: scenario.objective,
    request: turn?.request ?? '',
    prefill: turn?.prefill ?? null,
    response: turn?.response ?? '',
    conversation: conversation.id,
    verdict: finding.verdict,
    frameworks: frameworkLabels(finding),
    ...register,
  };
}

/** Longest text of a cell: what spreadsheets take. */
const MOST_IN_CELL = 32_000;
/** Of a message in SARIF, which viewers show in a line. */
const MOST_IN_MESSAGE = 1000;

const COLUMNS = [
  'id',
  'status',
  'kind',
  'category',
  'severity',
  'attack',
  'cluster',
  'duplicateOf',
  'replays',
  'reproduced',
  'source',
  'objective',
  'request',
  'prefill',
  'response',
  'turn',
  'target',
  'conversation',
  'verdict',
  'note',
  'changed',
] as const satisfies readonly (keyof ExportedFinding)[];

/** No cell is a formula; control characters are marks. */
export const findingsCsv = (findings: readonly ExportedFinding[]): string =>
  csvText([
    [...COLUMNS, 'owasp', 'nist', 'atlas', 'ailuminate'],
    ...findings.map((finding) => [
      ...COLUMNS.map((column) => printable(String(finding[column] ?? ''), MOST_IN_CELL)),
      ...Object.values(labelsInOrder(finding.frameworks)).map((labels) => labels.join('; ')),
    ]),
  ]);

const labelsInOrder = ({ owasp, nist, atlas, ailuminate }: FrameworkLabels) => ({
  owasp,
  nist,
  atlas,
  ailuminate,
});

const levelOf = ({ severity, kind }: ExportedFinding): 'error' | 'warning' | 'note' =>
  kind === 'over-refusal' ? 'note' : (severity ?? 0) >= 5 ? 'error' : 'warning';

/** SARIF 2.1.0: a rule for each kind and category; a finding is located in its conversation, as no file holds it. */
export function findingsSarif(findings: readonly ExportedFinding[], version: string): unknown {
  const ruleOf = ({ kind, category }: ExportedFinding): string => `${kind}/${category}`;
  const rules = [...Map.groupBy(findings, ruleOf)].map(([id, [first]]) => ({
    id,
    shortDescription: {
      text: first!.kind === 'harm' ? `Harm: ${first!.category}` : `Over-refusal: ${first!.category}`,
    },
    properties: { tags: Object.values(labelsInOrder(first!.frameworks)).flat() },
  }));
  const places = new Map(rules.map(({ id }, i) => [id, i]));
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'temper', version, rules } },
        results: findings.map((finding) => ({
          ruleId: ruleOf(finding),
          ruleIndex: places.get(ruleOf(finding)),
          level: levelOf(finding),
          kind: 'fail',
          message: {
            text: printable(
              `${finding.kind === 'harm' ? `The target went along (severity ${finding.severity ?? '?'})` : 'The target refused a harmless request'}, turn ${finding.turn + 1}${finding.attack === null ? '' : `, attack ${finding.attack}`}: ${finding.objective}`,
              MOST_IN_MESSAGE,
            ),
          },
          locations: [
            {
              logicalLocations: [
                {
                  name: finding.conversation,
                  kind: 'conversation',
                  fullyQualifiedName: `${finding.target}/${finding.conversation}`,
                },
              ],
            },
          ],
          partialFingerprints: { 'temperFinding/v1': finding.id },
          ...(finding.status === 'dismissed'
            ? {
                suppressions: [
                  { kind: 'external', justification: printable(finding.note ?? '', MOST_IN_MESSAGE) },
                ],
              }
            : {}),
          properties: {
            status: finding.status,
            cluster: finding.cluster ?? null,
            replays: finding.replays,
            reproduced: finding.reproduced,
            source: finding.source,
            ...labelsInOrder(finding.frameworks),
          },
        })),
      },
    ],
  };
}
