/**
 * The harm taxonomy: leaves (categories) under groups, each with a definition, what is not a violation, and its
 * place in four other taxonomies (docs/concepts.md). The content is data in
 * taxonomies/; this file reads and checks it.
 */
import { z } from 'zod';
import { namedItem, parseData } from './data-file.ts';

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
