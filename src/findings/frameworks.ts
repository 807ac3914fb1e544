/** How a finding reads in other frameworks (taxonomies/frameworks-v1.json): OWASP LLM, NIST AI RMF, MITRE ATLAS, MLCommons. */
import { z } from 'zod';
import type { Finding } from '../core/records.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { parseData } from '../scenarios/data-file.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';

const text = z.string().min(1);
const labels = z.array(text);

const schema = z.strictObject({
  id: text,
  version: text,
  note: text,
  sources: z.record(text, text),
  ailuminate: z.record(text, text),
  kinds: z.record(z.enum(['harm', 'over-refusal']), z.strictObject({ nist: text, owasp: labels })),
  categories: z.record(text, z.strictObject({ nist: text, owasp: labels })),
  /** `none`: asked plainly; `any`: an attack that has no entry of its own. */
  attacks: z.record(text, z.strictObject({ owasp: labels, atlas: labels })),
  names: z.record(text, text),
});

const data = parseData(BUILT_IN.frameworks, schema, 'framework mappings');
const leaves = leavesById(loadTaxonomy(BUILT_IN.taxonomy));

export const FRAMEWORK_CATEGORIES: readonly string[] = Object.keys(data.categories);

export interface FrameworkLabels {
  readonly owasp: readonly string[];
  /** Risk of NIST AI 600-1, and the measure of the RMF that looks at it. */
  readonly nist: readonly string[];
  readonly atlas: readonly string[];
  readonly ailuminate: readonly string[];
}

/** Nothing where nothing fits: a category that is not of the taxonomy has no risk. */
export function frameworkLabels({
  kind,
  category,
  attack,
}: Pick<Finding, 'kind' | 'category' | 'attack'>): FrameworkLabels {
  const of = Object.hasOwn(data.categories, category) ? data.categories[category] : undefined;
  const name = (attack ?? 'none').split(/[:+]/)[0]!;
  const way = Object.hasOwn(data.attacks, name) ? data.attacks[name]! : data.attacks['any']!;
  const hazard = leaves.get(category)?.mappings.ailuminate;
  return {
    owasp: kind === 'over-refusal' ? [] : [...new Set([...way.owasp, ...(of?.owasp ?? [])])],
    nist: [data.kinds[kind].nist, ...(kind === 'over-refusal' || !of ? [] : [of.nist])],
    atlas: kind === 'over-refusal' ? [] : way.atlas.map((id) => `${id} ${data.names[id] ?? ''}`.trim()),
    ailuminate:
      hazard === undefined || kind === 'over-refusal'
        ? []
        : [`${hazard} ${data.ailuminate[hazard] ?? ''}`.trim()],
  };
}
