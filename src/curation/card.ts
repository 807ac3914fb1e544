/** The card of a dataset, in Markdown: what is in it, where that comes from, what was left out, and how to use it. */
import { printableInLine } from '../core/limits.ts';
import type { PreferenceExample } from '../core/records.ts';
import { type Dimension, DIMENSIONS } from './dimensions.ts';
import type { KindCounts } from './kinds.ts';

export interface CardInput {
  readonly id: string;
  readonly kinds: KindCounts;
  /** Why so many were left out, as `reasonsOf` tells them. */
  readonly removed: ReadonlyMap<string, number>;
  /** What was written, with its SHA-256. */
  readonly files: readonly { readonly name: string; readonly records: number; readonly sha256: string }[];
  /** What data it is and what the id is of, in a sentence each. */
  readonly about: string;
  /** Licence of an imported file, by the path in the lineage. */
  readonly licences: ReadonlyMap<string, { readonly format: string; readonly licence: string }>;
  readonly usage: string;
}

/** Text of others in a table: no Markdown, no HTML, no line break. */
const cell = (value: string | number): string =>
  printableInLine(String(value)).replace(
    /[\\`*_[\]<>|#!~&]/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );

const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [head, head.map(() => '---'), ...rows.map((row) => row.map(cell))]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');

/** Of what was removed: without the figures and names that make each reason another. */
export function reasonsOf(removed: Iterable<{ readonly reason: string }>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { reason } of removed) {
    const told = reason.replace(/\d+ %/g, 'some %').replace(/^rejected by .*/s, 'rejected by a person');
    counts.set(told, (counts.get(told) ?? 0) + 1);
  }
  return counts;
}

/** The last part of a path: where a file lay on this machine is nobody's business. */
const fileName = (path: string): string => path.split(/[\\/]/).at(-1)!;

/** Who wrote an answer; a person's name stays here. */
const writer = (by: string): string => (by.startsWith('person:') ? 'person' : by);

const TEACHES: Readonly<Record<PreferenceExample['purpose'] | 'unknown', string>> = {
  harm: 'to decline',
  benign: 'to answer what only looks harmful',
  general: 'to stay helpful',
  unknown: 'the imported file does not say; taken as general',
};

const TOLD: Readonly<Record<Dimension, string>> = {
  category: 'category',
  language: 'language of the request',
  length: 'length of the chosen answer',
  style: 'refusal (learnt of a harmful request, rejected of a harmless one) begins',
};

export function datasetCard(input: CardInput): string {
  const { id, about, kinds, removed, files, licences, usage } = input;
  const pairs = kinds.count(({ pair }) => pair);
  const cut = (which: 'chosen' | 'rejected'): number => kinds.count((kind) => kind.cut.includes(which));
  const imported = kinds.by(({ file }) => file);
  const sections: [string, string][] = [
    [
      'Files',
      table(
        ['file', 'records', 'SHA-256'],
        files.map(({ name, records, sha256 }) => [name, records, sha256]),
      ),
    ],
    [
      'Content',
      [
        `${kinds.total} examples: ${pairs} with two answers, ${kinds.total - pairs} for SFT alone (nothing worse was said).`,
        '',
        table(
          ['purpose', 'teaches', 'examples'],
          kinds
            .by(({ purpose }) => purpose)
            .map(([purpose, n]) => [purpose, TEACHES[purpose as keyof typeof TEACHES], n]),
        ),
        '',
        table(
          ['source', 'examples'],
          kinds.by(({ source }) => source),
        ),
        ...DIMENSIONS.flatMap((dimension) => [
          '',
          table(
            [TOLD[dimension], 'examples'],
            kinds.by((kind) => kind[dimension]),
          ),
        ]),
        '',
        table(
          ['chosen answer by', 'rejected answer by', 'examples'],
          kinds
            .by(({ chosenBy, rejectedBy }) => `${writer(chosenBy)}\n${writer(rejectedBy)}`)
            .map(([by, n]) => [...by.split('\n'), n]),
        ),
      ].join('\n'),
    ],
    [
      'Cut answers',
      [
        `A token limit cut off ${cut('chosen')} chosen and ${cut('rejected')} rejected answers (\`cut\` names which). What is there is right to learn;`,
        'that it ends there is not. temper teaches no end of such an answer. Other trainers add one, and a model that learns from many',
        'of them gives shorter answers: leave the chosen ones out, raise `curation.maxTokens`, or train with temper.',
      ].join('\n'),
    ],
    [
      'Licences',
      imported.length === 0
        ? 'Nothing was imported: requests are those of the suites, answers are of the target model and of temper’s writers.'
        : table(
            ['imported file', 'format', 'licence of the set', 'examples'],
            imported.map(([file, n]) => {
              const { format: kind, licence } = licences.get(file) ?? {
                format: 'unknown',
                licence: 'unknown',
              };
              return [fileName(file), kind, licence, n];
            }),
          ),
    ],
    [
      'Left out',
      removed.size === 0
        ? 'Nothing.'
        : table(
            ['why', 'examples'],
            [...removed].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)),
          ),
    ],
    ['Use', usage],
    [
      'Care',
      'Rejected answers are what a model should not say, and some of them do harm: keep them from whom they could hurt, and never\nserve them as answers.',
    ],
  ];
  return [
    `# Dataset ${id}`,
    '',
    about,
    ...sections.flatMap(([title, text]) => ['', `## ${title}`, '', text]),
    '',
  ].join('\n');
}
