/**
 * The harm taxonomy: leaves (categories) under groups, each with a definition, what is not a violation, and its
 * place in four other taxonomies (docs/concepts.md). The content is data in
 * taxonomies/; this file reads and checks it.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { TemperError, errorMessage } from '../core/errors.ts';

/** Azure AI content safety's four categories. */
export const AZURE = ['hate_unfairness', 'sexual', 'violence', 'self_harm'] as const;

/** MLCommons AILuminate 1.0's twelve hazards. */
export const AILUMINATE = [
  'vcr',
  'ncr',
  'src',
  'cse',
  'iwp',
  'ssh',
  'hte',
  'prv',
  'ipv',
  'dfm',
  'spc',
  'sxc',
] as const;

/** BeaverTails' fourteen keys, spelled as in its files. */
export const BEAVERTAILS = [
  'animal_abuse',
  'child_abuse',
  'controversial_topics,politics',
  'discrimination,stereotype,injustice',
  'drug_abuse,weapons,banned_substance',
  'financial_crime,property_crime,theft',
  'hate_speech,offensive_language',
  'misinformation_regarding_ethics,laws_and_safety',
  'non_violent_unethical_behavior',
  'privacy_violation',
  'self_harm',
  'sexually_explicit,adult_content',
  'terrorism,organized_crime',
  'violence,aiding_and_abetting,incitement',
] as const;

/** HarmBench's seven semantic categories. */
export const HARMBENCH = [
  'chemical_biological',
  'cybercrime_intrusion',
  'copyright',
  'misinformation_disinformation',
  'harassment_bullying',
  'illegal',
  'harmful',
] as const;

const text = z.string().min(1);

const leafSchema = z.strictObject({
  id: text,
  group: text,
  name: text,
  definition: text,
  notViolation: text,
  /** True for leaves (minors, weapons of mass harm) that hold benign look-alikes and bare one-line requests only. */
  restricted: z.boolean(),
  /** True where the harm falls on somebody else than the person asking. */
  thirdParty: z.boolean(),
  mappings: z.strictObject({
    azure: z.enum(AZURE).nullable(),
    ailuminate: z.enum(AILUMINATE),
    beavertails: z.array(z.enum(BEAVERTAILS)).min(1),
    harmbench: z.enum(HARMBENCH),
  }),
  /** Phrases for the safe-response writers (curation/writers.ts). */
  declineNote: z.strictObject({
    tone: z.enum(['plain', 'care']),
    /** Verb phrases that follow "I won't". */
    what: z.array(text).min(3),
    /** Full clauses that follow "because". */
    why: z.array(text).min(3),
    /** Verb phrases that follow "I can". */
    instead: z.array(text).min(4),
  }),
});

const taxonomySchema = z
  .strictObject({
    id: text,
    version: text,
    groups: z.array(z.strictObject({ id: text, name: text })).min(1),
    leaves: z.array(leafSchema).min(1),
  })
  .superRefine((taxonomy, context) => {
    const groups = new Set(taxonomy.groups.map((group) => group.id));
    const seen = new Set<string>();
    for (const [index, leaf] of taxonomy.leaves.entries()) {
      const path = ['leaves', index];
      if (!groups.has(leaf.group)) {
        context.addIssue({
          code: 'custom',
          path: [...path, 'group'],
          message: `unknown group '${leaf.group}'`,
        });
      }
      if (seen.has(leaf.id)) {
        context.addIssue({ code: 'custom', path: [...path, 'id'], message: `duplicate id '${leaf.id}'` });
      }
      seen.add(leaf.id);
    }
  });

export type Leaf = z.infer<typeof leafSchema>;
export type DeclineNote = Leaf['declineNote'];
export type Taxonomy = z.infer<typeof taxonomySchema>;

/**
 * Reads and validates a taxonomy file.
 * @throws TemperError 'data' that lists every problem with its leaf and field.
 */
export function loadTaxonomy(path: string): Taxonomy {
  return parseData(path, taxonomySchema, 'taxonomy', (raw, issuePath) => namedItem(raw, issuePath, 'id'));
}

/** Leaves by id. */
export function leavesById(taxonomy: Taxonomy): ReadonlyMap<string, Leaf> {
  return new Map(taxonomy.leaves.map((leaf) => [leaf.id, leaf]));
}

/**
 * Reads a JSON data file and validates it with `schema`, reporting all problems at once, one a line, each with the
 * item's name (from `nameOf`) and the field.
 */
export function parseData<S extends z.ZodType>(
  path: string,
  schema: S,
  what: string,
  nameOf: (raw: unknown, issuePath: readonly PropertyKey[]) => string = (_, issuePath) =>
    issuePath.map(String).join('.'),
): z.infer<S> {
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new TemperError('data', `${path}: cannot read the ${what} (${errorMessage(cause)})`, {
      hint: 'Check that the file exists and is valid JSON.',
      cause,
    });
  }
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `  ${nameOf(raw, issue.path)}: ${issue.message}`);
  throw new TemperError(
    'data',
    `${path}: ${problems.length} problem${problems.length === 1 ? '' : 's'} in the ${what}\n${problems.join('\n')}`,
    { hint: 'Mend the fields named above; every problem of the file is listed.', cause: result.error },
  );
}

/** `leaves.3.name` as `leaves 'theft', field name`: people know items by id or key, not by position. */
export function namedItem(raw: unknown, path: readonly PropertyKey[], idField: string): string {
  const [list, index, ...field] = path;
  if (typeof index !== 'number') return path.map(String).join('.') || 'file';
  const item = (raw as Record<PropertyKey, unknown[] | undefined>)[list as string]?.[index] as
    | Record<string, unknown>
    | undefined;
  const id = item?.[idField];
  const name = typeof id === 'string' ? `'${id}'` : `number ${index + 1}`;
  return `${String(list)} ${name}${field.length > 0 ? `, field ${field.map(String).join('.')}` : ''}`;
}
