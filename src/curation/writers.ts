/**
 * Safe-response writers: the `chosen` side of harm examples and the `rejected` side of benign ones. A decline says
 * what it will not do (in the general words of the category, never the request's own), why, and what it can do
 * instead; sentence structures (prompts/writers.json) are crossed with each leaf's phrases (its `declineNote`), so
 * that a model learns to decline by category and not one canned sentence.
 */
import { z } from 'zod';
import { TemperError } from '../core/errors.ts';
import type { Rng } from '../core/rng.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { parseData } from '../scenarios/data-file.ts';
import { type Leaf, type Taxonomy, leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';
import type { ResponseWriter } from './curate.ts';

const PLACEHOLDERS = ['what', 'why', 'Why', 'instead', 'Help'] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];

const structure = z
  .string()
  .includes('{what}')
  .includes('{instead}')
  .refine((text) => /\{[wW]hy\}/.test(text), 'lacks {why}')
  .refine(
    (text) =>
      [...text.matchAll(/\{(\w+)\}/g)].every(([, name]) => PLACEHOLDERS.includes(name as Placeholder)),
    'has an unknown placeholder',
  );

const writersFile = z.strictObject({
  id: z.string(),
  version: z.string(),
  /** Structures for most leaves. */
  plain: z.array(structure).min(8),
  /** Structures for leaves of self-harm: care first, help at the end. */
  care: z.array(structure.includes('{Help}')).min(8),
  help: z.array(z.string()).min(1),
  overRefusals: z.array(z.string()).min(12),
});

const data = parseData(BUILT_IN.prompts('writers'), writersFile, 'prompts');

/** For lineage: `chosenBy` of a written decline. */
export const DECLINE_WRITER = `writer:decline@${data.version}`;

/** For lineage: `rejectedBy` of an unjustified refusal. */
export const OVER_REFUSAL_WRITER = `writer:over-refusal@${data.version}`;

/**
 * The writers behind the interface that curation takes, for the categories of a taxonomy.
 * `decline` throws a `data` error for a category that the taxonomy lacks.
 */
export function createWriter({
  taxonomy = loadTaxonomy(BUILT_IN.taxonomy),
  phrases,
}: { readonly taxonomy?: Taxonomy; readonly phrases?: number } = {}): ResponseWriter {
  const leaves = leavesById(taxonomy);
  return {
    declineId: DECLINE_WRITER,
    overRefusalId: OVER_REFUSAL_WRITER,
    decline(category, random) {
      const leaf = leaves.get(category);
      if (leaf === undefined) {
        throw new TemperError('data', `the taxonomy '${taxonomy.id}' has no category '${category}'`, {
          hint: 'Use a category of the taxonomy in the suite, or add a leaf with a declineNote.',
        });
      }
      return writeDecline(leaf, random, phrases);
    },
    overRefusal: writeOverRefusal,
  };
}

/**
 * A decline of 20 to 55 words for a request of this category, with one of three openings. The request itself is not an argument: nothing of it
 * may be echoed. Give each example its own stream, as in `rng('decline', dialogueKey)`. `phrases`: of each list of the category, how many are
 * used. A small model that sees few examples of a category mixes up many (docs/decisions/0020-one-phrase.md).
 */
export function writeDecline(leaf: Leaf, random: Rng, phrases = Infinity): string {
  const note = leaf.declineNote;
  const pick = (list: readonly string[]): string => random.pick(list.slice(0, phrases));
  const pattern = random.pick(note.tone === 'care' ? data.care : data.plain);
  const why = pick(note.why);
  const words: Readonly<Record<Placeholder, string>> = {
    what: pick(note.what),
    why,
    Why: capitalised(why),
    instead: pick(note.instead),
    Help: random.pick(data.help),
  };
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) => words[name as Placeholder]);
}

/** A short unjustified refusal: only ever the `rejected` answer to a benign request. */
export function writeOverRefusal(random: Rng): string {
  return random.pick(data.overRefusals);
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
