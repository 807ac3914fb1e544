/** The attacks and strategies as a list: what each is, and on which side its family is. */
import { ATTACKS, type Attack, FAMILIES, splitOf } from '../dialogue/attacks/index.ts';
import { STRATEGIES } from '../dialogue/strategies/index.ts';
import { wrapped } from '../report/format.ts';

interface Listed {
  readonly id: string;
  readonly kind: 'converter' | 'template' | 'strategy';
  readonly family: string;
  readonly split: 'dev' | 'sealed';
  readonly description: string;
  readonly source: string;
  /** Of a converter: whether it can be undone. */
  readonly decodes?: boolean;
  /** Of a strategy: most messages to the target, and its options with their defaults. */
  readonly queries?: number;
  readonly options?: unknown;
  readonly published?: string;
}

export function attackList(): Listed[] {
  const attacks: readonly Attack[] = Object.values(ATTACKS);
  return [
    ...attacks.map(({ id, kind, family, description, source, decode }): Listed => ({
      id,
      kind,
      family,
      split: splitOf(family),
      description,
      source,
      ...(kind === 'converter' ? { decodes: decode !== undefined } : {}),
    })),
    ...Object.values(STRATEGIES).map(
      ({ id, family, description, source, published, options, bound }): Listed => ({
        id,
        kind: 'strategy',
        family,
        split: splitOf(family),
        description,
        source,
        queries: bound({}).queries,
        options: options.parse({}),
        published,
      }),
    ),
  ];
}

const TITLES = { converter: 'Converters', template: 'Templates', strategy: 'Strategies' } as const;

const optionsText = (options: unknown): string =>
  Object.entries(options as Record<string, unknown>)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(',');

/** By kind and side. */
export function attackListText(): string {
  const all = attackList();
  const lines: string[] = [];
  for (const kind of ['converter', 'template', 'strategy'] as const)
    for (const split of ['dev', 'sealed'] as const) {
      const of = all.filter((each) => each.kind === kind && each.split === split);
      lines.push('', `${TITLES[kind]}, ${split} (${of.length})`);
      for (const { id, family, description, queries, options, published } of of) {
        const how =
          kind === 'strategy'
            ? ` At most ${queries} queries${optionsText(options) === '' ? '' : ` (${optionsText(options)})`}; published: ${published}.`
            : '';
        const [first = '', ...rest] = wrapped(`[${family}] ${description}${how}`, 75, '');
        lines.push(`  ${id.padEnd(21)} ${first}`, ...rest.map((line) => `${' '.repeat(24)}${line}`));
      }
    }
  return `${lines.slice(1).join('\n')}\n\nChains: base64+role-play applies base64, then role-play; families of one side.\n${Object.keys(FAMILIES).length} families; a family is on one side: prompts/attack-families.json.\n`;
}
