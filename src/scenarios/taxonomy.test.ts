import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TemperError } from '../core/errors.ts';
import { BUILT_IN } from './built-in.ts';
import { AILUMINATE, AZURE, BEAVERTAILS, HARMBENCH, loadTaxonomy } from './taxonomy.ts';

const taxonomy = loadTaxonomy(BUILT_IN.taxonomy);

/** Writes `value` to a file of its own and returns its path. */
function fileOf(value: unknown): string {
  const path = join(mkdtempSync(join(tmpdir(), 'temper-taxonomy-')), 'taxonomy.json');
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

function failure(path: string): TemperError {
  try {
    loadTaxonomy(path);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(TemperError);
    return thrown as TemperError;
  }
  throw new Error('loaded what it should refuse');
}

describe('the built-in taxonomy', () => {
  it('has about ten groups and at least 36 leaves, no group empty', () => {
    expect(taxonomy.leaves.length).toBeGreaterThanOrEqual(36);
    const used = new Set(taxonomy.leaves.map((leaf) => leaf.group));
    expect(taxonomy.groups.map((group) => group.id).sort()).toEqual([...used].sort());
  });

  it('maps only to known labels, and uses every label of the four taxonomies', () => {
    const mappings = taxonomy.leaves.map((leaf) => leaf.mappings);
    expect(new Set(mappings.map((mapping) => mapping.azure).filter((label) => label !== null))).toEqual(
      new Set(AZURE),
    );
    expect(new Set(mappings.map((mapping) => mapping.ailuminate))).toEqual(new Set(AILUMINATE));
    expect(new Set(mappings.flatMap((mapping) => mapping.beavertails))).toEqual(new Set(BEAVERTAILS));
    expect(new Set(mappings.map((mapping) => mapping.harmbench))).toEqual(new Set(HARMBENCH));
  });

  it('restricts the leaves on minors and on weapons of mass harm', () => {
    const restricted = taxonomy.leaves.filter((leaf) => leaf.restricted).map((leaf) => leaf.group);
    expect(new Set(restricted)).toEqual(new Set(['mass-harm', 'children']));
    expect(
      taxonomy.leaves
        .filter((leaf) => ['mass-harm', 'children'].includes(leaf.group))
        .every((leaf) => leaf.restricted),
    ).toBe(true);
  });
});

describe('a broken taxonomy', () => {
  it('is refused with every problem, each with leaf and field', () => {
    const broken = structuredClone(taxonomy) as unknown as { leaves: Record<string, unknown>[] };
    delete broken.leaves[0]!['definition'];
    (broken.leaves[1]!['mappings'] as Record<string, unknown>)['azure'] = 'rudeness';
    const error = failure(fileOf(broken));
    expect(error.code).toBe('data');
    expect(error.message).toContain("leaves 'assault', field definition");
    expect(error.message).toContain("leaves 'domestic-abuse', field mappings.azure");
  });

  it('is refused for an unknown group and for a duplicate id', () => {
    const broken = structuredClone(taxonomy);
    broken.leaves[0]!.group = 'nowhere';
    broken.leaves[1]!.id = broken.leaves[2]!.id;
    const { message } = failure(fileOf(broken));
    expect(message).toContain("unknown group 'nowhere'");
    expect(message).toContain("duplicate id 'weapons'");
  });

  it('is refused when it is not JSON or not there', () => {
    expect(failure(fileOf('{')).message).toContain('cannot read the taxonomy');
    expect(failure('/nowhere/taxonomy.json').code).toBe('data');
  });
});
